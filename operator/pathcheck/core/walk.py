"""Which rule decides? From the rules that match, in the order in which they are asked, to the first that has the last word.

Three values: a rule that may match but cannot be judged ends the walk where it stands, for whatever comes after it may never be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pathcheck.core.index import LOWEST_PRIORITY, Bits, Index
from pathcheck.model.rules import Rule, Stage
from pathcheck.model.words import Action, Direction, Prediction

_COMES_TO = {Action.ALLOW: Prediction.PERMITTED, Action.DENY: Prediction.BLOCKED, Action.INSPECT: Prediction.INSPECTED}
_IMPLIED = {
    Direction.INGRESS: (Prediction.BLOCKED, "implied-deny-ingress", "no rule admits it"),
    Direction.EGRESS: (Prediction.PERMITTED, "implied-allow-egress", "no rule denies it"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side comes to, by which rules (none: the implied one), and why in words. `names` are as scripts read them.

    `bits` are the deciding rules in the index. `asked` are those that stand before them and were not skipped by a goto_next: all
    that could have decided. `handed_on` are the goto_next rules on the way.
    """

    prediction: Prediction
    names: tuple[str, ...]
    why: str
    rules: tuple[Rule, ...] = ()
    bits: int = 0
    asked: int = 0
    handed_on: tuple[Rule, ...] = ()


class Matches(NamedTuple):
    """Rules that match: surely, possibly, and, as part of these, those about which only a port is open."""

    sure: int
    possible: int
    some_ports: int


def matches(index: Index, target: Bits, near: Bits, far: Bits, traffic: Bits) -> Matches:
    """Of the rules in force; what cannot be judged is possible only."""
    whole = index.in_force & target.sure & near.sure & far.sure & ~index.unsure
    possible = index.in_force & target.possible & near.possible & far.possible & traffic.possible
    return Matches(whole & traffic.sure, possible, whole & traffic.possible & ~traffic.sure)


def walk(index: Index, direction: Direction, found: Matches) -> Answer:
    """The answer of this side. Rules for some of the asked ports change nothing if all others come to the same."""
    left, skipped = found.possible, 0
    some_ports = 0
    handed_on: list[Rule] = []
    answer: Answer | None = None
    while left and answer is None:
        low = left & -left
        place = low.bit_length() - 1
        rule = index.rules[place]
        if low & found.some_ports:
            some_ports |= low
            left ^= low
        elif not low & found.sure:
            return _undecided(rule, low, _why_unsure(rule, index), low - 1 & ~skipped, handed_on)
        elif rule.action is Action.GOTO_NEXT:
            handed_on.append(rule)
            behind = index.run_of[place] & ~(low - 1) & ~low
            skipped |= behind
            left &= ~(behind | low)
        else:
            answer = _decided(index, direction, found, place, low - 1 & ~skipped, handed_on)
    if answer is None:
        prediction, name, why = _IMPLIED[direction]
        answer = Answer(prediction, (name,), why, (), 0, index.everything & ~skipped, tuple(handed_on))
    while some_ports:
        low = some_ports & -some_ports
        some_ports ^= low
        rule = index.rules[low.bit_length() - 1]
        if _comes_to(rule, low, index, direction, found) is not answer.prediction:
            return _undecided(
                rule, low, "it decides for some of the asked ports only", answer.asked | answer.bits, handed_on
            )
    return answer


def _comes_to(rule: Rule, low: int, index: Index, direction: Direction, found: Matches) -> Prediction:
    """What the ports of this rule come to; for goto_next, what comes behind its policy."""
    if rule.action is not Action.GOTO_NEXT:
        return _COMES_TO[rule.action]
    return walk(index, direction, Matches(found.sure | low, found.possible, found.some_ports & ~low)).prediction


def _decided(
    index: Index, direction: Direction, found: Matches, place: int, asked: int, handed_on: list[Rule]
) -> Answer:
    rule, bits = index.rules[place], 1 << place
    if rule.action is Action.ALLOW and rule.stage is Stage.VPC:
        if rule.priority == LOWEST_PRIORITY and direction is Direction.INGRESS:
            why = f"it ties with the implied deny at priority {LOWEST_PRIORITY}"
            return _undecided(rule, bits, why, asked, handed_on)
        # Between several allows of one priority there is no order.
        bits = found.sure & index.tied[rule.priority] & index.doing[Action.ALLOW]
    verb = {Action.ALLOW: "admits", Action.DENY: "denies"}.get(rule.action, "has a proxy inspect")
    rules = tuple(rules_in(index, bits))
    names = tuple(r.id for r in rules)
    return Answer(_COMES_TO[rule.action], names, f"{rule.spoken} {verb} it", rules, bits, asked, tuple(handed_on))


def rules_in(index: Index, bits: int) -> list[Rule]:
    """The rules of a bit set, in the order in which they are asked."""
    found = []
    while bits:
        low = bits & -bits
        found.append(index.rules[low.bit_length() - 1])
        bits ^= low
    return found


def spoken_of(rule: Rule) -> str:
    """`firewall rule NAME`, `rule 100 of the hierarchical firewall policy NAME`, `a firewall policy`."""
    if rule.stage is Stage.VPC:
        return f"firewall rule {rule.name}"
    if not rule.policy:
        return "a firewall policy that is not known"
    return f"rule {rule.priority} of {rule.stage.title} {rule.display or rule.policy}"


def _why_unsure(rule: Rule, index: Index) -> str:
    return (
        rule.cannot_tell
        or rule.condition
        or rule.remote_unsure
        or rule.local_unsure
        or f"whether its secure tags hold for these addresses is not known{index.tags_unread}"
    )


def _undecided(rule: Rule, bits: int, why: str, asked: int, handed_on: list[Rule]) -> Answer:
    if not rule.policy and rule.stage is not Stage.VPC:
        sentence = f"not all rules and policies are known: {why}"
    else:
        sentence = f"{spoken_of(rule)} could decide it, but cannot be judged: {why}"
    return Answer(Prediction.UNDETERMINED, (f"undecided:{rule.id}",), sentence, (rule,), bits, asked, tuple(handed_on))
