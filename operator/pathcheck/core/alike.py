"""Which addresses are alike to the firewall? Those that every rule matches or does not match together, wherever they are sent.

A range is cut where a rule's ranges begin or end and where the machine's own do; between two cuts nothing changes, so that one address
stands for all of them. Nodes whose cuts give the same answers are alike as a whole: of a thousand nodes there are then a few kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from pathcheck.core.index import Index, index_of
from pathcheck.core.places import NOTHING, Nowhere, Place, carried, place_of
from pathcheck.core.predict import METADATA_SERVERS
from pathcheck.core.sweep import Interval
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Address, Endpoint, Range
from pathcheck.model.proofs import Span
from pathcheck.model.words import Direction, Vantage

Look = tuple[object, ...]
"""All that rules can see of an address; two addresses with equal looks get equal answers."""


Piece = tuple[int, int, int]
"""Family, first and last address as integers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Spans that are alike, and for each of their looks all addresses that have it.

    `samples` are up to two of the spans, on different machines, with one address of each look.
    """

    spans: tuple[Span, ...]
    looks: Mapping[Look, Sequence[Piece]]
    samples: tuple[tuple[Span, Mapping[Look, Address]], ...]


Scope = tuple[str, str]
"""Network and region."""


def scopes_of(spans: Iterable[Span], firewall: Firewall) -> frozenset[Scope]:
    """Where rules are asked at these ends."""
    machines = (m for span in spans if span.instance for m in firewall.machines(span.instance))
    return frozenset((i.network, i.region) for m in machines for i in m.interfaces)


class Eye:
    """How rules see one end: its own as the local side, the other end's scopes as the remote one; of rules for `protocols` only."""

    def __init__(
        self, direction: Direction, others: Iterable[Scope], protocols: Iterable[int], firewall: Firewall
    ) -> None:
        self._direction = direction
        self._protocols = tuple(protocols)
        self._firewall = firewall
        back = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
        self._others = [(s[0], index_of(firewall, *s, back)) for s in sorted(others)]
        self._about: dict[int, int] = {}

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
        indices = [index for _, index in self._others]
        cuts: set[int] = set()
        for index in indices:
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
        return (address.version, metadata, here, *(self._seen(n, index, address, place) for n, index in self._others))

    def _seen(self, network: str, index: Index, address: Address, place: Place | Nowhere | None) -> object:
        known = place if isinstance(place, Place) else None
        names = carried(address, known, network, self._firewall) if known is not None else NOTHING
        far = index.remote(address, known.instance if known is not None else None, names)
        about = self._in_question(index)
        return far.sure & about, far.possible & about

    def _in_question(self, index: Index) -> int:
        """Rules that can have a say; the others would only part what is alike."""
        known = self._about.get(id(index))
        if known is None:
            known = 0
            for protocol in self._protocols:
                known |= index.traffic(L4(protocol)).possible
            known = self._about[id(index)] = known & index.in_force
        return known


def _kind(found: Sequence[tuple[Span, Mapping[Look, Sequence[Piece]]]]) -> Kind:
    looks = {look: [piece for _, own in found for piece in own[look]] for look in found[0][1]}
    second = next((f for f in found if f[0].identity != found[0][0].identity), None)
    samples = [found[0], *([second] if second else [])]
    return Kind(
        tuple(span for span, _ in found),
        looks,
        tuple((span, {look: address_of(*pieces[0][:2]) for look, pieces in own.items()}) for span, own in samples),
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
