"""What would the firewall do with very many flows? Each of these sources to each of these destinations, by each protocol and port.

Endpoints that no rule tells apart are one class: rules are asked once for each pair of classes, and the table is spread over the
flows only when it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pathcheck.core.rules.classes import Classes, End, Scope, classes_of
from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.predict import decided
from pathcheck.core.rules.walk import lead, matches
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.words import Action, Direction, Prediction

PREDICTIONS = (Prediction.PERMITTED, Prediction.INSPECTED, Prediction.UNDETERMINED, Prediction.BLOCKED)
"""A cell of the table is an index into these; of two sides the greater one counts."""

CODES = {prediction: code for code, prediction in enumerate(PREDICTIONS)}
"""The same the other way round."""

_PERMITTED, _BLOCKED = CODES[Prediction.PERMITTED], CODES[Prediction.BLOCKED]


@dataclass(frozen=True, slots=True)
class Table:
    """`cells[l4][source class][destination class]`, and for each l4 the few flows that are not as their classes are (`apart`)."""

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    cells: tuple[tuple[bytes, ...], ...]
    apart: tuple[dict[tuple[int, int], int], ...]

    def prediction(self, source: int, destination: int, l4: int) -> Prediction:
        """Of one flow, by the places of its parts in what was asked."""
        code = self.apart[l4].get((source, destination))
        if code is None:
            code = self.cells[l4][self.sources[source]][self.destinations[destination]]
        return PREDICTIONS[code]

    def rows(self, l4: int) -> Iterator[bytearray]:
        """For each source, one code for each destination."""
        # Spread once for each class of sources: sources of one class differ in the flows that are apart only.
        spread: dict[int, bytes] = {}
        apart: dict[int, list[tuple[int, int]]] = {}
        for (source, destination), code in self.apart[l4].items():
            apart.setdefault(source, []).append((destination, code))
        for source, own in enumerate(self.sources):
            known = spread.get(own)
            if known is None:
                cells = self.cells[l4][own]
                known = spread[own] = bytes([cells[d] for d in self.destinations])
            row = bytearray(known)
            for destination, code in apart.get(source, ()):
                row[destination] = code
            yield row


def tabulate(
    sources: Sequence[Endpoint], destinations: Sequence[Endpoint], l4s: Sequence[L4], firewall: Firewall
) -> Table:
    """The same predictions as `predict`, without their reasons. Total, as that is."""
    classes = classes_of(sources, destinations, firewall)
    cells = tuple(_cells(l4, classes, firewall) for l4 in l4s)
    apart = tuple(
        dict.fromkeys(classes.inside, _PERMITTED)
        | {(i, j): CODES[decided(Flow(sources[i], destinations[j], l4), firewall)[0]] for i, j in classes.apart}
        for l4 in l4s
    )
    return Table(classes.sources, classes.destinations, cells, apart)


def _cells(l4: L4, classes: Classes, firewall: Firewall) -> tuple[bytes, ...]:
    """One row a class of sources. Either side is worked out once for each different pair of what it is asked by."""
    starts, ends = classes.starts, classes.ends
    out = _half(l4, starts, ends, classes.out_scopes, Direction.EGRESS, firewall)
    into = _half(l4, ends, starts, classes.in_scopes, Direction.INGRESS, firewall)
    # Without ends there is nothing to turn round, but every source still has its row.
    columns = list(zip(*into, strict=True)) if into else [()] * len(starts)
    undetermined = CODES[Prediction.UNDETERMINED]
    unmet: dict[tuple[bool, int], list[int]] = {}
    rows = []
    for start, leaving, arriving in zip(starts, out, columns, strict=True):
        row = bytearray(map(max, leaving, arriving))
        key = start.own is None, start.version
        if key not in unmet:
            unmet[key] = [j for j, end in enumerate(ends) if not start.meets(end)]
        for j in unmet[key]:
            row[j] = undetermined
        rows.append(bytes(row))
    return tuple(rows)


def _half(
    l4: L4,
    asked: Sequence[End],
    others: Sequence[End],
    scopes: Sequence[Scope],
    direction: Direction,
    firewall: Firewall,
) -> list[bytes]:
    """For each of these ends, by its own rules: one code for each of the others."""
    fields = {scope: list(dict.fromkeys(other.seen[i] for other in others)) for i, scope in enumerate(scopes)}
    places = {
        scope: [number[other.seen[i]] for other in others]
        for i, scope in enumerate(scopes)
        for number in [{seen: k for k, seen in enumerate(fields[scope])}]
    }
    known: dict[tuple[Scope, tuple[Bits, Bits]], bytes] = {}
    rows = []
    for end in asked:
        if end.own is None or end.scope is None:
            rows.append(bytes(len(others)))
            continue
        key = (end.scope, end.own)
        row = known.get(key)
        if row is None:
            index = index_of(firewall, *end.scope, direction)
            codes = _codes(index, direction, end.own, index.traffic(l4), fields[end.scope])
            row = known[key] = bytes([codes[place] for place in places[end.scope]])
        rows.append(row)
    return rows


def _codes(
    index: Index, direction: Direction, own: tuple[Bits, Bits], traffic: Bits, others: Sequence[Bits]
) -> list[int]:
    """What these rules come to for each of the others' addresses: mostly the first bit says it, else the walk does."""
    target, near = own
    possible = index.in_force & target.possible & near.possible & traffic.possible
    sure = index.in_force & target.sure & near.sure & traffic.sure & ~index.unsure
    implied = _BLOCKED if direction is Direction.INGRESS else _PERMITTED
    denies, final = index.doing[Action.DENY], index.final(direction)
    codes = []
    for far in others:
        left = possible & far.possible
        if not left:
            codes.append(implied)
            continue
        first = left & -left
        if first & sure & far.sure & final:
            codes.append(_BLOCKED if first & denies else _PERMITTED)
        else:
            found = matches(index, target, near, far, traffic)
            codes.append(CODES[lead(index, direction, found).prediction])
    return codes
