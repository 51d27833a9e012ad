"""shell/work.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pathcheck.shell.work import Agenda, Gone, Work


def agenda() -> Agenda[str]:
    """Resync after 15 s, retries from 0.5 s to 30 s, no dice."""
    return Agenda(jitter=lambda: 1.0)


def test_asked_twice() -> None:
    """Asked twice before it is looked at, a key is looked at once, at the earlier time."""
    a = agenda()
    a.ask("a", at=5.0)
    a.ask("a", at=3.0)
    a.ask("a", at=9.0)
    assert (a.next_due(), a.take(2.9), a.take(3.0), a.take(9.0)) == (3.0, [], ["a"], [])


def test_asked_while_busy() -> None:
    """Asked while it is looked at, a key is not looked at by a second worker, but once more after."""
    a = agenda()
    a.ask("a", at=0.0)
    assert a.take(0.0) == ["a"]
    a.ask("a", at=1.0)
    assert (a.take(1.0), a.next_due()) == ([], None)
    a.done("a", now=2.0)
    assert a.take(2.0) == ["a"]


def test_longest_waiting_first() -> None:
    """Of several that are due the longest waiting comes first."""
    a = agenda()
    for key, at in (("late", 3.0), ("early", 1.0), ("middle", 2.0)):
        a.ask(key, at)
    assert a.take(5.0) == ["early", "middle", "late"]


def test_resync() -> None:
    """What was looked at is looked at again at the resync, or sooner if it wished, never later."""
    a = agenda()
    for key, wish in (("plain", None), ("soon", 3.0), ("late", 99.0)):
        a.ask(key, 0.0)
        a.take(0.0)
        a.done(key, 0.0, wish)
    assert (a.take(2.9), a.take(3.0), a.take(14.9), sorted(a.take(15.0))) == ([], ["soon"], [], ["late", "plain"])


def test_back_off() -> None:
    """Each failure in a row doubles the pause up to its bound; one success forgets them all."""
    a = agenda()
    pauses = []
    for _ in range(8):
        a.ask("a", 0.0)
        a.take(1e6)
        pauses.append(a.failed("a", 0.0))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    a.take(1e6)
    a.done("a", 0.0)
    a.take(1e6)
    assert a.failed("a", 0.0) == 0.5


def test_news_during_back_off() -> None:
    """News ends the pause after a failure: what failed may succeed now."""
    a = agenda()
    a.ask("a", 0.0)
    a.take(0.0)
    a.failed("a", 0.0)
    a.ask("a", 0.1)
    assert a.take(0.1) == ["a"]


def test_jitter() -> None:
    """Keys that came together part: the resync is spread by the factor given."""
    factors = iter([0.8, 1.2])
    a: Agenda[str] = Agenda(jitter=lambda: next(factors))
    for key in ("a", "b"):
        a.ask(key, 0.0)
    a.take(0.0)
    a.done("a", 0.0)
    a.done("b", 0.0)
    assert (a.take(11.9), a.take(12.0), a.take(17.9), a.take(18.0)) == ([], ["a"], [], ["b"])


async def run_until(done: asyncio.Event, make: Callable[[], Work[str]], *keys: str) -> None:
    """Let the queue work on these keys until the event is set."""
    work = make()
    for key in keys:
        work.ask(key)
    task = asyncio.create_task(work.run())
    await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_worker_a_key() -> None:
    """Different keys are worked on at once, one key never twice at once."""
    together, done = asyncio.Barrier(2), asyncio.Event()
    running: list[str] = []

    async def do(key: str) -> None:
        assert key not in running
        running.append(key)
        await together.wait()  # passes only when both keys are being worked on
        running.remove(key)
        done.set()

    await run_until(done, lambda: Work(do, agenda()), "a", "b", "a")


async def test_failure_is_retried() -> None:
    """A key whose work failed is tried again, and the others are not disturbed."""
    done = asyncio.Event()
    seen: list[str] = []

    async def do(key: str) -> None:
        seen.append(key)
        if seen.count("a") == 2 and "b" in seen:
            done.set()
        if key == "a":
            raise RuntimeError("no")

    await run_until(done, lambda: Work(do, Agenda(first_retry_seconds=0.0, jitter=lambda: 1.0)), "a", "b")
    assert seen[:3] == ["a", "b", "a"]


async def test_gone() -> None:
    """A key that stands for nothing any more is not worked on again."""
    done = asyncio.Event()
    seen: list[str] = []

    async def do(key: str) -> float | None:
        seen.append(key)
        if key == "gone":
            raise Gone
        if len(seen) == 6:
            done.set()
        return 0.0

    await run_until(done, lambda: Work(do, agenda()), "gone", "there")
    assert seen.count("gone") == 1
