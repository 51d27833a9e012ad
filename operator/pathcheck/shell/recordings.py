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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from pathcheck.model.cluster import Scope
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Unavailable
from pathcheck.shell.child import Child, NotRead
from pathcheck.shell.settings import Settings
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.kept import pack

log = structlog.get_logger()

# How long after a change of the rules it matters what they were before: packets show it within a round.
SETTLED = timedelta(minutes=5)
# Compute Engine counts requests by the minute, and refills at the next (https://cloud.google.com/compute/api-quota).
LONGEST_PAUSE_SECONDS = 60.0
READER = (sys.executable, "-m", "pathcheck.shell.reader")


class NoLog(NotRead):
    """There is no audit log, and never will be."""


class Source(Protocol):
    """Where recordings come from."""

    name: str

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        """One recording. Raises NotRead."""

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """The audit log's answer, as the reader gives it. Raises NotRead."""

    async def rest(self) -> None:
        """The audit log will not be asked soon."""

    async def close(self) -> None:
        """Nothing is left running."""


class Live:
    """The Compute API and the audit log, each by a child process of its own: rules must not be read later because a log is slow."""

    name = "compute"

    def __init__(self, endpoint: str | None, argv: Sequence[str] = READER) -> None:
        environment = {**os.environ, **({"PATHCHECK_COMPUTE_ENDPOINT": endpoint} if endpoint else {})}
        self.reader, self.auditor = Child(argv, environment), Child(argv, environment)

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        if scope is None:
            raise NotRead("no node names a Compute Engine machine in its spec.providerID")
        instances = [{"zone": zone, "name": name} for zone, name in scope.instances]
        answer = await self.reader.ask({"read": {"project": scope.project, "instances": instances}})
        recording = answer.get("recording")
        if not isinstance(recording, dict):
            raise NotRead("the reader's answer has neither a recording nor an error")
        return recording

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = await self.auditor.ask({"audit": question})
        if not isinstance(answer.get("entries"), list):
            raise NotRead("the reader's answer has neither entries nor an error")
        return answer

    async def rest(self) -> None:
        # It is asked for a few minutes after a change, and changes are rare.
        await self.auditor.close()

    async def close(self) -> None:
        await self.reader.close()
        await self.auditor.close()


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

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NoLog("the firewall is read from a file, which has no audit log")

    async def rest(self) -> None:
        return None

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
        # What the rules were before they last changed, and, compressed, the recording that is translated in `current`.
        self.previous: Firewall | None = None
        self.packed = b""

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """The audit log's answer. Raises NotRead."""
        if self._source is None:
            raise NoLog("reading the firewall is switched off")
        return await self._source.audit(question)

    async def rest(self) -> None:
        """The audit log will not be asked soon."""
        if self._source is not None:
            await self._source.rest()

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
            recording = await source.read(scope)
            firewall = firewall_of(recording)
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
        if not isinstance(self.current, Firewall) or self.current.revision != firewall.revision:
            self.packed = await asyncio.to_thread(pack, recording)
        return self._succeeded(replace(firewall, source=source.name), began), self._pause(), False

    def _succeeded(self, read: Firewall, began: datetime) -> bool:
        before, recovered = self.current, self.trouble is not None
        same = isinstance(before, Firewall) and before.revision == read.revision
        if isinstance(before, Firewall) and same:
            # The noun that was translated first stays: equal content, and whoever holds it need not look again.
            self.current = before.read_again(began)
            if self.current.first_read is not None and began - self.current.first_read > SETTLED:
                self.previous = None
        else:
            self.previous = before if isinstance(before, Firewall) else None
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
