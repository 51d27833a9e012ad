"""What would the firewall do with all of it: every address of these ranges, every port? A proof, or the ranges where it fails.

No sampling: addresses and ports are cut wherever any rule that can have a say begins or ends to match, and one of each piece is predicted.
What is alike is asked once: machines with equal looks are one kind (core/alike), ports between two cuts are one question.
Packets between two ends on one machine meet no firewall and are not asked about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import summarize_address_range

from pathcheck.core.alike import Eye, Kind, Look, Piece, address_of, endpoint_of, scopes_of
from pathcheck.core.places import Place, Side, place_of, side_of
from pathcheck.core.predict import METADATA_SERVERS, predict
from pathcheck.core.walk import matches, walk
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address, Endpoint, Flow, Range
from pathcheck.model.proofs import Part, Proof, Span
from pathcheck.model.rules import ALL_PORTS, L4Match, PortRange
from pathcheck.model.words import Direction, Prediction

# GKE's own rule for a cluster's pod range admits these and nothing else.
SIX_PROTOCOLS = (6, 17, 1, 50, 51, 132)
WORST_FIRST = (Prediction.BLOCKED, Prediction.UNDETERMINED, Prediction.INSPECTED, Prediction.PERMITTED)


class TooManyKindsError(Exception):
    """A proof would take too long: why, as one sentence."""


@dataclass(frozen=True, slots=True)
class Piecemeal:
    """One piece of one kind to one of another on some ports, all of which come to the same.

    `explanation` is that of `example`, or of another flow of the same protocol that the same rules decide.
    """

    source: Look
    destination: Look
    traffic: L4Match
    explanation: Explanation
    example: Flow


@dataclass(frozen=True, slots=True)
class Case:
    """All pairs of spans of two kinds, as to one asked protocol: what its pieces come to. `pairs` are those on different machines."""

    senders: Kind
    receivers: Kind
    pairs: int
    asked: L4Match
    pieces: tuple[Piecemeal, ...]


def prove(
    sources: Sequence[Span], destinations: Sequence[Span], traffic: Sequence[L4Match], firewall: Firewall
) -> Proof:
    """The proof that everything comes to what its parts say. Total: what cannot be told is a part that is undetermined.

    `traffic` names each protocol by its number; a match without ports is all of them.
    """
    boxes: list[_Box] = []
    pairs: dict[tuple[int, int], int] = {}
    for case in cases(sources, destinations, traffic, firewall):
        pair = id(case.senders), id(case.receivers)
        pairs[pair] = case.pairs
        for p in case.pieces:
            e = p.explanation
            meaning = (e.prediction, e.decided_by, e.egress, e.ingress)
            at = (
                frozenset(case.senders.pieces(p.source, case.receivers)),
                frozenset(case.receivers.pieces(p.destination, case.senders)),
            )
            l4 = frozenset((p.traffic.protocol or 0, ports) for ports in p.traffic.ports or (ALL_PORTS,))
            boxes.append(_Box(meaning, *at, l4, frozenset({pair}), e, p.example))
    parts = [_part(box, sum(pairs[pair] for pair in box.pairs)) for box in _merged(boxes)]
    parts.sort(key=lambda part: (WORST_FIRST.index(part.explanation.prediction), -part.pairs))
    return Proof(tuple(parts), sum(pairs.values()))


def cases(
    sources: Sequence[Span],
    destinations: Sequence[Span],
    traffic: Sequence[L4Match],
    firewall: Firewall,
    most: int = 1_000_000,
) -> Iterator[Case]:
    """Every two kinds of spans, each with every asked protocol.

    Raises TooManyKindsError for more than `most` pairs of kinds.
    """
    protocols = {match.protocol or 0 for match in traffic}
    scopes = scopes_of(sources, firewall), scopes_of(destinations, firewall)
    senders = Eye(Direction.EGRESS, scopes[1], protocols, firewall).kinds(sources)
    receivers = Eye(Direction.INGRESS, scopes[0], protocols, firewall).kinds(destinations)
    if len(senders) * len(receivers) > most:
        raise TooManyKindsError(
            f"rules part these ends into {len(senders)} and {len(receivers)} kinds, too many to prove all pairs"
        )
    memory: dict[object, Explanation] = {}
    for a in senders:
        for b in receivers:
            pairs = _pairs(a, b)
            if not pairs:
                continue
            sample = next((s, r) for s in a.samples for r in b.samples if s[0].identity != r[0].identity)
            ways = list(_ways(*sample, firewall))
            for match in traffic:
                yield Case(a, b, pairs, match, tuple(_pieces(ways, match, memory, firewall)))


def _pairs(senders: Kind, receivers: Kind) -> int:
    here, there = (Counter(span.identity for span in kind.spans) for kind in (senders, receivers))
    return len(senders.spans) * len(receivers.spans) - sum(n * there[identity] for identity, n in here.items())


End = tuple[Span, Mapping[Look, Address]]


@dataclass(frozen=True, slots=True)
class _Way:
    """One address of each look, and what is asked at each end that is a known machine: the same for every protocol."""

    source: Look
    destination: Look
    start: Endpoint
    end: Endpoint
    sides: Sequence[Side]


def _ways(sender: End, receiver: End, firewall: Firewall) -> Iterator[_Way]:
    for source, first in sender[1].items():
        for destination, second in receiver[1].items():
            if first.version == second.version:
                start, end = endpoint_of(sender[0], first), endpoint_of(receiver[0], second)
                yield _Way(source, destination, start, end, _sides(Flow(start, end, L4(0)), firewall))


def _pieces(
    ways: Iterable[_Way], match: L4Match, memory: dict[object, Explanation], firewall: Firewall
) -> Iterator[Piecemeal]:
    protocol = match.protocol or 0
    for way in ways:
        for ports in _alike_ports(way.sides, protocol, match):
            # Any of them would do; the first of the longest run is the least odd one to read of.
            port = max(ports, key=lambda p: p.last - p.first).first if ports not in ((), (ALL_PORTS,)) else None
            example = Flow(way.start, way.end, L4(protocol, port))
            explanation = _explained(example, way.sides, memory, firewall)
            yield Piecemeal(way.source, way.destination, L4Match(match.protocol, ports), explanation, example)


def _explained(
    example: Flow, sides: Sequence[Side], memory: dict[object, Explanation], firewall: Firewall
) -> Explanation:
    """As predicted. What the same rules decide is explained once: reasons cost ten times as much as the decision."""
    if len(sides) < 2 or {example.source.address, example.destination.address} & METADATA_SERVERS:
        return predict(example, firewall)
    decided: list[object] = [example.l4.protocol]
    for side in sides:
        found = matches(side.index, side.target, side.near, side.far, side.index.traffic(example.l4))
        decided.append(walk(side.index, side.direction, found).names)
    known = memory.get(tuple(decided))
    if known is None:
        known = memory[tuple(decided)] = predict(example, firewall)
    return known


def _alike_ports(sides: Sequence[Side], protocol: int, match: L4Match) -> list[tuple[PortRange, ...]]:
    """The asked ports in groups that no rule parts; one empty group for a protocol without ports."""
    if protocol not in WITH_PORTS:
        return [()]
    # Of each side the rules by port, and those of them that can be about these two addresses.
    sweeps = [
        (s.index.ports(protocol), s.index.in_force & s.target.possible & s.near.possible & s.far.possible)
        for s in sides
    ]
    groups: dict[tuple[int, ...], list[PortRange]] = {}
    for asked in match.ports or (ALL_PORTS,):
        cuts = {f for sweep, _ in sweeps for f, _, _ in sweep.pieces(asked.first, asked.last)} | {asked.first}
        ordered = sorted(cuts)
        for first, last in zip(ordered, [*(cut - 1 for cut in ordered[1:]), asked.last], strict=True):
            look = tuple(sweep.at(first) & about for sweep, about in sweeps)
            groups.setdefault(look, []).append(PortRange(first, last))
    return [tuple(_joined(ports)) for ports in groups.values()]


def _sides(flow: Flow, firewall: Firewall) -> list[Side]:
    """What is asked at each end that is a known machine."""
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    ends = ((Direction.EGRESS, sender, receiver), (Direction.INGRESS, receiver, sender))
    return [
        side_of(direction, flow, here, there, firewall) for direction, here, there in ends if isinstance(here, Place)
    ]


def _joined(ports: Iterable[PortRange]) -> Iterator[PortRange]:
    """Neighbouring and overlapping runs of ports as one, in order."""
    first, last = -1, -2
    for p in sorted(ports, key=lambda p: p.first):
        if p.first <= last + 1:
            last = max(last, p.last)
            continue
        if last >= first:
            yield PortRange(first, last)
        first, last = p.first, p.last
    if last >= first:
        yield PortRange(first, last)


@dataclass(frozen=True, slots=True)
class _Box:
    meaning: tuple[object, ...]
    sources: frozenset[Piece]
    destinations: frozenset[Piece]
    traffic: frozenset[tuple[int, PortRange]]
    pairs: frozenset[tuple[int, int]]
    explanation: Explanation
    example: Flow


_ALL_BUT_ONE: tuple[Callable[[_Box], object], ...] = (
    lambda box: (box.sources, box.destinations),
    lambda box: (box.destinations, box.traffic),
    lambda box: (box.sources, box.traffic),
)


def _merged(boxes: list[_Box]) -> list[_Box]:
    """Boxes that differ in one dimension only become one, until none do: few and large, though not provably the fewest."""
    before = -1
    while len(boxes) != before:
        before = len(boxes)
        for same in _ALL_BUT_ONE:
            groups: dict[object, list[_Box]] = {}
            for box in boxes:
                groups.setdefault((box.meaning, same(box)), []).append(box)
            boxes = [_union(group) for group in groups.values()]
    return boxes


def _union(group: list[_Box]) -> _Box:
    if len(group) == 1:
        return group[0]
    return _Box(
        group[0].meaning,
        frozenset().union(*(b.sources for b in group)),
        frozenset().union(*(b.destinations for b in group)),
        frozenset().union(*(b.traffic for b in group)),
        frozenset().union(*(b.pairs for b in group)),
        group[0].explanation,
        group[0].example,
    )


def _part(box: _Box, pairs: int) -> Part:
    return Part(
        _ranges(box.sources), _ranges(box.destinations), _matches(box.traffic), box.explanation, box.example, pairs
    )


def _ranges(pieces: Iterable[Piece]) -> tuple[Range, ...]:
    """As few CIDRs as say the same. Neighbouring ranges of two machines stay apart: people know them so."""
    ranges: list[Range] = []
    for version, first, last in pieces:
        ranges.extend(summarize_address_range(address_of(version, first), address_of(version, last)))
    return tuple(sorted(ranges, key=lambda r: (r.version, r)))


def _matches(traffic: Iterable[tuple[int, PortRange]]) -> tuple[L4Match, ...]:
    by_protocol: dict[int, list[PortRange]] = {}
    for protocol, ports in traffic:
        by_protocol.setdefault(protocol, []).append(ports)
    order = {number: i for i, number in enumerate(SIX_PROTOCOLS)}
    found = []
    for protocol in sorted(by_protocol, key=lambda p: (order.get(p, len(order)), p)):
        runs = tuple(_joined(by_protocol[protocol]))
        found.append(L4Match(protocol, () if runs == (ALL_PORTS,) else runs))
    return tuple(found)


def merged(traffic: Iterable[L4Match]) -> tuple[L4Match, ...]:
    """The same traffic, each protocol once, with as few runs of ports as say it."""
    return _matches((m.protocol or 0, ports) for m in traffic for ports in m.ports or (ALL_PORTS,))


def spoken(traffic: Iterable[L4Match]) -> str:
    """`tcp (not 22, 80), udp, esp`: by what is missing where that is shorter."""
    return ", ".join(_spoken(match) for match in traffic)


def _spoken(match: L4Match) -> str:
    if not match.ports:
        return str(match)
    missing, next_port = [], 0
    for ports in match.ports:
        if ports.first > next_port:
            missing.append(PortRange(next_port, ports.first - 1))
        next_port = ports.last + 1
    if next_port <= 65535:
        missing.append(PortRange(next_port, 65535))
    if len(missing) >= len(match.ports):
        return str(match)
    return f"{L4Match(match.protocol)} (not {', '.join(map(str, missing))})"
