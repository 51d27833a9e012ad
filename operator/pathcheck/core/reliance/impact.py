"""What hangs on which rule? For every rule at once: the flows that would be predicted otherwise if that rule alone were gone.

Deleting a rule and disabling it are the same to a packet. Only rules that are met on the way to the answer can matter: the deciders
and the goto_next rules before them. So nothing is evaluated again from the start: the walk is taken up behind the rule that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathcheck.core.rules.index import Index
from pathcheck.core.rules.places import Nowhere, Place, place_of, side_of
from pathcheck.core.rules.predict import unasked
from pathcheck.core.rules.tabulate import CODES
from pathcheck.core.rules.walk import Matches, lead, matches, rules_in
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.rules import Rule
from pathcheck.model.words import Direction, Prediction


@dataclass(frozen=True, slots=True)
class Reliance:
    """A rule without which a flow is predicted otherwise, and how."""

    rule: Rule
    without: Prediction


@dataclass(frozen=True, slots=True)
class Hold:
    """What one side comes to, and, by their bits in the index, the rules without which it comes to something else, and to what."""

    prediction: Prediction
    without: tuple[tuple[int, Prediction], ...]


def reliances(flow: Flow, firewall: Firewall) -> tuple[Prediction, tuple[Reliance, ...]]:
    """What is predicted of this flow, and the rules on which that hangs, each alone; none where any single one may go."""
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    early = unasked(flow, sender, receiver, firewall)
    if early is not None:
        return early.prediction, ()
    fixed = [Prediction.UNDETERMINED for place in (sender, receiver) if isinstance(place, Nowhere)]
    sides: list[tuple[Index, Hold]] = []
    for direction, local, remote in ((Direction.EGRESS, sender, receiver), (Direction.INGRESS, receiver, sender)):
        if isinstance(local, Place):
            side = side_of(direction, flow, local, remote, firewall)
            found = matches(side.index, side.target, side.near, side.far, side.traffic)
            sides.append((side.index, hold(side.index, direction, found)))
    now = max((*fixed, *(own.prediction for _, own in sides)), key=CODES.__getitem__)
    hangs = []
    for i, (index, own) in enumerate(sides):
        others = [*fixed, *(other.prediction for j, (_, other) in enumerate(sides) if j != i)]
        for low, then in own.without:
            without = max((then, *others), key=CODES.__getitem__)
            if without is not now:
                hangs.append(Reliance(rules_in(index, low)[0], without))
    return now, tuple(hangs)


def hold(index: Index, direction: Direction, found: Matches) -> Hold:
    """Of one side, by what matches there."""
    led = lead(index, direction, found)
    # Asked for every port, a flow meets rules on several ways at once.
    met = found.possible if found.some_ports else found.possible & (led.asked | led.bits)
    others = ((low, lead(index, direction, _less(found, low)).prediction) for low in _each(met))
    return Hold(led.prediction, tuple((low, then) for low, then in others if then is not led.prediction))


def _each(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        bits ^= low
        yield low


def _less(found: Matches, gone: int) -> Matches:
    return Matches(found.sure & ~gone, found.possible & ~gone, found.some_ports & ~gone)
