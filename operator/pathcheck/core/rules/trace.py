"""Which rules were asked about this flow, in which order, and what became of each?

The walk by sets of rules does not look at rules singly, so this goes over them once more, only when somebody asks: a step for each
rule that stood before the decision and was not skipped by a goto_next, the deciding ones, and the implied rule where it is met.
"""

from __future__ import annotations

from collections.abc import Iterator

from pathcheck.core.rules.near_misses import but, range_fields, spelt
from pathcheck.core.rules.places import Place, Side, place_of, side_of
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.walk import Answer, Matches, matches, rules_in, walk
from pathcheck.model.firewall import Firewall, Step
from pathcheck.model.flows import Flow
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action, Direction, Prediction

_VERBS = {Action.ALLOW: "admits it", Action.DENY: "denies it", Action.INSPECT: "has a proxy inspect it"}


def trace(flow: Flow, firewall: Firewall) -> tuple[Step, ...]:
    """The steps of the sender's side, then those of the receiver's; none where no rule was asked.

    What `predict` did not ask, because the sender's side had blocked the flow already, is not in it.
    """
    explanation = predict(flow, firewall)
    if explanation.prediction is Prediction.PERMITTED and explanation.direction is None:
        return ()
    steps: list[Step] = []
    for direction, asked, near, far in (
        (Direction.EGRESS, explanation.egress, flow.source, flow.destination),
        (Direction.INGRESS, explanation.ingress, flow.destination, flow.source),
    ):
        local = place_of(near, firewall)
        if asked and isinstance(local, Place):
            steps += _steps(side_of(direction, flow, local, place_of(far, firewall), firewall))
    return tuple(steps)


def _steps(side: Side) -> Iterator[Step]:
    found = matches(side.index, side.target, side.near, side.far, side.traffic)
    # Where only a port is open, the walk goes on to what holds for the others; it ends there.
    answer = walk(side.index, side.direction, Matches(found.sure, found.possible & ~found.some_ports, 0))
    considered = answer.asked | answer.bits
    for rule in rules_in(side.index, considered):
        low = considered & -considered
        considered ^= low
        matched, field, sentence = _of(rule, low, side, found, answer)
        yield Step(side.direction, rule.id, matched, field, sentence)
    if not answer.rules:
        yield Step(side.direction, answer.names[0], True, "", answer.why)


def _of(rule: Rule, bit: int, side: Side, found: Matches, answer: Answer) -> tuple[bool | None, str, str]:
    """Whether the rule matches, the first field because of which it does not, and a sentence."""
    if rule.disabled:
        return False, "disabled", "is disabled"
    if rule.ineffective:
        return False, "state", "has ineffective secure tags only"
    remote, local = range_fields(side.direction)
    for field, bits in (("target", side.target), (remote, side.far), (local, side.near), ("traffic", side.traffic)):
        if not bits.possible & bit:
            return False, spelt(rule, field, side), but(rule, side, field, answer)
    if found.some_ports & bit:
        return None, "port", "is about some of the asked ports only"
    if answer.prediction is Prediction.UNDETERMINED and answer.bits & bit:
        return None, "", answer.why
    hands_on = f"hands on: no more of policy {rule.display or rule.policy} is asked"
    return True, "", _VERBS.get(rule.action, hands_on)
