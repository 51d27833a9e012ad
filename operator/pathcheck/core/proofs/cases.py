"""Into which cases does a question about ranges fall? Every two kinds of ends with every protocol, and what their pieces come to.

No sampling: addresses and ports are cut wherever any rule that can have a say begins or ends to match, and one of each piece is predicted.
What is alike is asked once: machines with equal looks are one kind (core/proofs/alike), ports between two cuts are one question.
Packets between two ends on one machine meet no firewall and are not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pathcheck.core.proofs.alike import Eye, Kind, Look, endpoint_of, scopes_of
from pathcheck.core.proofs.halves import Half, Spot, halves
from pathcheck.core.rules.ports import joined
from pathcheck.core.rules.predict import METADATA_SERVERS, predict
from pathcheck.core.rules.walk import lead
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Endpoint, Flow
from pathcheck.model.proofs import Span
from pathcheck.model.rules import ALL_PORTS, L4Match, PortRange
from pathcheck.model.words import Direction, Prediction

WORST_FIRST = (Prediction.BLOCKED, Prediction.UNDETERMINED, Prediction.INSPECTED, Prediction.PERMITTED)


class TooManyKindsError(Exception):
    """A proof would take too long: why, as one sentence."""


ICMP, ICMPV6 = 1, 58


class Piecemeal:
    """One piece of one kind to one of another on some ports, all of which come to the same: `example` is one flow of it.

    `halves` are of the ends that are known machines.
    """

    __slots__ = ("_explain", "_explanation", "destination", "example", "halves", "source", "traffic")

    def __init__(
        self,
        source: Look,
        destination: Look,
        traffic: L4Match,
        example: Flow,
        halves: Sequence[Half],
        explain: Callable[[Flow, Sequence[Half]], Explanation],
    ) -> None:
        self.source, self.destination, self.traffic = source, destination, traffic
        self.example, self.halves = example, halves
        self._explain = explain
        self._explanation: Explanation | None = None

    @property
    def explanation(self) -> Explanation:
        """That of the example, or of another flow of the same protocol that the same rules decide; worked out when it is asked for."""
        if self._explanation is None:
            self._explanation = self._explain(self.example, self.halves)
        return self._explanation


@dataclass(frozen=True, slots=True)
class Case:
    """All pairs of spans of two kinds, as to one asked protocol: what its pieces come to. `pairs` are those on different machines."""

    senders: Kind
    receivers: Kind
    pairs: int
    asked: L4Match
    pieces: tuple[Piecemeal, ...]


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
    protocols = {_of_family(match.protocol or 0, version) for match in traffic for version in (4, 6)}
    scopes = scopes_of(sources, firewall), scopes_of(destinations, firewall)
    senders = Eye(Direction.EGRESS, scopes[1], protocols, firewall).kinds(sources)
    receivers = Eye(Direction.INGRESS, scopes[0], protocols, firewall).kinds(destinations)
    if len(senders) * len(receivers) > most:
        raise TooManyKindsError(
            f"rules part these ends into {len(senders)} and {len(receivers)} kinds, too many to prove all pairs"
        )
    explain = partial(_explained, memory={}, firewall=firewall)
    starts = [_ends(kind, Direction.EGRESS, firewall) for kind in senders]
    ends = [_ends(kind, Direction.INGRESS, firewall) for kind in receivers]
    for a, there in zip(senders, starts, strict=True):
        for b, here in zip(receivers, ends, strict=True):
            pairs = len(a.spans) * len(b.spans) - _within(a, b)
            if not pairs:
                continue
            sample = next((s, r) for s in there for r in here if s[0].identity != r[0].identity)
            ways = list(_ways(sample[0][1], sample[1][1], firewall))
            for match in traffic:
                yield Case(a, b, pairs, match, tuple(_pieces(ways, match, explain)))


def _within(senders: Kind, receivers: Kind) -> int:
    """How many pairs are on one machine."""
    here, there = senders.identities, receivers.identities
    return sum(n * there[identity] for identity, n in here.items() if identity in there)


End = Sequence[tuple[Look, Spot]]
"""One address of each look."""


def _ends(kind: Kind, direction: Direction, firewall: Firewall) -> list[tuple[Span, End]]:
    """The samples of the kind."""
    return [
        (span, [(look, Spot(endpoint_of(span, address), direction, firewall)) for look, address in looks.items()])
        for span, looks in kind.samples
    ]


@dataclass(frozen=True, slots=True)
class _Way:
    """One address of each look, and what is asked at each end that is a known machine: the same for every protocol."""

    source: Look
    destination: Look
    start: Endpoint
    end: Endpoint
    halves: Sequence[Half]


def _ways(sender: End, receiver: End, firewall: Firewall) -> Iterator[_Way]:
    for source, start in sender:
        for destination, end in receiver:
            if start.endpoint.address.version == end.endpoint.address.version:
                between = list(halves(start, end, firewall))
                yield _Way(source, destination, start.endpoint, end.endpoint, between)


def _pieces(
    ways: Iterable[_Way], match: L4Match, explain: Callable[[Flow, Sequence[Half]], Explanation]
) -> Iterator[Piecemeal]:
    for way in ways:
        protocol = _of_family(match.protocol or 0, way.start.address.version)
        for ports in _alike_ports(way.halves, protocol, match):
            # Any of them would do; the first of the longest run is the least odd one to read of.
            port = max(ports, key=lambda p: p.last - p.first).first if ports not in ((), (ALL_PORTS,)) else None
            example = Flow(way.start, way.end, L4(protocol, port))
            yield Piecemeal(way.source, way.destination, L4Match(protocol, ports), example, way.halves, explain)


def _of_family(protocol: int, version: int) -> int:
    """IPv6 has an ICMP of its own (RFC 4443), which is what is meant between IPv6 addresses."""
    return ICMPV6 if (protocol, version) == (ICMP, 6) else protocol


def _explained(
    example: Flow, halves: Sequence[Half], memory: dict[object, Explanation], firewall: Firewall
) -> Explanation:
    """As predicted. What the same rules decide is explained once: reasons cost ten times as much as the decision."""
    if len(halves) < 2 or {example.source.address, example.destination.address} & METADATA_SERVERS:
        return predict(example, firewall)
    decided: list[object] = [example.l4.protocol]
    for half in halves:
        led = lead(half.index, half.direction, half.matches(example.l4))
        decided.append((id(half.index), led.bits, led.doubt))
    known = memory.get(tuple(decided))
    if known is None:
        known = memory[tuple(decided)] = predict(example, firewall)
    return known


def _alike_ports(halves: Sequence[Half], protocol: int, match: L4Match) -> list[tuple[PortRange, ...]]:
    """The asked ports in groups that no rule parts; one empty group for a protocol without ports."""
    if protocol not in WITH_PORTS:
        return [()]
    if len(match.ports) == 1 and match.ports[0].first == match.ports[0].last:
        return [match.ports]
    # Of each side the rules by port, and those of them that can be about these two addresses.
    sweeps = [
        (s.index.ports(protocol), s.index.in_force & s.target.possible & s.near.possible & s.far.possible)
        for s in halves
    ]
    groups: dict[tuple[int, ...], list[PortRange]] = {}
    for asked in match.ports or (ALL_PORTS,):
        cuts = {f for sweep, _ in sweeps for f, _, _ in sweep.pieces(asked.first, asked.last)} | {asked.first}
        ordered = sorted(cuts)
        for first, last in zip(ordered, [*(cut - 1 for cut in ordered[1:]), asked.last], strict=True):
            look = tuple(sweep.at(first) & about for sweep, about in sweeps)
            groups.setdefault(look, []).append(PortRange(first, last))
    return [tuple(joined(ports)) for ports in groups.values()]
