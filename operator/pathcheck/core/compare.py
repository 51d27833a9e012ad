"""What do flows come to before and after a change of the firewall? Each is compared with itself, and reasons are not asked for.

One flow stands for each piece of addresses and ports that the rules of neither firewall part.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from pathcheck.core.foresee import MOST_KINDS, cases_of
from pathcheck.core.judge import accept
from pathcheck.core.predict import decided
from pathcheck.model.firewall import Firewall
from pathcheck.model.plans import Bundle
from pathcheck.model.words import Expectation, Verdict


@dataclass(frozen=True, slots=True)
class Compared:
    """The verdicts there are among the flows before and after. `causes`: who decides those that come to another one, afterwards."""

    then: Set[Verdict]
    now: Set[Verdict]
    causes: Set[str]


class Comparison:
    """Of two firewalls. The rules of both are compiled together once, however many checks ask."""

    def __init__(self, before: Firewall, after: Firewall) -> None:
        self._both = before, after
        self._unions = [_union(before, after)]
        if (before.instances, before.networks) != (after.instances, after.networks):
            self._unions.append(_union(after, before))

    def of(self, bundles: Sequence[Bundle], expectation: Expectation) -> Compared:
        """Of all flows of these bundles.

        Raises TooManyKindsError.
        """
        found: tuple[set[Verdict], set[Verdict]] = (set(), set())
        causes: set[str] = set()
        for union in self._unions:
            for case in cases_of(bundles, union, MOST_KINDS):
                if not case.pieces:
                    # A v4-only node and a v6-only one: no rule says anything of the two.
                    found[0].add(Verdict.UNKNOWN)
                    found[1].add(Verdict.UNKNOWN)
                for piece in case.pieces:
                    (was, _), (becomes, deciders) = (decided(piece.example, firewall) for firewall in self._both)
                    then, now = accept(expectation, was)[0], accept(expectation, becomes)[0]
                    found[0].add(then)
                    found[1].add(now)
                    if then is not now:
                        causes.add(", ".join(deciders))
        return Compared(*found, causes)


def _union(one: Firewall, other: Firewall) -> Firewall:
    """The machines of the one with the rules of both: what no rule of this parts, no rule of either does."""
    rules, policies = set(one.rules), set(one.policies)
    return replace(
        one,
        rules=(*one.rules, *(r for r in other.rules if r not in rules)),
        policies=(*one.policies, *(p for p in other.policies if p not in policies)),
    )
