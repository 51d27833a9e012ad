"""What the firewall was when it was last read: live from the Compute API, from a file, or not at all, and the operator cannot tell.

The last good reading stays while newer ones fail; `trouble` says so, and its age is in `last_read`. A reading's time is that of its
*beginning*: what the cloud answers may be older than the answer, never older than the question.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from pathcheck.model.cluster import Scope
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Unavailable
from pathcheck.shell.settings import Settings
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of

log = structlog.get_logger()

ANSWER_SECONDS = 45.0
# Compute Engine counts requests by the minute, and refills at the next (https://cloud.google.com/compute/api-quota).
LONGEST_PAUSE_SECONDS = 60.0
# An answer is one line; a project's whole firewall may be some ten MiB.
LONGEST_LINE = 1 << 28
READER = (sys.executable, "-m", "pathcheck.shell.reader")


class NotRead(Exception):  # noqa: N818 - it reads as what it says
    """One reading failed. `forbidden` is the missing permission; `slow_down`: asking again soon would make it worse."""

    def __init__(self, why: str, forbidden: str = "", slow_down: bool = False) -> None:
        super().__init__(why)
        self.forbidden = forbidden
        self.slow_down = slow_down


class Source(Protocol):
    """Where recordings come from."""

    name: str

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        """One recording. Raises NotRead."""

    async def close(self) -> None:
        """Nothing is left running."""


class Live:
    """The Compute API, by a child process that is started when it is needed and again when it has died."""

    name = "compute"

    def __init__(self, endpoint: str | None, argv: Sequence[str] = READER) -> None:
        self._argv = argv
        self._environment = {**os.environ, **({"PATHCHECK_COMPUTE_ENDPOINT": endpoint} if endpoint else {})}
        self.child: Process | None = None

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        if scope is None:
            raise NotRead("no node names a Compute Engine machine in its spec.providerID")
        instances = [{"zone": zone, "name": name} for zone, name in scope.instances]
        request = json.dumps({"read": {"project": scope.project, "instances": instances}})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._ask(request)
        except TimeoutError:
            await self.close()
            raise NotRead(f"the reader gave no answer within {ANSWER_SECONDS:.0f} s") from None
        except asyncio.CancelledError:
            # Its answer would be taken for that to the next question.
            await self.close()
            raise
        error = answer.get("error")
        if error is not None:
            slow_down = error.get("kind") in ("forbidden", "rate-limited")
            raise NotRead(str(error.get("why")), str(error.get("permission", "")), slow_down)
        recording = answer.get("recording")
        if not isinstance(recording, dict):
            raise NotRead("the reader's answer has neither a recording nor an error")
        return recording

    async def _ask(self, request: str) -> Mapping[str, Any]:
        try:
            if self.child is None or self.child.returncode is not None:
                self.child = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=PIPE, stdout=PIPE, env=self._environment, limit=LONGEST_LINE
                )
            assert self.child.stdin is not None
            assert self.child.stdout is not None
            self.child.stdin.write(request.encode() + b"\n")
            await self.child.stdin.drain()
            line = await self.child.stdout.readline()
            answer = json.loads(line) if line else None
        except (OSError, ValueError) as error:
            await self.close()
            raise NotRead(f"the reader does not work: {error}") from error
        if not isinstance(answer, dict):
            child = self.child
            await self.close()
            raise NotRead(f"the reader ended with code {child.returncode}")
        return answer

    async def close(self) -> None:
        child, self.child = self.child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        # A reader that has died by itself has a code of its own to tell, if it is given the moment to.
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await child.wait()
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


class FromFile:
    """A recording in a file, read anew each time: whoever replaces it, changes the firewall."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        try:
            recording = json.loads(await asyncio.to_thread(self._path.read_bytes))
        except (OSError, ValueError, RecursionError) as error:
            raise NotRead(f"{self._path}: {error}") from error
        if not isinstance(recording, dict):
            raise NotRead(f"{self._path} is not a JSON object")
        return recording

    async def close(self) -> None:
        return None


