"""The request log: the latest requests in memory for tests, all of them as lines of JSON on disk for people."""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import TextIO

from e2e.lab.cloud.store import Json

REMEMBERED = 10_000
FILE = "requests.jsonl"


class Journal:
    """Safe for threads. An entry: `{"time", "listener", "client", "userAgent", "method", "path", "parameters", "status",
    "seconds", "fault"?}`; status 0 is a connection that was cut before an answer."""

    def __init__(self, directory: Path) -> None:
        self._lock = threading.Lock()
        self._latest: deque[Json] = deque(maxlen=REMEMBERED)
        directory.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = (directory / FILE).open("a", buffering=1, encoding="utf-8")

    def add(self, entry: Json) -> None:
        """Adds one answered request."""
        with self._lock:
            self._latest.append(entry)
            self._file.write(json.dumps(entry) + "\n")

    def latest(self) -> list[Json]:
        """The latest requests, the oldest first."""
        with self._lock:
            return list(self._latest)

    def close(self) -> None:
        """Closes the file; later entries are an error."""
        with self._lock:
            self._file.close()
