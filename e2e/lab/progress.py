"""What the lab is doing, said while it does it: finished steps as lines with their time, the current one below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class Progress:
    """Lines for finished steps, and on a terminal one moving line for what is going on now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()
        self._status: Status | None = None

    @property
    def seconds(self) -> float:
        """Since this progress began."""
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """A finished or important step; stays on the screen."""
        self._console.print(f"[dim]{self.seconds:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """What is going on; replaced by the next. Not printed where the output is no terminal."""
        if self._status is not None:
            width = max(20, self._console.width - 6)
            self._status.update(text if len(text) <= width else text[: width - 1] + "…")

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Shows the moving line while the body runs."""
        with self._console.status("starting") as self._status:
            yield
        self._status = None