def source_of(settings: Settings) -> Source | None:
    """As `firewall` is set: live, file:PATH, none."""
    match settings.firewall:
        case ("live",):
            return Live(settings.compute_endpoint)
        case ("file", path):
            return FromFile(Path(path))
        case _:
            return None


class Recordings:
    """The last good reading. `run` keeps it fresh; `ask` makes the next reading come at once, once however often it is called.

    `current` is a Firewall or, as long as there was no good reading, why; `trouble` is set while newer readings fail. However often
    it is asked, readings begin at least `apart_seconds` apart.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Callable[[], Scope | None],
        source: Source | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        apart_seconds: float = 1.0,
    ) -> None:
        self._source = source or source_of(settings)
        self._wanted = wanted
        self._now = now
        self._apart = apart_seconds
        self._interval = settings.firewall_interval_seconds or (5.0 if settings.compute_endpoint else 30.0)
        self._asked = asyncio.Event()
        self._failures = 0
        self.current: Firewall | Unavailable = (
            Unavailable("the firewall has not been read yet", pending=True)
            if self._source
            else Unavailable("reading the firewall is switched off")
        )
        self.trouble: Unavailable | None = None

    def ask(self) -> None:
        """Read again soon."""
        self._asked.set()

    async def run(self, on_change: Callable[[], None]) -> None:
        """Until it is cancelled. `on_change` is called when content or availability changed, and after a good reading asked for."""
        if self._source is None:
            return
        loop = asyncio.get_running_loop()
        try:
            while True:
                asked = self._asked.is_set()
                self._asked.clear()
                began = loop.time()
                changed, pause, patient = await self._read(self._source)
                if changed or (asked and self.trouble is None):
                    on_change()
                if not patient:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._asked.wait()
                    pause = self._apart
                await asyncio.sleep(max(0.0, began + pause - loop.time()))
        finally:
            await self._source.close()

    async def _read(self, source: Source) -> tuple[bool, float, bool]:
        """Whether anything is otherwise than before, how long to pause, and whether not even an `ask` may cut that short."""
        scope, began = self._wanted(), self._now()
        try:
            firewall = firewall_of(await source.read(scope))
        except NotARecording as error:
            return self._failed(NotRead(str(error))), self._pause(), False
        except NotRead as error:
            changed = self._failed(error)
            if scope is None:
                return changed, self._apart, True  # the first nodes will be known in a moment
            self._failures += 1
            longest = max(self._interval, LONGEST_PAUSE_SECONDS)
            slower = min(self._interval * 2 ** min(self._failures, 10), longest)
            return changed, self._jittered(slower) if error.slow_down else self._pause(), error.slow_down
        self._failures = 0
        return self._succeeded(replace(firewall, source=source.name), began), self._pause(), False

    def _succeeded(self, read: Firewall, began: datetime) -> bool:
        before, recovered = self.current, self.trouble is not None
        same = isinstance(before, Firewall) and before.revision == read.revision
        if isinstance(before, Firewall) and same:
            # The noun that was translated first stays: equal content, and whoever holds it need not look again.
            self.current = before.read_again(began)
        else:
            self.current = replace(read, first_read=began, last_read=began)
            problems = [str(p) for p in read.problems]
            log.info("firewall read", revision=read.revision, rules=len(read.rules), problems=problems)
        self.trouble = None
        return recovered or not same

    def _failed(self, error: NotRead) -> bool:
        had = self.trouble
        if had is not None and (had.why, had.forbidden) == (str(error), error.forbidden):
            return False
        self.trouble = Unavailable(str(error), had.since if had is not None else self._now(), error.forbidden)
        if isinstance(self.current, Unavailable):
            self.current = self.trouble
        log.warning("firewall not read", error=str(error), forbidden=error.forbidden)
        return True

    def _pause(self) -> float:
        return self._jittered(self._interval)

    def _jittered(self, seconds: float) -> float:
        return seconds * random.uniform(0.9, 1.1)
