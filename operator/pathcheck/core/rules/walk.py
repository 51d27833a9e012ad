"""Which rule decides? From the rules that match, in the order in which they are asked, to the first that has the last word.

Three values: a rule that may match but cannot be judged ends the walk where it stands, for whatever comes after it may never be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pathcheck.core.rules.index import LOWEST_PRIORITY, Bits, Index
from pathcheck.model.rules import Rule, Stage
from pathcheck.model.words import Action, Direction, Prediction

COMES_TO = {Action.ALLOW: Prediction.PERMITTED, Action.DENY: Prediction.BLOCKED, Action.INSPECT: Prediction.INSPECTED}
IMPLIED = {
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


class Led(NamedTuple):
    """Where a walk ends, before it is put into words: `prediction`, `bits` and `asked` as in `Answer`, `handed_on` as a bit set.

    With a `doubt` nothing is decided, and it says why; _UNSURE where the rule has that to say.
    """

    prediction: Prediction
    bits: int
    asked: int
    handed_on: int
    doubt: str = ""


_UNSURE = "it may match"
TIE = f"it ties with the implied deny at priority {LOWEST_PRIORITY}"
_SOME_PORTS = "it decides for some of the asked ports only"


def walk(index: Index, direction: Direction, found: Matches) -> Answer:
    """The answer of this side, in words."""
    led = lead(index, direction, found)
    rules = tuple(rules_in(index, led.bits))
    if led.doubt:
        why = _undecided(rules[0], why_unsure(rules[0], index) if led.doubt is _UNSURE else led.doubt)
    elif rules:
        verb = {Action.ALLOW: "admits", Action.DENY: "denies"}.get(rules[0].action, "has a proxy inspect")
        why = f"{rules[0].spoken} {verb} it"
    else:
        why = IMPLIED[direction][2]
    handed_on = tuple(rules_in(index, led.handed_on))
    return Answer(led.prediction, names_of(index, direction, led), why, rules, led.bits, led.asked, handed_on)


def names_of(index: Index, direction: Direction, led: Led) -> tuple[str, ...]:
    """The deciders, as scripts read them."""
    names = tuple(rule.id for rule in rules_in(index, led.bits)) or (IMPLIED[direction][1],)
    return (f"undecided:{names[0]}",) if led.doubt else names


def lead(index: Index, direction: Direction, found: Matches) -> Led:
    """The same without words. Rules for some of the asked ports change nothing if all others come to the same."""
    left, skipped, handed_on, some_ports = found.possible, 0, 0, 0
    led: Led | None = None
    while left and led is None:
        low = left & -left
        if low & found.some_ports:
            some_ports |= low
            left ^= low
        elif not low & found.sure:
            return Led(Prediction.UNDETERMINED, low, low - 1 & ~skipped, handed_on, _UNSURE)
        elif low & index.doing[Action.GOTO_NEXT]:
            handed_on |= low
            behind = index.run_of[low.bit_length() - 1] & ~(low - 1) & ~low
            skipped |= behind
            left &= ~(behind | low)
        else:
            led = _decided(index, direction, found, low, low - 1 & ~skipped, handed_on)
    if led is None:
        led = Led(IMPLIED[direction][0], 0, index.everything & ~skipped, handed_on)
    while some_ports:
        low = some_ports & -some_ports
        some_ports ^= low
        if _comes_to(low, index, direction, found) is not led.prediction:
            return Led(Prediction.UNDETERMINED, low, led.asked | led.bits, handed_on, _SOME_PORTS)
    return led


def _comes_to(low: int, index: Index, direction: Direction, found: Matches) -> Prediction:
    """What the ports of this rule come to; for goto_next, what comes behind its policy."""
    rule = index.rules[low.bit_length() - 1]
    if rule.action is not Action.GOTO_NEXT:
        return COMES_TO[rule.action]
    return lead(index, direction, Matches(found.sure | low, found.possible, found.some_ports & ~low)).prediction


def _decided(index: Index, direction: Direction, found: Matches, low: int, asked: int, handed_on: int) -> Led:
    rule = index.rules[low.bit_length() - 1]
    if rule.action is Action.ALLOW and rule.stage is Stage.VPC:
        if rule.priority == LOWEST_PRIORITY and direction is Direction.INGRESS:
            return Led(Prediction.UNDETERMINED, low, asked, handed_on, TIE)
        # Between several allows of one priority there is no order.
        low = found.sure & index.tied[rule.priority] & index.doing[Action.ALLOW]
    return Led(COMES_TO[rule.action], low, asked, handed_on)


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


def why_unsure(rule: Rule, index: Index) -> str:
    """Why nobody can tell whether this rule matches where all that is known of it does."""
    return (
        rule.cannot_tell
        or rule.condition
        or rule.remote_unsure
        or rule.local_unsure
        or f"whether its secure tags hold for these addresses is not known{index.tags_unread}"
    )


def _undecided(rule: Rule, why: str) -> str:
    if not rule.policy and rule.stage is not Stage.VPC:
        return f"not all rules and policies are known: {why}"
    return f"{spoken_of(rule)} could decide it, but cannot be judged: {why}"
