"""When to try, and what a round comes to.

Attempts of a round overlap: with three and a timeout of a second, they begin after 0, 250 and 500 ms, and the round is silent after 1.5 s,
not after 3. The first answer ends it. All dials run side by side, spread over their interval by chance, so that neither the number
of targets nor the timeouts of some delay the others.
"""

from __future__ import annotations

from collections.abc import Callable

from pathcheck.probe.assignment import Dial
from pathcheck.probe.loop import Timer
from pathcheck.probe.words import BY_WEIGHT, REACHED, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Timing(Protocol):
        """What is needed of the loop."""

        def now(self) -> float: ...

        def call_later(self, seconds: float, call: Callable[[], None]) -> Timer: ...

    class Trying(Protocol):
        """One attempt that can be begun and given up."""

        def begin(self) -> None: ...

        def close(self) -> None: ...

    Try = Callable[[Dial, Callable[[Outcome], None]], Trying]

FIRST_WITHIN = 0.2  # a new dial is tried at once, but not all of them in one burst
SPREAD = 0.1  # each interval is up to so much shorter or longer


class Round:
    """`ended` is called exactly once, unless it is given up before."""

    def __init__(self, timing: Timing, dial: Dial, try_once: Try, ended: Callable[[Outcome], None]) -> None:
        self._ended = ended
        self._left = dial.attempts
        self._outcomes: list[Outcome] = []
        self._trying: list[Trying] = []
        self._open = True
        self._timing = timing
        self._dial = dial
        self._try_once = try_once
        self._timers: list[Timer] = []

    def begin(self) -> None:
        """The first attempt now, the others in a while."""
        apart = self._dial.timeout / (self._dial.attempts + 1)
        self._timers = [self._timing.call_later(n * apart, self._try) for n in range(1, self._dial.attempts)]
        self._try()

    def close(self) -> None:
        """Gives up without an outcome."""
        self._open = False
        for timer in self._timers:
            timer.cancel()
        for trying in self._trying:
            trying.close()

    def _try(self) -> None:
        trying = self._try_once(self._dial, self._tried)
        self._trying.append(trying)
        trying.begin()

    def _tried(self, outcome: Outcome) -> None:
        if not self._open:
            return
        self._outcomes.append(outcome)
        self._left -= 1
        if outcome[0] == REACHED or not self._left:
            self.close()
            self._ended(min(self._outcomes, key=lambda o: BY_WEIGHT.index(o[0])))


class _Course:
    """One dial over time."""

    __slots__ = ("dial", "rounds", "spread", "timer")

    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        self.rounds: set[Round] = set()
        self.timer: Timer | None = None
        self.spread = False


class Rounds:
    """Keeps every assigned dial going round. `concluded` gets its id, when the round began (by the loop's clock and
    by `wall`), and the outcome."""

    def __init__(
        self,
        timing: Timing,
        wall: Callable[[], float],
        roll: Callable[[], float],
        try_once: Try,
        concluded: Callable[[str, float, float, Outcome], None],
    ) -> None:
        self._timing = timing
        self._wall = wall
        self._roll = roll
        self._try_once = try_once
        self._concluded = concluded
        self._courses: dict[str, _Course] = {}

    def assign(self, dials: dict[str, Dial]) -> None:
        """From now on these: what is new begins at once, what is gone stops, the rest keeps its pace until its next round."""
        for gone in self._courses.keys() - dials.keys():
            course = self._courses.pop(gone)
            if course.timer is not None:
                course.timer.cancel()
            for round_ in course.rounds:
                round_.close()
        for id_, dial in dials.items():
            had = self._courses.get(id_)
            if had is not None:
                faster = dial.interval < had.dial.interval
                had.dial = dial
                if faster:
                    self._next(had, self._roll() * dial.interval)
            else:
                course = self._courses[id_] = _Course(dial)
                self._next(course, self._roll() * FIRST_WITHIN)

    def again(self) -> None:
        """A round of every dial now, beside the usual ones: those under way go on, since giving them up would put off a silence for as
        long as proofs are asked, and those to come stay where they are, since all dials in step would see nothing in between."""
        for course in list(self._courses.values()):
            self._begin(course)

    def _next(self, course: _Course, seconds: float) -> None:
        if course.timer is not None:
            course.timer.cancel()
        course.timer = self._timing.call_later(seconds, lambda: self._due(course))

    def _due(self, course: _Course) -> None:
        course.timer = None
        self._begin(course)

    def _begin(self, course: _Course) -> None:
        began, wall = self._timing.now(), self._wall()
        round_ = Round(
            self._timing, course.dial, self._try_once, lambda outcome: self._ended(course, round_, began, wall, outcome)
        )
        course.rounds.add(round_)
        round_.begin()

    def _ended(self, course: _Course, round_: Round, began: float, wall: float, outcome: Outcome) -> None:
        course.rounds.discard(round_)
        if not course.rounds and course.timer is None:
            # All dials of an assignment begin together; after that each falls anywhere in its interval. With many dials some round is
            # then always about to begin, and a fault that meets many is seen much sooner than after an interval.
            share = 1 - SPREAD + 2 * SPREAD * self._roll() if course.spread else self._roll()
            course.spread = True
            interval = course.dial.interval * share
            self._next(course, max(0.0, began + interval - self._timing.now()))
        self._concluded(course.dial.id, began, wall, outcome)
