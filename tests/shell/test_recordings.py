"""The last good reading, its age and its troubles; the reader is a real child process, the answers are scripted."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pathcheck.model.cluster import Scope
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Unavailable
from pathcheck.shell.child import NotRead
from pathcheck.shell.recordings import FromFile, Live, Recordings
from pathcheck.shell.settings import Settings
from tests.builders import seconds
from tests.recordings import PROJECT, Raw, recording, rule

SCOPE = Scope(PROJECT, (("us-east1-b", "node-1"),))
SETTINGS = Settings(probe_image="probe")
FAKE = Path(__file__).parent / "fake_reader.py"


class Scripted:
    """A source that gives what the test puts in, and waits for more."""

    name = "scripted"

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Raw | NotRead] = asyncio.Queue()
        self.reads = 0

    async def read(self, scope: Scope | None) -> Mapping[str, Any]:
        self.reads += 1
        answer = await self.answers.get()
        if isinstance(answer, NotRead):
            raise answer
        return answer

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotRead("nobody asks")

    async def rest(self) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Nothing runs."""


class Clock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return seconds(self.looks)


async def after(*answers: Raw | NotRead) -> tuple[Recordings, int]:
    """The recordings once these answers have come, each asked for, and how often a change was told."""
    source, told = Scripted(), 0
    recordings = Recordings(SETTINGS, lambda: SCOPE, source, Clock(), apart_seconds=0)

    def on_change() -> None:
        nonlocal told
        told += 1

    task = asyncio.create_task(recordings.run(on_change))
    for number, answer in enumerate(answers, start=1):
        source.answers.put_nowait(answer)
        # The next read begins only after this answer was taken in.
        while source.reads <= number:
            recordings.ask()
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return recordings, told


async def test_nothing_was_read_yet() -> None:
    """Before the first reading there is a reason in the firewall's place."""
    recordings = Recordings(SETTINGS, lambda: SCOPE, Scripted())
    assert recordings.current == Unavailable("the firewall has not been read yet", pending=True)


async def test_switched_off() -> None:
    """With firewall=none nothing runs and the reason says so."""
    recordings = Recordings(Settings(probe_image="probe", firewall=("none",)), lambda: SCOPE)
    await recordings.run(lambda: None)
    assert recordings.current == Unavailable("reading the firewall is switched off")


async def test_the_same_content_is_the_same_reading_with_a_later_age() -> None:
    """first_read stays, last_read is the beginning of the newest one."""
    recordings, _ = await after(recording(rule("a")), recording(rule("a")))
    assert isinstance(recordings.current, Firewall)
    assert (recordings.current.first_read, recordings.current.last_read) == (seconds(1), seconds(2))
    assert (recordings.current.source, recordings.trouble) == ("scripted", None)


async def test_other_content_is_a_new_reading() -> None:
    """Both times are those of the reading that showed it first."""
    recordings, told = await after(recording(rule("a")), recording(rule("b")))
    assert isinstance(recordings.current, Firewall)
    assert [r.name for r in recordings.current.rules] == ["b"]
    assert (recordings.current.first_read, recordings.current.last_read) == (seconds(2), seconds(2))
    assert told == 2


async def test_a_failure_leaves_the_last_good_reading() -> None:
    """Its age says how old it is, the trouble says why; the next good reading ends the trouble."""
    failure = NotRead("no answer")
    recordings, told = await after(recording(rule("a")), failure, failure)
    assert isinstance(recordings.current, Firewall)
    assert recordings.current.last_read == seconds(1)
    assert recordings.trouble == Unavailable("no answer", seconds(3))
    assert told == 2


async def test_recovery_is_told() -> None:
    """Also where the content is what it was before the trouble."""
    answers = (recording(rule("a")), NotRead("no answer"), recording(rule("a")))
    recordings, told = await after(*answers)
    assert recordings.trouble is None
    assert told == 3


