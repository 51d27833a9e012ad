"""Our own work queue: which key is due when, and one worker a key.

Level-triggered: a key says *look again at this*, never what happened. Asked twice before it is looked at, it is looked at once;
asked while it is being looked at, once more after. Nothing is lost that the next resync would not bring back.

`Agenda` knows no clock and no loop: it is told the time. `Work` gives it both.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from pathcheck.shell.ports import ClusterError

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger()


class Agenda(Generic[K]):
    """When which key is due. Times are seconds of any clock that does not go back.

    `jitter` gives a factor around 1 for each resync, so that keys which came together part.
    """

    def __init__(
        self,
        resync_seconds: float = 15.0,
        first_retry_seconds: float = 0.5,
        last_retry_seconds: float = 30.0,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),
    ) -> None:
        self._resync = resync_seconds
        self._first_retry = first_retry_seconds
        self._last_retry = last_retry_seconds
        self._jitter = jitter
        self._due: dict[K, float] = {}
        self._busy: set[K] = set()
        self._failures: dict[K, int] = {}

    def ask(self, key: K, at: float) -> None:
        """Look at this at that time, or earlier if that was asked already."""
        self._due[key] = min(at, self._due.get(key, at))

    def take(self, now: float) -> list[K]:
        """All that are due and not being looked at, longest waiting first; they are busy until done or failed."""
        due = sorted((k for k, at in self._due.items() if at <= now and k not in self._busy), key=self._due.__getitem__)
        for key in due:
            del self._due[key]
        self._busy.update(due)
        return due

    def done(self, key: K, now: float, again_seconds: float | None = None) -> None:
        """Looked at; again at the resync, or sooner if wished."""
        self._busy.discard(key)
        self._failures.pop(key, None)
        wait = self._resync * self._jitter()
        self.ask(key, now + (wait if again_seconds is None else min(wait, again_seconds)))

    def failed(self, key: K, now: float) -> float:
        """Looked at in vain; again after a pause that doubles each time, which is returned in seconds."""
        self._busy.discard(key)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = min(self._last_retry, self._first_retry * 2.0 ** (failures - 1)) * self._jitter()
        self.ask(key, now + wait)
        return wait

    def drop(self, key: K) -> None:
        """What the key stood for is gone."""
        self._busy.discard(key)
        self._failures.pop(key, None)
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """When the next key that nobody looks at is due."""
        return min((at for key, at in self._due.items() if key not in self._busy), default=None)


class Gone(Exception):  # noqa: N818 - it is news, not an error
    """Raised by `do` for a key that stands for nothing any more."""


class Work(Generic[K]):
    """Calls `do(key)` for each key that is due; what it returns is after how many seconds it wishes to be called again."""

    def __init__(self, do: Callable[[K], Awaitable[float | None]], agenda: Agenda[K]) -> None:
        self._do = do
        self._agenda = agenda
        self._wake = asyncio.Event()

    def ask(self, key: K, in_seconds: float = 0.0) -> None:
        """Look at this. Callable from anywhere on the loop, before `run` too."""
        self._agenda.ask(key, asyncio.get_running_loop().time() + in_seconds)
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as workers:
            while True:
                self._wake.clear()
                for key in self._agenda.take(clock()):
                    workers.create_task(self._one(key), name=f"work {key}")
                due = self._agenda.next_due()
                try:
                    async with asyncio.timeout_at(due):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def _one(self, key: K) -> None:
        clock = asyncio.get_running_loop().time
        try:
            again = await self._do(key)
        except Gone:
            self._agenda.drop(key)
        except Exception as error:
            wait = self._agenda.failed(key, clock())
            # A ClusterError says all in its sentence; anything else is a mistake of ours and needs its traceback.
            log.warning(
                "failed",
                work=str(key),
                error=str(error) or repr(error),
                retry_seconds=round(wait, 1),
                exc_info=_mistake(error),
            )
        else:
            self._agenda.done(key, clock(), again)
        self._wake.set()


def _mistake(error: Exception) -> Exception | None:
    return None if isinstance(error, ClusterError) else error
