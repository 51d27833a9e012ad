"""When to try and what a round comes to: no sockets, and time passes only when told to."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from pathcheck.probe.assignment import Dial
from pathcheck.probe.loop import Timer
from pathcheck.probe.rounds import Rounds
from pathcheck.probe.words import REACHED, REFUSED, REJECTED, SILENT, UNMEASURED, Outcome


class Time:
    """A clock that stands until `pass_` is called; half of every chance."""

    def __init__(self) -> None:
        self.at = 0.0
        self._due: list[tuple[float, int, Timer]] = []
        self._count = 0

    def now(self) -> float:
        return self.at

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        self._count += 1
        heapq.heappush(self._due, (self.at + seconds, self._count, timer))
        return timer

    def pass_(self, seconds: float) -> None:
        """Everything that is due within so many seconds is called at its time."""
        until = self.at + seconds
        while self._due and self._due[0][0] <= until:
            self.at, _, timer = heapq.heappop(self._due)
            if timer.call is not None:
                timer.call()
        self.at = until


class Tries:
    """Attempts that come to what the script says, in order; the last entry for all that follow. None: given up or never ended."""

    def __init__(self, time: Time, *script: tuple[float, str]) -> None:
        self.begun: list[tuple[str, float]] = []
        self.closed = 0
        self._time = time
        self._script = list(script)

    def __call__(self, dial: Dial, ended: Callable[[Outcome], None]) -> _Try:
        seconds, observation = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return _Try(self, self._time, dial, seconds, (observation, "", None), ended)


class _Try:
    def __init__(
        self, tries: Tries, time: Time, dial: Dial, seconds: float, outcome: Outcome, ended: Callable[[Outcome], None]
    ) -> None:
        self._tries, self._time, self._dial = tries, time, dial
        self._seconds, self._outcome, self._ended = seconds, outcome, ended
        self._timer = Timer(lambda: None)

    def begin(self) -> None:
        self._tries.begun.append((self._dial.id, round(self._time.at, 3)))
        if self._seconds:
            self._timer = self._time.call_later(self._seconds, lambda: self._ended(self._outcome))
        else:
            self._ended(self._outcome)

    def close(self) -> None:
        self._timer.cancel()
        self._tries.closed += 1


def dial(id_: str = "echo udp/53 10.24.9.31", interval: float = 5.0, attempts: int = 3) -> Dial:
    """One that times out after a second."""
    return Dial(id_, "Echo", "udp/53", "10.24.9.31", interval, attempts, 1.0)


class Desk:
    """Rounds, and what they concluded: (id, when the round began, when it ended, observation)."""

    def __init__(self, *script: tuple[float, str]) -> None:
        self.time = Time()
        self.tries = Tries(self.time, *script)
        self.concluded: list[tuple[str, float, float, str]] = []
        self.rounds = Rounds(self.time, lambda: 1000 + self.time.at, lambda: 0.5, self.tries, self._conclude)

    def assign(self, *dials: Dial) -> None:
        self.rounds.assign({d.id: d for d in dials})

    def _conclude(self, id_: str, began: float, wall: float, outcome: Outcome) -> None:
        assert wall == 1000 + began
        self.concluded.append((id_, round(began, 3), round(self.time.at, 3), outcome[0]))


ID = "echo udp/53 10.24.9.31"


def test_an_answer_ends_the_round() -> None:
    """A new dial is tried at once, its second round is anywhere in the interval, and from then on they are an interval apart."""
    desk = Desk((0.01, REACHED))
    desk.assign(dial())
    desk.time.pass_(8)
    assert desk.tries.begun == [(ID, 0.1), (ID, 2.6), (ID, 7.6)]
    assert desk.concluded == [(ID, 0.1, 0.11, REACHED), (ID, 2.6, 2.61, REACHED), (ID, 7.6, 7.61, REACHED)]


def test_attempts_overlap() -> None:
    """Three attempts of a second each are over after one and a half, and only then it is silent."""
    desk = Desk((1.0, SILENT))
    desk.assign(dial())
    desk.time.pass_(1.7)
    assert desk.tries.begun == [(ID, 0.1), (ID, 0.35), (ID, 0.6)]
    assert desk.concluded == [(ID, 0.1, 1.6, SILENT)]


def test_one_answer_among_silent_attempts_is_enough() -> None:
    """A lost datagram is not a blocked path."""
    desk = Desk((1.0, SILENT), (1.0, SILENT), (0.02, REACHED))
    desk.assign(dial())
    desk.time.pass_(2)
    assert desk.concluded == [(ID, 0.1, 0.62, REACHED)]


@pytest.mark.parametrize(
    ("script", "observation"),
    [
        ([SILENT, REFUSED, REJECTED], REJECTED),
        ([REFUSED, SILENT, UNMEASURED], REFUSED),
        ([SILENT, SILENT, UNMEASURED], UNMEASURED),
        ([SILENT, SILENT, SILENT], SILENT),
        ([REJECTED, REFUSED, REACHED], REACHED),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_mixed_round_comes_to_what_says_most(script: list[str], observation: str) -> None:
    """Reached wins, then rejected, then refused; silence needs every attempt to be silent."""
    desk = Desk(*((0.5, word) for word in script))
    desk.assign(dial())
    desk.time.pass_(2)
    assert [c[3] for c in desk.concluded] == [observation]


def test_a_round_that_ends_within_its_first_call_is_followed_by_the_next() -> None:
    """An attempt that is answered before `begin` returns is an ordinary one."""
    desk = Desk((0, REACHED))
    desk.assign(dial(interval=1.0))
    desk.time.pass_(2.5)
    assert [began for _, began, _, _ in desk.concluded] == [0.1, 0.6, 1.6]


def test_a_round_longer_than_its_interval_puts_off_the_next() -> None:
    """Rounds of one dial do not pile up."""
    desk = Desk((1.0, SILENT))
    desk.assign(dial(interval=1.0))
    desk.time.pass_(4)
    assert [(began, ended) for _, began, ended, _ in desk.concluded] == [(0.1, 1.6), (1.6, 3.1)]


def test_dials_do_not_wait_for_each_other() -> None:
    """A hundred silent targets take as long as one."""
    desk = Desk((1.0, SILENT))
    desk.assign(*(dial(f"echo udp/53 10.24.9.{n}") for n in range(100)))
    desk.time.pass_(1.7)
    assert len(desk.concluded) == 100


def test_a_proof_begins_a_round_of_everything_and_gives_nothing_up() -> None:
    """The silent round under way still ends when it would have; afterwards the pace is the usual one."""
    desk = Desk((1.0, SILENT), (1.0, SILENT), (1.0, SILENT), (0.01, REACHED))
    desk.assign(dial())
    desk.time.pass_(1.0)
    desk.rounds.again()
    desk.time.pass_(6.0)
    assert [c[1:] for c in desk.concluded] == [(1.0, 1.01, REACHED), (0.1, 1.6, SILENT), (2.6, 2.61, REACHED)]


def test_what_is_no_longer_assigned_is_given_up() -> None:
    """Nothing is concluded of it, and nothing is tried any more."""
    desk = Desk((1.0, SILENT))
    desk.assign(dial())
    desk.time.pass_(0.5)
    desk.assign()
    desk.time.pass_(20)
    assert (desk.concluded, len(desk.tries.begun), desk.tries.closed) == ([], 2, 2)


def test_what_stays_assigned_keeps_its_pace() -> None:
    """An assignment that adds one dial does not start all others again."""
    desk = Desk((0.01, REACHED))
    desk.assign(dial("a"))
    desk.time.pass_(2)
    desk.assign(dial("a"), dial("b"))
    desk.time.pass_(4)
    assert desk.tries.begun == [("a", 0.1), ("b", 2.1), ("a", 2.6), ("b", 4.6)]


def test_a_shorter_interval_holds_from_now_on() -> None:
    """Nobody waits for the end of the longer one."""
    desk = Desk((0.01, REACHED))
    desk.assign(dial(interval=60.0))
    desk.time.pass_(2)
    desk.assign(dial(interval=1.0))
    desk.time.pass_(2)
    assert desk.tries.begun == [(ID, 0.1), (ID, 2.5), (ID, 3.5)]
