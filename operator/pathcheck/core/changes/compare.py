"""What do flows come to before and after a change of the firewall? Each is compared with itself, and reasons are not asked for.

One flow stands for each piece of addresses and ports that the rules of neither firewall part.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from pathcheck.core.checks.judge import accept
from pathcheck.core.proofs.cases import Piecemeal
from pathcheck.core.proofs.foresee import MOST_KINDS, cases_of
from pathcheck.core.proofs.halves import Half
from pathcheck.core.rules.index import Index
from pathcheck.core.rules.predict import METADATA_SERVERS, decided
from pathcheck.core.rules.tabulate import CODES
from pathcheck.core.rules.walk import Led, Matches, lead, names_of
from pathcheck.model.firewall import Firewall
from pathcheck.model.plans import Bundle
from pathcheck.model.rules import Stage
from pathcheck.model.words import Expectation, Prediction, Verdict


@dataclass(frozen=True, slots=True)
class Compared:
    """The verdicts there are among the flows before and after. `causes`: who decides those that come to another one, afterwards."""

    then: Set[Verdict]
    now: Set[Verdict]
    causes: Set[str]


class Comparison:
    """Of two firewalls. The rules of both are compiled together once, however many checks ask."""

    def __init__(self, before: Firewall, after: Firewall) -> None:
        self.before, self.after = before, after
        self._unions = [_union(before, after)]
        moved = (before.instances, before.networks) != (after.instances, after.networks)
        if moved:
            self._unions.append(_union(after, before))
        # Where only VPC rules differ, what either firewall's rules come to is what is left of both when the other's are taken away.
        self._apart = not moved and before.policies == after.policies
        self._rules = [frozenset(firewall.rules) for firewall in (before, after)]
        self._kept: dict[int, tuple[int, int]] = {}

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
                    was, becomes, deciders = self._predictions(piece)
                    then, now = accept(expectation, was)[0], accept(expectation, becomes)[0]
                    found[0].add(then)
                    found[1].add(now)
                    if then is not now:
                        causes.add(", ".join(deciders))
        return Compared(*found, causes)

    def _predictions(self, piece: Piecemeal) -> tuple[Prediction, Prediction, tuple[str, ...]]:
        """Before and after, and the deciders then."""
        flow = piece.example
        ends = {flow.source.address, flow.destination.address}
        if not self._apart or len(piece.halves) < 2 or METADATA_SERVERS & ends:
            return decided(flow, self.before)[0], *decided(flow, self.after)
        sides: list[list[tuple[Half, Led]]] = [[], []]
        for half in piece.halves:
            found = half.matches(flow.l4)
            for which, kept in enumerate(self._of(half.index)):
                left = Matches(found.sure & kept, found.possible & kept, found.some_ports & kept)
                sides[which].append((half, lead(half.index, half.direction, left)))
        (_, was), (half, led) = _decisive(sides[0]), _decisive(sides[1])
        return was.prediction, led.prediction, names_of(half.index, half.direction, led)

    def _of(self, index: Index) -> tuple[int, int]:
        """The rules of this index of both that either firewall has."""
        known = self._kept.get(id(index))
        if known is None:
            before, after = (
                sum(1 << i for i, rule in enumerate(index.rules) if rule.stage is not Stage.VPC or rule in rules)
                for rules in self._rules
            )
            known = self._kept[id(index)] = before, after
        return known


def _decisive(sides: Sequence[tuple[Half, Led]]) -> tuple[Half, Led]:
    """The worse side; the receiver's where both permit, as in `predict`."""
    worst = max(sides, key=lambda side: CODES[side[1].prediction])
    return sides[-1] if worst[1].prediction is Prediction.PERMITTED else worst


def _union(one: Firewall, other: Firewall) -> Firewall:
    """The machines of the one with the rules of both: what no rule of this parts, no rule of either does."""
    rules, policies = set(one.rules), set(one.policies)
    return replace(
        one,
        rules=(*one.rules, *(r for r in other.rules if r not in rules)),
        policies=(*one.policies, *(p for p in other.policies if p not in policies)),
    )
