"""What becomes of packets with a rule, and without it, whatever the rules that cannot be judged come to?

    decided ahead    rules that surely match are asked first, and nothing that may hand on stands before them
    the same         what is asked behind the rule surely comes to what the rule comes to
    otherwise        or it cannot be told

Packets are given by the rules that match them, surely and possibly (`Bits`): all that no rule tells apart have one fate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pathcheck.core.rules.index import LOWEST_PRIORITY, Bits, Index
from pathcheck.core.rules.walk import COMES_TO, Led, Matches, lead
from pathcheck.model.rules import Rule, Stage
from pathcheck.model.words import Action, Direction, Prediction


class Asked(NamedTuple):
    """A rule in force, as bit sets: itself; all asked ahead of it; its run; and all asked after its run."""

    bit: int
    action: Action
    ahead: int
    run: int
    later: int


class Fate(NamedTuple):
    """Decided ahead by `blockers`; or what the packets come to with the rule (`now`) and without it (`then`).

    `instead` decide then; none: the implied rule. `doubt` is a rule that cannot be judged and that matters: where `now` and `then` are
    equal in spite of it, they may be so because neither can be told.
    """

    blockers: int = 0
    now: Prediction = Prediction.UNDETERMINED
    then: Prediction = Prediction.UNDETERMINED
    instead: int = 0
    doubt: int = 0

    @property
    def same(self) -> bool:
        """Whether the rule surely changes nothing."""
        return bool(self.blockers) or (self.now is self.then and not self.doubt)


class Fates:
    """Of all rules of one index. `before_classic` as in `Network`: of that in which the rules are asked."""

    def __init__(self, index: Index, direction: Direction, before_classic: bool | None) -> None:
        self._index, self._direction = index, direction
        lowest = index.tied.get(LOWEST_PRIORITY, 0) if direction is Direction.INGRESS else 0
        self.ties = lowest & index.doing[Action.ALLOW]
        """Allows of which nobody knows how they stand to the implied deny."""
        # What could not be read of a policy's rule may be that it hands on.
        policies = _where(index, lambda rule: rule.stage is not Stage.VPC)
        self._handing = index.in_force & (index.doing[Action.GOTO_NEXT] | index.unread & policies)
        # What stands first for want of its place may stand behind any other.
        self._lost = index.unread & _where(index, lambda rule: rule.priority == 0)
        if before_classic is None:
            self._lost |= index.unsure & _where(index, lambda rule: rule.stage in (Stage.GLOBAL, Stage.REGIONAL))

    def asked(self, place: int) -> Asked:
        """The rule at this place of the index."""
        rule, bit, run = self._index.rules[place], 1 << place, self._index.run_of[place]
        ahead = bit - 1
        if rule.stage is Stage.VPC and rule.action is Action.ALLOW:
            # Between several allows of one priority there is no order.
            ahead &= ~(self._index.tied[rule.priority] & self._index.doing[Action.ALLOW])
        return Asked(bit, rule.action, ahead, run, ~(bit | bit - 1 | run))

    def of(self, packets: Bits, asked: Asked) -> Fate:
        """Of packets that the rule surely matches, and that match no rule that is not in force."""
        blockers = self.blockers(packets, asked)
        if blockers:
            return Fate(blockers)
        behind = Bits(packets.sure & ~asked.ahead & ~asked.bit, packets.possible & ~asked.ahead & ~asked.bit)
        then = self._lead(behind)
        now, same = COMES_TO.get(asked.action, then.prediction), True
        if asked.action is Action.GOTO_NEXT and behind.possible & asked.run:
            now = self._lead(Bits(behind.sure & asked.later, behind.possible & asked.later)).prediction
            same = now is not Prediction.UNDETERMINED
        lost = packets.possible & self._lost
        if same and now is then.prediction and not lost:
            return Fate(0, now, now, then.bits)
        unsure = packets.possible & (self.ties | ~packets.sure) & asked.ahead | lost | (then.bits if then.doubt else 0)
        with_it = self._lead(packets).prediction
        without = self._lead(Bits(packets.sure & ~asked.bit, packets.possible & ~asked.bit)).prediction
        return Fate(0, with_it, without, then.bits, unsure & -unsure)

    def blockers(self, packets: Bits, asked: Asked) -> int:
        """The rules that decide these packets, or take them to another policy, before the rule is asked; 0: it may be asked."""
        ahead = packets.sure & asked.ahead & ~self.ties
        if ahead & asked.run:
            return ahead & asked.run
        ahead &= ~self._index.doing[Action.GOTO_NEXT]
        handing = packets.possible & asked.ahead & ~asked.run & self._handing
        while handing and ahead:
            low = handing & -handing
            run = self._index.run_of[low.bit_length() - 1]
            ahead &= ~run | low - 1
            handing &= ~run
        return ahead

    def _lead(self, packets: Bits) -> Led:
        return lead(self._index, self._direction, Matches(packets.sure, packets.possible, 0))


def _where(index: Index, holds: Callable[[Rule], bool]) -> int:
    return sum(1 << place for place, rule in enumerate(index.rules) if holds(rule))
