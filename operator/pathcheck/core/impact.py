"""What hangs on which rule? For every rule at once: the flows that would be predicted otherwise if that rule alone were gone.

Deleting a rule and disabling it are the same to a packet. Only rules that are met on the way to the answer can matter: the deciders
and the goto_next rules before them. So nothing is evaluated again from the start: the walk is taken up behind the rule that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.core.places import Nowhere, Place, Side, place_of, side_of
from pathcheck.core.predict import predict
from pathcheck.core.walk import Matches, matches, rules_in, walk
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.rules import Rule
from pathcheck.model.words import Direction, Prediction

# Of two sides the worse counts.
_WORSE = {
    p: i
    for i, p in enumerate((Prediction.PERMITTED, Prediction.INSPECTED, Prediction.UNDETERMINED, Prediction.BLOCKED))
}


@dataclass(frozen=True, slots=True)
class Reliance:
    """A rule without which a flow is predicted otherwise, and how."""

    rule: Rule
    without: Prediction


def reliances(flow: Flow, firewall: Firewall) -> tuple[Reliance, ...]:
    """The rules on which this flow's prediction hangs, each alone; none where any single one may go."""
    explained = predict(flow, firewall)
    if explained.direction is None:
        return ()  # decided before any rule is asked
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    fixed = [Prediction.UNDETERMINED for place in (sender, receiver) if isinstance(place, Nowhere)]
    sides: list[tuple[Side, Matches]] = []
    for direction, local, remote in ((Direction.EGRESS, sender, receiver), (Direction.INGRESS, receiver, sender)):
        if isinstance(local, Place):
            side = side_of(direction, flow, local, remote, firewall)
            sides.append((side, matches(side.index, side.target, side.near, side.far, side.traffic)))
    answers = [walk(side.index, side.direction, found) for side, found in sides]
    hangs = []
    for i, ((side, found), answer) in enumerate(zip(sides, answers, strict=True)):
        others = [*fixed, *(other.prediction for j, other in enumerate(answers) if j != i)]
        # Asked for every port, a flow meets rules on several ways at once.
        met = found.possible if found.some_ports else found.possible & (answer.asked | answer.bits)
        while met:
            low = met & -met
            met ^= low
            left = Matches(found.sure & ~low, found.possible & ~low, found.some_ports & ~low)
            without = max((walk(side.index, side.direction, left).prediction, *others), key=_WORSE.__getitem__)
            if without is not explained.prediction:
                hangs.append(Reliance(rules_in(side.index, low)[0], without))
    return tuple(hangs)
