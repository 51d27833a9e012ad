"""Which addresses are there? Every address of a network, in the pieces that no rule tells apart, each with the machine that has it.

One address stands for its piece, so that what is true of these few endpoints is true of every flow between them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_address, ip_network
from itertools import pairwise

from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address, Endpoint, Flow, Range
from pathcheck.model.machines import Instance, Interface
from pathcheck.model.rules import ALL_PORTS, L4Match, PortRange, Rule

_FAMILIES: dict[int, Range] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


@dataclass(frozen=True, slots=True)
class Tract:
    """Addresses from `first` to `last` of one range. `machine` is None where no recorded machine has them; `own`: they are its own."""

    endpoint: Endpoint
    first: int
    last: int
    range: Range
    machine: Instance | None = None
    network: str = ""
    own: bool = False

    @property
    def size(self) -> int:
        """How many addresses."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """Ports that no rule tells apart, or a protocol without any; `l4` stands for all of it. `but`: every protocol except these."""

    l4: L4
    ports: PortRange | None = None
    but: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many ports, or protocols where there are none."""
        if self.ports is not None:
            return self.ports.last - self.ports.first + 1
        return 256 - len(self.but) if self.but else 1

    def holds(self, l4: L4) -> bool:
        """Whether a flow of this kind is part of it; one without a port is of every port."""
        if l4.protocol != self.l4.protocol:
            return False
        return self.ports is None or l4.port is None or l4.port in self.ports


def tracts(
    network: str, version: int, rules: Iterable[Rule], units: Sequence[Range], firewall: Firewall
) -> list[Tract]:
    """All that the network and its peers deliver, and all other addresses that are within `units` (the smallest is the tract's range).

    `rules` are those that may tell addresses apart.
    """
    networks = {network, *(firewall.network(network).peers or ())}
    held = [
        (range_, machine, interface, own)
        for machine in firewall.instances
        for interface in machine.interfaces
        if interface.network in networks
        for range_, own in _delivered(interface)
        if range_.version == version
    ]
    units = sorted((u for u in units if u.version == version), key=lambda u: u.prefixlen)
    told = [r for rule in rules for r in (*rule.remote_ranges, *rule.local_ranges) if r.version == version]
    cuts = sorted({edge for r in (*told, *units, *(h[0] for h in held)) for edge in _edges(r)})
    # Ranges are nested or apart: painted from the widest to the narrowest, each piece keeps the most specific one.
    units_at: list[Range | None] = [None] * len(cuts)
    for unit in units:
        for i in _within(unit, cuts):
            units_at[i] = unit
    owners: list[tuple[Range, Instance, Interface, bool] | None] = [None] * len(cuts)
    for holder in sorted(held, key=lambda h: h[0].prefixlen):
        for i in _within(holder[0], cuts):
            owners[i] = holder
    found = []
    for i, first in enumerate(cuts[:-1]):
        last, address = cuts[i + 1] - 1, address_of(first, version)
        owner, unit_here = owners[i], units_at[i]
        if owner is not None:
            range_, machine, interface, own = owner
            endpoint = Endpoint(address, instance=machine.name, nic=interface.name)
            found.append(Tract(endpoint, first, last, range_, machine, interface.network, own))
        elif unit_here is not None:
            found.append(Tract(Endpoint(address), first, last, unit_here))
    return found


def units_of(rules: Iterable[Rule], version: int) -> list[Range]:
    """The addresses that these rules are about, whoever has them."""
    ranges = [r for rule in rules for r in rule.remote_ranges or (_FAMILIES[version],) if r.version == version]
    return list(collapse_addresses(ranges))  # type: ignore[type-var]


def locate(address: Address, ordered: Sequence[Tract]) -> Tract | None:
    """The tract with this address; `ordered` as `tracts` returns them."""
    place = bisect_right(ordered, int(address), key=lambda t: t.first) - 1
    return ordered[place] if place >= 0 and int(address) <= ordered[place].last else None


def traffics(changed: Iterable[Rule], rules: Sequence[Rule], flows: Iterable[Flow]) -> list[Traffic]:
    """All that the changed rules carry, cut where `rules` or these flows tell ports apart."""
    entries = [entry for rule in changed for entry in rule.l4]
    told = [entry for rule in rules for entry in rule.l4]
    named = {e.protocol for e in (*entries, *told) if e.protocol is not None} | {f.l4.protocol for f in flows}
    named |= WITH_PORTS if any(e.protocol is None for e in entries) else set()
    wanted: set[int] = named if any(e.protocol is None for e in entries) else {e.protocol or 0 for e in entries}
    found = []
    for protocol in sorted(wanted):
        if protocol not in WITH_PORTS:
            found.append(Traffic(L4(protocol)))
            continue
        own = [p for e in entries if e.protocol in (None, protocol) for p in e.ports or (ALL_PORTS,)]
        edges = {edge for e in told if e.protocol == protocol for p in e.ports for edge in (p.first, p.last + 1)}
        edges |= {edge for p in own for edge in (p.first, p.last + 1)}
        for flow in flows:
            if flow.l4.protocol == protocol and flow.l4.port is not None:
                edges |= {flow.l4.port, flow.l4.port + 1}
        cuts = sorted(edges)
        for first, after in pairwise(cuts):
            if any(first in p for p in own):
                found.append(Traffic(L4(protocol, first), PortRange(first, after - 1)))
    if wanted is named:
        unnamed = next(number for number in range(256) if number not in named)
        found.append(Traffic(L4(unnamed), but=tuple(sorted(named))))
    return found


def spoken(traffic: Iterable[Traffic]) -> str:
    """`tcp/1-65535, udp/53`, `every protocol but tcp and udp`."""
    ports: dict[int, list[PortRange]] = {}
    but: tuple[int, ...] = ()
    for piece in traffic:
        if piece.but:
            but = piece.but
            continue
        own = ports.setdefault(piece.l4.protocol, [])
        if piece.ports is not None and own and own[-1].last + 1 == piece.ports.first:
            own[-1] = PortRange(own[-1].first, piece.ports.last)
        elif piece.ports is not None:
            own.append(piece.ports)
    matches = {p: L4Match(p, () if own == [ALL_PORTS] else tuple(own)) for p, own in ports.items()}
    if not but:
        return ", ".join(map(str, matches.values()))
    missing = " and ".join(str(L4Match(p)) for p in but if p not in matches or matches[p].ports)
    partly = [str(match) for match in matches.values() if match.ports]
    return ", ".join([f"every protocol but {missing}" if missing else "every protocol", *partly])


def _delivered(interface: Interface) -> Iterable[tuple[Range, bool]]:
    yield from ((r, True) for r in interface.primary)
    yield from ((r, False) for r in (*interface.alias_ranges, *interface.routed_ranges))


def _edges(range_: Range) -> tuple[int, int]:
    first = int(range_.network_address)
    return first, first + range_.num_addresses


def _within(range_: Range, cuts: Sequence[int]) -> range:
    first, after = _edges(range_)
    return range(bisect_left(cuts, first), bisect_left(cuts, after))


def address_of(number: int, version: int) -> Address:
    """The address of this family."""
    # ip_address alone would take a small number for IPv4.
    return ip_address(number.to_bytes(4 if version == 4 else 16, "big"))
