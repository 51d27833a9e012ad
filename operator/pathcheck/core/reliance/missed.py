"""Would any packet miss this rule? Of one rule in one place: who decides ahead of it, and who would decide in its stead.

What a rule matches is looked at kind by kind (`ground`): each kind of machine, traffic and addresses with each other. Kinds that the
rules which meet there do not tell apart are looked at once, and what is decided ahead of the rule as a whole is not taken apart.

Longer than 200 lines because the search and what it writes down of one rule are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, product
from operator import and_, or_

from pathcheck.core.reliance.beyond import beyond
from pathcheck.core.reliance.fate import Fate, Fates
from pathcheck.core.reliance.ground import Far, Ground, Near, Target, Traffic
from pathcheck.core.rules.index import Bits
from pathcheck.core.rules.tabulate import CODES
from pathcheck.core.rules.walk import IMPLIED, TIE, rules_in, why_unsure
from pathcheck.model.firewall import Firewall
from pathcheck.model.words import Prediction


class TooManyPiecesError(Exception):
    """What a rule matches falls into too many pieces to look at each of them."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What becomes of one rule's packets in one place. Rules are named as in `decided_by`: enough of them, not all.

    `missed`: some would be predicted otherwise without it. `doubts` are rules that cannot be judged, because of which that cannot be
    told. `ahead` decide some before it is asked, none: it matches none of those; `instead` would decide those that get as far as this
    rule, none: no packet does. `looked`: how many pieces it took.
    """

    missed: bool
    doubts: tuple[str, ...]
    ahead: tuple[str, ...]
    instead: tuple[str, ...]
    looked: int


class Covers:
    """Of all rules of one ground."""

    def __init__(self, ground: Ground, firewall: Firewall) -> None:
        self._ground, self._firewall = ground, firewall
        self._fates = Fates(ground.index, ground.direction, firewall.network(ground.network).before_classic)
        rules = enumerate(ground.index.rules)
        self._anywhere = sum(1 << place for place, rule in rules if rule.any_remote)
        self._far = {version: self._by_rule(ground.far[version]) for version in (4, 6)}
        bits = [kind.bits for kind in ground.targets]
        bits += [kind.bits for v in (4, 6) for kinds in (ground.near[v], ground.far[v]) for kind in kinds]
        perhaps = (some.possible & ~some.sure for some in bits)
        self._doubtful = reduce(or_, perhaps, ground.index.unsure | self._fates.ties)
        self._applied = reduce(or_, (kind.bits.possible for kind in ground.targets))

    def _by_rule(self, kinds: Iterable[Far]) -> dict[int, list[Far]]:
        """The kinds that each rule matches, by its place, but for rules about every address, which match all."""
        found: dict[int, list[Far]] = defaultdict(list)
        for kind in kinds:
            bits = kind.bits.sure & ~self._anywhere
            while bits:
                low = bits & -bits
                bits ^= low
                found[low.bit_length() - 1].append(kind)
        return found

    def applies(self, place: int) -> bool:
        """Whether any machine is, or may be, a target of the rule at this place of the index."""
        return bool(self._applied >> place & 1)

    def doubt(self, place: int) -> str:
        """Why the rule at this place cannot be judged itself; "" where it can."""
        if self._fates.ties >> place & 1:
            return TIE
        return why_unsure(self._ground.index.rules[place], self._ground.index) if self._doubtful >> place & 1 else ""

    def of(self, place: int, most: int) -> Cover:
        """Of the rule at this place, which is in force and can be judged.

        Raises TooManyPiecesError for more than `most` pieces.
        """
        search, bit = _Search(self._ground, self._fates, place, most, self._firewall), 1 << place
        targets = [kind for kind in self._ground.targets if kind.bits.sure & bit]
        traffic = [kind for kind in self._ground.traffic if kind.bits.sure & bit]
        for version in (4, 6):
            near = [kind for kind in self._ground.near[version] if kind.bits.sure & bit]
            far = self._ground.far[version] if self._anywhere & bit else self._far[version].get(place, [])
            if targets and traffic and near and far and search.look(targets, traffic, near, far):
                return search.cover(missed=True)
        return search.cover(missed=False)


Head = tuple[Target, Traffic, Near]
"""Everything of a packet but its remote address."""


class _Search:
    """Of one rule. Names of rules are kept as bit sets of the index until they are asked for."""

    def __init__(self, ground: Ground, fates: Fates, place: int, most: int, firewall: Firewall) -> None:
        self._ground, self._fates, self._firewall = ground, fates, firewall
        self._asked = fates.asked(place)
        self._known: dict[Bits, Fate] = {}
        self._most, self._looked = most, 0
        self._implied = False
        self._ahead = self._instead = self._doubts = 0
        # On the other side of the same packets.
        self._masks: dict[str, None] = {}
        self._others: dict[str, None] = {}

    def cover(self, missed: bool) -> Cover:
        """What was seen."""
        index, implied = self._ground.index, IMPLIED[self._ground.direction][1]
        doubts, ahead, instead = (
            [r.id for r in rules_in(index, b)] for b in (self._doubts, self._ahead, self._instead)
        )
        decided = (*instead, *([implied] if self._implied else []), *self._masks)
        return Cover(missed, (*doubts, *self._others), tuple(ahead), decided, self._looked)

    def look(
        self, targets: Sequence[Target], traffic: Sequence[Traffic], near: Sequence[Near], far: Sequence[Far]
    ) -> bool:
        """Whether some packet misses the rule: first those from or to nobody's addresses, for whom this side is all there is."""
        met = self._ground.index.in_force
        for kinds in (targets, traffic, near, far):
            met &= reduce(or_, (kind.bits.possible for kind in kinds))
        every = Bits(met & ~self._ground.index.unsure, met)
        heads: dict[Bits, list[Head]] = defaultdict(list)
        for head in product(targets, traffic, near):
            heads[reduce(_both, (kind.bits for kind in head), every)].append(head)
            self._count()
        nobodys: dict[Bits, list[Far]] = defaultdict(list)
        machines: dict[Bits, list[Far]] = defaultdict(list)
        for kind in far:
            (nobodys if kind.nobodys else machines)[_both(kind.bits, every)].append(kind)
        for _, _, fate in self._pieces(heads, nobodys):
            if not self._settled(fate):
                if fate.now is not fate.then:
                    return True
                self._doubts |= fate.doubt
        for bits in nobodys:
            machines.pop(bits, None)  # nothing is missed between machines that is not missed there
        for some, kinds, fate in self._pieces(heads, machines):
            pairs = ((head, kind) for head in some for kind in kinds if _apart(head[0], kind))
            if self._named(fate) or (first := next(pairs, None)) is None or self._settled(fate):
                continue
            if any(self._shows(fate, head, kind) for head, kind in chain([first], pairs)):
                return True
        return False

    def _pieces(
        self, heads: Mapping[Bits, list[Head]], tails: Mapping[Bits, list[Far]]
    ) -> Iterator[tuple[list[Head], list[Far], Fate]]:
        """Every head with every tail, and their fate; what is decided ahead as a whole is not taken apart."""
        every_head = [head for some in heads.values() for head in some]
        any_head, left = _whole(heads), {}
        for tail, kinds in tails.items():
            blockers = self._fates.blockers(_both(any_head, tail), self._asked)
            if blockers:
                yield every_head, kinds, Fate(blockers)
            else:
                left[tail] = kinds
        every_tail = [kind for kinds in left.values() for kind in kinds]
        any_tail = _whole(left)
        for head, some in heads.items() if left else ():
            blockers = self._fates.blockers(_both(head, any_tail), self._asked)
            if blockers:
                yield some, every_tail, Fate(blockers)
                continue
            for tail, kinds in left.items():
                self._count()
                packets = _both(head, tail)
                fate = self._known.get(packets)
                if fate is None:
                    fate = self._known[packets] = self._fates.of(packets, self._asked)
                yield some, kinds, fate

    def _count(self) -> None:
        self._looked += 1
        if self._looked > self._most:
            raise TooManyPiecesError

    def _named(self, fate: Fate) -> bool:
        """Whether there is nothing more to write down about such packets."""
        if fate.blockers:
            return bool(fate.blockers & self._ahead)
        return fate.same and bool(fate.instead & self._instead if fate.instead else self._implied)

    def _settled(self, fate: Fate) -> bool:
        """Whether packets surely do not miss the rule; then it is written down who decides them."""
        if not self._named(fate):
            self._ahead |= fate.blockers & -fate.blockers
            if fate.same and not fate.blockers:
                self._instead |= fate.instead & -fate.instead
                self._implied |= not fate.instead
        return fate.same

    def _shows(self, fate: Fate, head: Head, kind: Far) -> bool:
        """Whether packets between machines that this side tells apart are predicted otherwise, for all that the other side says."""
        target, traffic, near = head
        for other in beyond(self._ground, target, near, kind, traffic, self._firewall):
            self._count()
            said = other.led.prediction
            if max(CODES[said], CODES[fate.now]) != max(CODES[said], CODES[fate.then]):
                return True
            names = [rule.id for rule in rules_in(other.index, other.led.bits)] or [IMPLIED[other.direction][1]]
            if said is Prediction.UNDETERMINED:
                self._others.setdefault(names[0])
            elif said is not Prediction.BLOCKED and fate.doubt:
                self._doubts |= fate.doubt
            else:
                self._masks.setdefault(names[0])
        return False


def _whole(some: Iterable[Bits]) -> Bits:
    """What surely matches all of these packets, and what possibly matches some."""
    every = list(some)
    return Bits(reduce(and_, (bits.sure for bits in every), -1), reduce(or_, (bits.possible for bits in every), 0))


def _both(one: Bits, other: Bits) -> Bits:
    return Bits(one.sure & other.sure, one.possible & other.possible)


def _apart(target: Target, far: Far) -> bool:
    """Whether a machine of the one and one of the other are two."""
    first = target.places[0].instance
    return any(place.instance is not first for place, _ in far.owned) or any(
        place.instance is not first for place in target.places
    )
