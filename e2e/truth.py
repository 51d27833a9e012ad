"""What the test knows to be true, held against everything that was published: no red without a fault, no green over one.

A fault is no news at once: for GRACE seconds after a change of the truth both verdicts may stand. `Unknown` is never a lie; how long it
may stand is for the tests to say.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from e2e.watching import Change, Watch

# The promise is 7 s for an outage and 9 s for a recovery; the rest is this machine's.
GRACE = 20.0


@dataclass(frozen=True)
class Fact:
    """From the moment `since` on, the paths of these checks are as expected, or not; None: now so, now so."""

    since: float
    names: tuple[str, ...]
    whole: bool | None


@dataclass
class Truth:
    """The facts of one test, in the order in which they came to be; before the first the checks are whole."""

    watch: Watch
    names: tuple[str, ...]
    began: float = field(default_factory=time.time)
    facts: list[Fact] = field(default_factory=list)

    def broken(self, *names: str) -> None:
        """From now on some path of these checks is broken; say it just before breaking it."""
        self.facts.append(Fact(time.time(), names, False))

    def flapping(self, *names: str) -> None:
        """It changes too often for either verdict to be wrong."""
        self.facts.append(Fact(time.time(), names, None))

    def whole(self, *names: str) -> None:
        """All is as expected again."""
        self.facts.append(Fact(time.time(), names, True))

    def lies(self) -> list[str]:
        """Each published verdict that was wrong, or became wrong by standing too long."""
        return [lie for name in self.names for lie in self._lies_about(name)]

    def _lies_about(self, name: str) -> list[str]:
        now = time.time()
        spells = _spells(self.watch.history.get(name, []), self.began, now)
        facts = [Fact(0, (name,), True), *(f for f in self.facts if name in f.names)]
        found = []
        for fact, until in zip(facts, [*(f.since for f in facts[1:]), now], strict=True):
            if fact.whole is None:
                continue
            wrong = "False" if fact.whole else "True"
            # A change of the truth needs its time to be seen; one that changes nothing does not.
            believed_from = fact.since + (GRACE if fact.since else 0)
            for begin, end, change in spells:
                if change.upheld()[0] == wrong and max(begin, believed_from) < min(end, until):
                    state = "whole" if fact.whole else "broken"
                    found.append(f"{name} was {state}, and published: {change.condition('Upheld')}")
        return found


def _spells(history: list[Change], began: float, now: float) -> list[tuple[float, float, Change]]:
    """Each state with the time for which it stood, as far as that is after `began`."""
    ends = [*(change.at for change in history[1:]), now]
    return [(max(c.at, began), end, c) for c, end in zip(history, ends, strict=True) if end > began]
