"""Reading the cluster as it changes: one `kubectl get --watch`, each state with the moment in which it arrived."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Change:
    """One state of one PathCheck and when (seconds since the epoch) we were told of it."""

    at: float
    body: dict[str, Any]

    def condition(self, type_: str) -> dict[str, Any]:
        """The condition of this type; {} if it was never written."""
        conditions = self.body.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == type_), {})

    def upheld(self) -> tuple[str, str]:
        """Status and reason of Upheld."""
        condition = self.condition("Upheld")
        return condition.get("status", ""), condition.get("reason", "")

    @property
    def counts(self) -> dict[str, int]:
        """asked, upheld, violated, unknown."""
        return dict(self.body.get("status", {}).get("flows", {}))

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.body.get("status", {}).get("findings", []))


class Watch:
    """All PathChecks, watched by kubectl until the `with` block ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._news = threading.Condition()
        self.history: dict[str, list[Change]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["kubectl", "get", "pathchecks", "--watch", "--output-watch-events", "-o", "json"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        while chunk := os.read(self._process.stdout.fileno(), 65536).decode(errors="replace"):
            text += chunk
            while text := text.lstrip():
                try:
                    event, end = decoder.raw_decode(text)
                except ValueError:
                    break  # the rest of the object has not come yet
                text = text[end:]
                self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        if event["type"] == "ERROR":
            return  # the API server was away for too long for kubectl; that is for the test to know
        with self._news:
            name = event["object"]["metadata"]["name"]
            self.history.setdefault(name, []).append(Change(time.time(), event["object"]))
            self._news.notify_all()

    def wait_for(
        self, name: str, what: str, until: Callable[[Change], bool], within: float, after: float = 0
    ) -> Change:
        """The first state of this check that satisfies `until` and arrived after the moment `after`.

        Raises AssertionError with the last state when there is none within so many seconds.
        """
        deadline = time.monotonic() + within
        with self._news:
            while True:
                changes = self.history.get(name, [])
                found = next((c for c in changes if c.at >= after and until(c)), None)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    last = json.dumps(changes[-1].body.get("status"), indent=1) if changes else "never seen"
                    raise AssertionError(f"{name}: not {what} within {within} s; its status is {last}")
                self._news.wait(left)

    def last(self, name: str) -> Change:
        """The newest state of a check."""
        with self._news:
            return self.history[name][-1]


def is_true(change: Change) -> bool:
    """Upheld=True for the spec as it stands."""
    generation = change.body["metadata"]["generation"]
    return change.upheld()[0] == "True" and change.condition("Upheld").get("observedGeneration") == generation


def is_false(change: Change) -> bool:
    """Upheld=False."""
    return change.upheld()[0] == "False"


def names_the_rule(change: Change) -> bool:
    """Upheld=False because of the firewall, with the rule."""
    return change.upheld() == ("False", "BlockedByFirewall") and change.findings[0].get("rule") != ""


def violated(count: int) -> Callable[[Change], bool]:
    """So many flows are violated."""
    return lambda change: change.counts.get("violated") == count
