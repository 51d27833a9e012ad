"""What would the firewall do with very many flows? Each of these sources to each of these destinations, by each protocol and port.

Endpoints that no rule tells apart are one class: rules are asked once for each pair of classes, and the table is spread over the
flows only when it is looked at. A project has thousands of machines and a few dozen classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pathcheck.core.index import Bits, Index, index_of
from pathcheck.core.places import Nowhere, Place, place_of, seen_from
from pathcheck.core.predict import METADATA_SERVERS, predict
from pathcheck.core.walk import matches, walk
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.words import Action, Direction, Prediction

PREDICTIONS = (Prediction.PERMITTED, Prediction.INSPECTED, Prediction.UNDETERMINED, Prediction.BLOCKED)
"""A cell of the table is an index into these; of two sides the greater one counts."""

_CODES = {prediction: code for code, prediction in enumerate(PREDICTIONS)}
_PERMITTED, _BLOCKED = _CODES[Prediction.PERMITTED], _CODES[Prediction.BLOCKED]
Scope = tuple[str, str]


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


@dataclass(frozen=True, slots=True)
class _End:
    """What decides about one end: where its own rules are asked, which match there, and what the other ends' rules see of it."""

    scope: Scope | None
    own: tuple[Bits, Bits] | None
    seen: tuple[Bits, ...]
    version: int


def tabulate(
    sources: Sequence[Endpoint], destinations: Sequence[Endpoint], l4s: Sequence[L4], firewall: Firewall
) -> Table:
    """The same predictions as `predict`, without their reasons. Total, as that is."""
    senders = [place_of(end, firewall) for end in sources]
    receivers = [place_of(end, firewall) for end in destinations]
    out_scopes, in_scopes = _scopes(senders), _scopes(receivers)
    starts, start_classes = _classes(sources, senders, Direction.EGRESS, in_scopes, firewall)
    ends, end_classes = _classes(destinations, receivers, Direction.INGRESS, out_scopes, firewall)
    cells = tuple(_cells(l4, start_classes, end_classes, out_scopes, in_scopes, firewall) for l4 in l4s)
    odd = list(_apart(sources, destinations, senders, receivers))
    inside = {(i, j): _PERMITTED for i, j in odd if _within_a_machine(sources[i], senders[i], receivers[j])}
    others = [pair for pair in odd if pair not in inside]
    apart = tuple(
        inside
        | {(i, j): _CODES[predict(Flow(sources[i], destinations[j], l4), firewall).prediction] for i, j in others}
        for l4 in l4s
    )
    return Table(starts, ends, cells, apart)


def _scopes(places: Sequence[Place | Nowhere | None]) -> tuple[Scope, ...]:
    return tuple(dict.fromkeys((p.interface.network, p.interface.region) for p in places if isinstance(p, Place)))


def _classes(
    endpoints: Sequence[Endpoint],
    places: Sequence[Place | Nowhere | None],
    direction: Direction,
    others: Sequence[Scope],
    firewall: Firewall,
) -> tuple[tuple[int, ...], tuple[_End, ...]]:
    """The class of each endpoint, and the classes. `direction` is that of its own rules, `others` are where the other ends' are asked."""
    opposite = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    far = [(network, index_of(firewall, network, region, opposite)) for network, region in others]
    numbers: dict[_End, int] = {}
    found = []
    for endpoint, place in zip(endpoints, places, strict=True):
        scope, own = None, None
        if isinstance(place, Place):
            scope = place.interface.network, place.interface.region
            index = index_of(firewall, *scope, direction)
            own = index.target(place.instance), index.local(endpoint.address)
        seen = tuple(seen_from(endpoint.address, place, network, index, firewall) for network, index in far)
        found.append(numbers.setdefault(_End(scope, own, seen, endpoint.address.version), len(numbers)))
    return tuple(found), tuple(numbers)


def _cells(
    l4: L4,
    starts: Sequence[_End],
    ends: Sequence[_End],
    out_scopes: Sequence[Scope],
    in_scopes: Sequence[Scope],
    firewall: Firewall,
) -> tuple[bytes, ...]:
    """One row a class of sources. Either side is worked out once for each different pair of what it is asked by."""
    out = _half(l4, starts, ends, out_scopes, Direction.EGRESS, firewall)
    into = _half(l4, ends, starts, in_scopes, Direction.INGRESS, firewall)
    # Without ends there is nothing to turn round, but every source still has its row.
    columns = list(zip(*into, strict=True)) if into else [()] * len(starts)
    undetermined = _CODES[Prediction.UNDETERMINED]
    rows = []
    for start, leaving, arriving in zip(starts, out, columns, strict=True):
        row = bytes(map(max, leaving, arriving))
        odd = [
            j for j, end in enumerate(ends) if (start.own is None and end.own is None) or start.version != end.version
        ]
        if odd:
            changed = bytearray(row)
            for j in odd:
                changed[j] = undetermined
            row = bytes(changed)
        rows.append(row)
    return tuple(rows)


def _half(
    l4: L4,
    asked: Sequence[_End],
    others: Sequence[_End],
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
            codes.append(_CODES[walk(index, direction, found).prediction])
    return codes


def _within_a_machine(source: Endpoint, sender: Place | Nowhere | None, receiver: Place | Nowhere | None) -> bool:
    """Packets that surely stay there, whatever they carry."""
    here = isinstance(sender, Place) and isinstance(receiver, Place) and sender.instance == receiver.instance
    return here and source.instance is not None


def _apart(
    sources: Sequence[Endpoint],
    destinations: Sequence[Endpoint],
    senders: Sequence[Place | Nowhere | None],
    receivers: Sequence[Place | Nowhere | None],
) -> Iterator[tuple[int, int]]:
    """Flows that no class speaks for: within a machine, with the metadata server, from or to where the recording does not say."""
    lost = {j for j, place in enumerate(receivers) if isinstance(place, Nowhere)}
    lost |= {j for j, end in enumerate(destinations) if end.address in METADATA_SERVERS}
    on: dict[str, list[int]] = {}
    for j, end in enumerate(destinations):
        if end.instance is not None:
            on.setdefault(end.instance, []).append(j)
    for i, (start, place) in enumerate(zip(sources, senders, strict=True)):
        if isinstance(place, Nowhere) or start.address in METADATA_SERVERS:
            yield from ((i, j) for j in range(len(destinations)))
        else:
            yield from ((i, j) for j in {*lost, *on.get(start.instance or "", ())})
