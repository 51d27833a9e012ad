"""How many of very many flows hang on each rule? For every rule at once, and what they would come to if it alone were gone.

As in `tabulate`, rules are asked once for each pair of what a side is asked by. That makes a table of cells: what the side comes to, and
what hangs on which rule. How often a cell meets which answer of the other side is multiplied, not looked at flow by flow.

Longer than 200 lines because cells, and how often they are met, explain each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pathcheck.core.reliance.impact import hold, reliances
from pathcheck.core.rules.classes import Crowd, Scope, classes_of, crowd_of
from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.tabulate import CODES, PREDICTIONS
from pathcheck.core.rules.walk import Matches, matches
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action, Direction, Prediction

_PERMITTED, _BLOCKED = CODES[Prediction.PERMITTED], CODES[Prediction.BLOCKED]
Flip = tuple[Prediction, Prediction]
"""What flows are predicted now, and what they would be without a rule."""


@dataclass(frozen=True, slots=True)
class Load:
    """What hangs on one rule: how many flows flip from what to what without it."""

    rule: Rule
    flips: Mapping[Flip, int]

    @property
    def flows(self) -> int:
        """All of them."""
        return sum(self.flips.values())


class TooManyCellsError(Exception):
    """There are too many kinds of flows to ask about each."""


def tally(
    sources: Sequence[Endpoint],
    destinations: Sequence[Endpoint],
    l4s: Sequence[L4],
    firewall: Firewall,
    most: int | None = None,
) -> tuple[Load, ...]:
    """Of every source to every destination by each of `l4s`: the rules on which any flow hangs, those with the most first.

    What one would count from a table of all flows and from one more for each rule, without it. Total, as `tabulate` is.
    Raises TooManyCellsError for more than `most` cells, where that is given: each takes a microsecond or two.
    """
    classes = classes_of(sources, destinations, firewall)
    starts = crowd_of(classes.starts, Counter(classes.sources), len(classes.in_scopes))
    ends = crowd_of(classes.ends, Counter(classes.destinations), len(classes.out_scopes))
    if most is not None and len(l4s) * (starts.cells(ends) + ends.cells(starts)) > most:
        raise TooManyCellsError
    odd = [(classes.sources[i], classes.destinations[j]) for i, j in (*classes.inside, *classes.apart)]
    found: dict[str, Counter[Flip]] = defaultdict(Counter)
    for l4 in l4s:
        out = _side(Direction.EGRESS, starts, ends, classes.out_scopes, l4, firewall)
        into = _side(Direction.INGRESS, ends, starts, classes.in_scopes, l4, firewall)
        for side, other, pairs in ((out, into, odd), (into, out, [(b, a) for a, b in odd])):
            for id_, flips in _flips(side, other, pairs).items():
                found[id_] += flips
        for i, j in classes.apart:
            now, hanging = reliances(Flow(sources[i], destinations[j], l4), firewall)
            for reliance in hanging:
                found[reliance.rule.id][now, reliance.without] += 1
    # What nobody knows (`policies`) is nothing that could be deleted.
    loads = [Load(rule, flips) for id_, flips in found.items() if flips and ":" in id_ and (rule := firewall.rule(id_))]
    return tuple(sorted(loads, key=lambda load: (-load.flows, load.rule.id)))


class _Cell(NamedTuple):
    """What a side comes to, as a code, and the rules, by their places in the index, without which it comes to what else."""

    code: int
    without: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """Of each group of `own`, where it has rules: their index, the number of their scope, and a cell for each look of the other end."""

    own: Crowd
    rows: tuple[tuple[Index, int, Sequence[_Cell]] | None, ...]


def _side(
    direction: Direction, own: Crowd, others: Crowd, scopes: Sequence[Scope], l4: L4, firewall: Firewall
) -> _Side:
    rows: list[tuple[Index, int, Sequence[_Cell]] | None] = []
    known: dict[int, dict[object, _Cell]] = defaultdict(dict)
    for end in own.groups:
        if end.scope is None or end.own is None:
            rows.append(None)
            continue
        index, i = index_of(firewall, *end.scope, direction), scopes.index(end.scope)
        rows.append((index, i, _cells(index, direction, end.own, index.traffic(l4), others.looks[i], known[i])))
    return _Side(own, tuple(rows))


def _cells(
    index: Index,
    direction: Direction,
    own: tuple[Bits, Bits],
    traffic: Bits,
    others: Sequence[Bits],
    known: dict[object, _Cell],
) -> list[_Cell]:
    """A cell for each look of the others; `known` are those of other groups, for most of them match the same rules."""
    target, near = own
    possible = index.in_force & target.possible & near.possible & traffic.possible
    sure = index.in_force & target.sure & near.sure & traffic.sure & ~index.unsure
    certain = possible == sure
    cells = []
    for far in others:
        left = possible & far.possible
        found = None
        if not certain or far.sure != far.possible:
            found = matches(index, target, near, far, traffic)
        cell = known.get(found or left)
        if cell is None:
            cell = known[found or left] = _cell(index, direction, found or Matches(left, left, 0))
        cells.append(cell)
    return cells


def _cell(index: Index, direction: Direction, found: Matches) -> _Cell:
    """Mostly the first rule decides and the second one would if it were gone; else what hangs on what is worked out by walks."""
    first = found.possible & -found.possible
    second = (found.possible ^ first) & -(found.possible ^ first)
    surely = found.sure & index.final(direction)
    if first & ~surely or second & ~surely:
        held = hold(index, direction, found)
        without = tuple((low.bit_length() - 1, CODES[then]) for low, then in held.without)
        return _Cell(CODES[held.prediction], without)
    implied = _BLOCKED if direction is Direction.INGRESS else _PERMITTED
    denies = index.doing[Action.DENY]
    code = implied if not first else _BLOCKED if first & denies else _PERMITTED
    then = implied if not second else _BLOCKED if second & denies else _PERMITTED
    return _Cell(code) if code == then else _Cell(code, ((first.bit_length() - 1, then),))


def _flips(side: _Side, other: _Side, odd: Sequence[tuple[int, int]]) -> Mapping[str, Counter[Flip]]:
    """What hangs on the rules of this side, by their names. `odd` are the flows that no class speaks for, each by its two classes."""
    apart = _apart(side, other, odd)
    found: dict[tuple[int, int, int, int], int] = defaultdict(int)
    indexes: dict[int, Index] = {}
    for group, row in enumerate(side.rows):
        if row is None:
            continue
        index, i, cells = row
        indexes[i] = index
        for look, cell in enumerate(cells):
            if not cell.without:
                continue
            answers = _answers(side, other, group, i, look)
            for code, flows in apart.get((group, look), {}).items():
                answers[code] -= flows
            for place, then in cell.without:
                for code, flows in enumerate(answers):
                    now, without = max(code, cell.code), max(code, then)
                    if flows and without != now:
                        found[i, place, now, without] += flows
    named: dict[str, Counter[Flip]] = defaultdict(Counter)
    for (i, place, now, without), flows in found.items():
        named[indexes[i].rules[place].id][PREDICTIONS[now], PREDICTIONS[without]] += flows
    return named


def _answers(side: _Side, other: _Side, group: int, i: int, look: int) -> list[int]:
    """For each code, how many flows between this group and all that look so to the rules of scope `i` meet it at their other end."""
    found = [0] * len(PREDICTIONS)
    version, members = side.own.groups[group].version, side.own.members[group]
    groups, rows = other.own.groups, other.rows
    for theirs, size in other.own.met[i][look]:
        if groups[theirs].version != version:
            continue
        row = rows[theirs]
        if row is None:
            found[_PERMITTED] += size * side.own.sizes[group]
        else:
            cells = row[2]
            for mine, many in members[row[1]].items():
                found[cells[mine].code] += size * many
    return found


def _apart(side: _Side, other: _Side, odd: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], Counter[int]]:
    """Of how many flows a cell does not speak, by the code that the other side's cell has for them."""
    found: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for mine, theirs in odd:
        group, opposite = side.own.group_of[mine], other.own.group_of[theirs]
        row, back = side.rows[group], other.rows[opposite]
        if row is not None and side.own.groups[group].version == other.own.groups[opposite].version:
            code = _PERMITTED if back is None else back[2][side.own.look_of[mine][back[1]]].code
            found[group, other.own.look_of[theirs][row[1]]][code] += 1
    return found
