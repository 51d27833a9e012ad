"""Which addresses are alike to the firewall? Those that every rule matches or does not match together, wherever they are sent.

A range is cut where a rule's ranges begin or end and where the machine's own do; between two cuts nothing changes, so that one address
stands for all of them. Nodes whose cuts give the same answers are alike as a whole: of a thousand nodes there are then a few kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pathcheck.core.rules.index import Index, index_of
from pathcheck.core.rules.places import Nowhere, Place, place_of, seen_from
from pathcheck.core.rules.predict import METADATA_SERVERS
from pathcheck.core.rules.sweep import Interval
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Address, Endpoint, Range
from pathcheck.model.machines import Instance
from pathcheck.model.proofs import Span
from pathcheck.model.words import Direction, Vantage

Look = tuple[object, ...]
"""All that rules can see of an address; two addresses with equal looks get equal answers."""


Piece = tuple[int, int, int]
"""Family, first and last address as integers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Spans that are alike, and for each of their looks all addresses that have it.

    `samples` are up to two of the spans, on different machines, with one address of each look. `identities` says how many spans are
    in one place.
    """

    spans: tuple[Span, ...]
    looks: Mapping[Look, Sequence[tuple[Span, Piece]]]
    samples: tuple[tuple[Span, Mapping[Look, Address]], ...]
    identities: Mapping[object, int]

    def apart_from(self, other: Kind) -> list[Span]:
        """Those of the spans that have one of the other kind on another machine."""
        there = {span.identity for span in other.spans}
        return [span for span in self.spans if there != {span.identity}]

    def pieces(self, look: Look, other: Kind) -> list[Piece]:
        """All addresses of this look that have one of the other kind on another machine."""
        spans = set(self.apart_from(other))
        return [piece for span, piece in self.looks[look] if span in spans]


Scope = tuple[str, str]
"""Network and region."""


def scopes_of(spans: Iterable[Span], firewall: Firewall) -> dict[Scope, list[Instance]]:
    """Where rules are asked at these ends, and of which machines."""
    found: dict[Scope, list[Instance]] = {}
    for span in spans:
        for machine in firewall.machines(span.instance) if span.instance else ():
            for i in machine.interfaces:
                found.setdefault((i.network, i.region), []).append(machine)
    return found


class Eye:
    """How rules see one end: its own as the local side, those of the machines at the other end as the remote one.

    Of rules for `protocols` only, and of those that the machines asked about can be targets of: others would part what is alike.
    """

    def __init__(
        self,
        direction: Direction,
        others: Mapping[Scope, Sequence[Instance]],
        protocols: Iterable[int],
        firewall: Firewall,
    ) -> None:
        self._direction = direction
        self._protocols = tuple(protocols)
        self._firewall = firewall
        back = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
        self._about: dict[int, int] = {}
        self._others: list[tuple[str, Index, int]] = []
        for scope, machines in sorted(others.items()):
            index = index_of(firewall, *scope, back)
            targets = 0
            for machine in machines:
                targets |= index.target(machine).possible
            self._others.append((scope[0], index, targets & self._in_question(index)))

    def kinds(self, spans: Iterable[Span]) -> list[Kind]:
        """The spans by what they look like, in their order."""
        members: dict[frozenset[Look], list[tuple[Span, dict[Look, list[Piece]]]]] = {}
        for span in spans:
            own = self._pieces(span)
            members.setdefault(frozenset(own), []).append((span, own))
        return [_kind(found) for found in members.values()]

    def _pieces(self, span: Span) -> dict[Look, list[Piece]]:
        """The span's addresses, cut where anything may change, by look."""
        pieces: dict[Look, list[Piece]] = {}
        for range_ in span.ranges:
            version, (start, end) = range_.version, interval_of(range_)
            cuts = sorted({start, *(cut for cut in self._cuts(span, version, start, end) if start < cut <= end)})
            for first, last in zip(cuts, [*(cut - 1 for cut in cuts[1:]), end], strict=True):
                look = self._look(endpoint_of(span, address_of(version, first)))
                pieces.setdefault(look, []).append((version, first, last))
        return pieces

    def _cuts(self, span: Span, version: int, start: int, end: int) -> set[int]:
        cuts: set[int] = set()
        for _, index, _ in self._others:
            cuts.update(first for first, _, _ in index.remote_sweep(version).pieces(start, end))
        for machine in self._firewall.machines(span.instance) if span.instance else ():
            for i in machine.interfaces:
                own = index_of(self._firewall, i.network, i.region, self._direction)
                cuts.update(first for first, _, _ in own.local_sweep(version).pieces(start, end))
                for r in (*i.primary, *i.alias_ranges, *i.routed_ranges):
                    if r.version == version:
                        first, last = interval_of(r)
                        cuts.update((first, last + 1))
        for server in METADATA_SERVERS:
            if server.version == version:
                cuts.update((int(server), int(server) + 1))
        return cuts

    def _look(self, end: Endpoint) -> Look:
        address = end.address
        place = place_of(end, self._firewall)
        metadata = address if address in METADATA_SERVERS else None
        if not isinstance(place, Place):
            # Which machine is unknown does not matter: nothing is known of any of them.
            here: Look = ("nowhere",) if isinstance(place, Nowhere) else ("outside",)
        else:
            i = place.interface
            own = index_of(self._firewall, i.network, i.region, self._direction)
            target, near = own.target(place.instance), own.local(address)
            about = self._in_question(own)
            surely, perhaps = target.sure & near.sure & about, target.possible & near.possible & about
            here = (i.network, i.region, surely, perhaps)
        seen: list[int] = []
        for network, index, about in self._others:
            far = seen_from(address, place, network, index, self._firewall)
            seen += (far.sure & about, far.possible & about)
        return (address.version, metadata, here, *seen)

    def _in_question(self, index: Index) -> int:
        """Rules in force about the asked protocols."""
        known = self._about.get(id(index))
        if known is None:
            known = 0
            for protocol in self._protocols:
                known |= index.traffic(L4(protocol)).possible
            known = self._about[id(index)] = known & index.in_force
        return known


def _kind(found: Sequence[tuple[Span, Mapping[Look, Sequence[Piece]]]]) -> Kind:
    looks = {look: [(span, piece) for span, own in found for piece in own[look]] for look in found[0][1]}
    second = next((f for f in found if f[0].identity != found[0][0].identity), None)
    samples = [found[0], *([second] if second else [])]
    return Kind(
        tuple(span for span, _ in found),
        looks,
        tuple((span, {look: address_of(*pieces[0][:2]) for look, pieces in own.items()}) for span, own in samples),
        Counter(span.identity for span, _ in found),
    )


def address_of(version: int, number: int) -> Address:
    """The address with this number."""
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def endpoint_of(span: Span, address: Address) -> Endpoint:
    """One address of a span."""
    return Endpoint(address, span.name, Vantage.POD if span.name else None, span.instance)


def interval_of(range_: Range) -> Interval:
    """First and last address as integers."""
    return int(range_.network_address), int(range_.broadcast_address)