async def test_never_read_is_unavailable_with_the_missing_permission() -> None:
    """What stands in the firewall's place names the permission."""
    source, changed = Scripted(), asyncio.Event()
    recordings = Recordings(SETTINGS, lambda: SCOPE, source, Clock())
    source.answers.put_nowait(NotRead("forbidden", "compute.firewalls.list", slow_down=True))
    task = asyncio.create_task(recordings.run(changed.set))
    await changed.wait()
    assert recordings.current == Unavailable("forbidden", seconds(2), "compute.firewalls.list")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_no_recording_is_a_trouble() -> None:
    """The field is named."""
    recordings, _ = await after(recording(rule("a")), {"format": "x"})
    assert recordings.trouble is not None
    assert recordings.trouble.why == "format: is 'x', expected 'pathcheck-recording/1'"


def scripted_child(tmp_path: Path, *lines: Raw) -> Live:
    script = tmp_path / "script"
    script.write_text("\n".join(json.dumps(line) for line in lines))
    return Live(None, (sys.executable, str(FAKE), str(script)))


async def test_the_child_is_asked_for_the_scope_and_gives_a_recording(tmp_path: Path) -> None:
    """One line each way."""
    live = scripted_child(tmp_path, {"say": {"recording": {"format": "x"}}})
    assert await live.read(SCOPE) == {"format": "x"}
    await live.close()
    instances = [{"zone": "us-east1-b", "name": "node-1"}]
    assert json.loads((tmp_path / "script.asked").read_text()) == {"read": {"project": PROJECT, "instances": instances}}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"die": 3}, "the reader ended with code 3"),
        ({"garbage": "Traceback"}, "the reader does not work: Expecting value: line 1 column 1 (char 0)"),
        ({"say": {}}, "the reader's answer has neither a recording nor an error"),
        ({"say": {"error": {"kind": "unavailable", "why": "no answer"}}}, "no answer"),
    ],
)
async def test_a_child_that_fails_is_replaced(tmp_path: Path, line: Raw, why: str) -> None:
    """The failure has a reason, and the next question gets an answer."""
    live = scripted_child(tmp_path, line, {"say": {"recording": {"format": "x"}}})
    with pytest.raises(NotRead) as raised:
        await live.read(SCOPE)
    assert str(raised.value) == why
    assert await live.read(SCOPE) == {"format": "x"}
    await live.close()


async def test_a_child_that_died_between_two_questions_is_no_failure(tmp_path: Path) -> None:
    """It is started again before it is asked."""
    live = scripted_child(tmp_path, *[{"say": {"recording": {"format": "x"}}}] * 2)
    await live.read(SCOPE)
    assert live.reader.process is not None
    live.reader.process.kill()
    await live.reader.process.wait()
    assert await live.read(SCOPE) == {"format": "x"}
    await live.close()


async def test_a_missing_permission_and_exceeded_quota_slow_down(tmp_path: Path) -> None:
    """Asking again soon would not help, or make it worse."""
    errors = [
        {"kind": "forbidden", "why": "no", "permission": "compute.firewalls.list"},
        {"kind": "rate-limited", "why": "quota"},
    ]
    live = scripted_child(tmp_path, *({"say": {"error": error}} for error in errors))
    failures = []
    for _ in errors:
        with pytest.raises(NotRead) as raised:
            await live.read(SCOPE)
        failures.append((str(raised.value), raised.value.forbidden, raised.value.slow_down))
    await live.close()
    assert failures == [("no", "compute.firewalls.list", True), ("quota", "", True)]


async def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    """Whoever replaces it changes the firewall; one that is not there has a reason."""
    file = FromFile(tmp_path / "r.json")
    (tmp_path / "r.json").write_text('{"a": 1}')
    assert await file.read(None) == {"a": 1}
    (tmp_path / "r.json").unlink()
    with pytest.raises(NotRead, match="No such file"):
        await file.read(None)
