"""Which packets can the rules of one place and direction meet? All there are, in kinds that no rule tells apart.

A packet is what an index is asked by: the machine whose rules they are, the local and the remote address, protocol and port. Of each
there are a few kinds, and what holds of one address or port of a kind holds of all. Local addresses are any, for routes and forwarding
rules bring a machine packets for addresses that no recording shows as its own. Remote ones are those of machines, and nobody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from pathcheck.core.fixes.atlas import address_of, tracts
from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.places import Place, seen_from
from pathcheck.core.rules.predict import METADATA_SERVERS
from pathcheck.core.rules.sweep import Interval
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import WITH_PORTS, Range
from pathcheck.model.words import Direction

_EVERYWHERE: dict[int, Range] = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
_METADATA: list[Range] = [ip_network(address) for address in METADATA_SERVERS]
_PORTS = (0, 65535)


@dataclass(frozen=True, slots=True)
class Target:
    """Machines, each with the interface at which the rules are asked."""

    bits: Bits
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Near:
    """Local addresses of one family, 4 or 6."""

    bits: Bits
    version: int
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Far:
    """Remote addresses of one family: whether any of them is nobody's, and those of machines, in the order of addresses."""

    bits: Bits
    nobodys: bool
    owned: tuple[tuple[Place, Interval], ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Protocols by number, with an interval of ports where they have some; None stands for all that no rule names."""

    bits: Bits
    parts: tuple[tuple[int | None, Interval | None], ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """All packets that meet this index, in kinds. `near` and `far` are by family: a packet is of one."""

    index: Index
    direction: Direction
    network: str
    targets: tuple[Target, ...]
    near: dict[int, tuple[Near, ...]]
    far: dict[int, tuple[Far, ...]]
    traffic: tuple[Traffic, ...]


def grounds(firewall: Firewall) -> Iterator[Ground]:
    """One for each network, region and direction in which the recording has a machine."""
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for machine in firewall.instances:
        for interface in machine.interfaces:
            places[interface.network, interface.region].append(Place(machine, interface))
    for (network, region), own in places.items():
        for direction in Direction:
            index = index_of(firewall, network, region, direction)
            targets: dict[Bits, list[Place]] = defaultdict(list)
            for place in own:
                targets[index.target(place.instance)].append(place)
            yield Ground(
                index,
                direction,
                network,
                tuple(Target(bits, tuple(some)) for bits, some in targets.items()),
                {version: tuple(_near(index, version)) for version in (4, 6)},
                {version: tuple(_far(index, network, version, firewall)) for version in (4, 6)},
                tuple(_traffic(index)),
            )


def _near(index: Index, version: int) -> Iterator[Near]:
    found: dict[int, list[Interval]] = defaultdict(list)
    whole = _EVERYWHERE[version]
    for first, last, bits in index.local_sweep(version).pieces(0, whole.num_addresses - 1):
        found[bits].append((first, last))
    yield from (Near(index.local_bits(bits), version, tuple(intervals)) for bits, intervals in found.items())


def _far(index: Index, network: str, version: int, firewall: Firewall) -> Iterator[Far]:
    nobodys: dict[Bits, None] = {}
    owned: dict[Bits, list[tuple[Place, Interval]]] = defaultdict(list)
    for tract in tracts(network, version, index.rules, [_EVERYWHERE[version], *_METADATA], firewall):
        address = tract.endpoint.address
        if address in METADATA_SERVERS:
            continue  # meets no rule
        place = None
        if tract.machine is not None:
            interface = next(i for i in tract.machine.interfaces if i.name == tract.endpoint.nic)
            place = Place(tract.machine, interface)
        bits = seen_from(address, place, network, index, firewall)
        if place is None:
            nobodys[bits] = None
        else:
            owned[bits].append((place, (tract.first, tract.last)))
    for place, interval in _perhaps_peers(index, network, version, firewall):
        bits = seen_from(address_of(interval[0], version), place, network, index, firewall)
        owned[bits].append((place, interval))
    yield from (Far(bits, bits in nobodys, tuple(owned.get(bits, ()))) for bits in {**nobodys, **dict.fromkeys(owned)})


def _perhaps_peers(index: Index, network: str, version: int, firewall: Firewall) -> Iterator[tuple[Place, Interval]]:
    """Where nobody knows which networks are peers, the machines of every other network may carry secure tags here."""
    if firewall.network(network).peers is not None:
        return
    for machine in firewall.instances:
        for interface in machine.interfaces:
            for r in (*interface.primary, *interface.alias_ranges) if interface.network != network else ():
                if r.version == version:
                    start, end = int(r.network_address), int(r.broadcast_address)
                    for first, last, _ in index.remote_sweep(version).pieces(start, end):
                        yield Place(machine, interface), (first, last)


def _traffic(index: Index) -> Iterator[Traffic]:
    found: dict[int, list[tuple[int | None, Interval | None]]] = defaultdict(list)
    for protocol in index.protocols:
        if protocol not in WITH_PORTS:
            found[index.ports(protocol).nowhere].append((protocol, None))
            continue
        for first, last, bits in index.ports(protocol).pieces(*_PORTS):
            found[bits].append((protocol, (first, last)))
    found[index.ports(-1).nowhere].append((None, None))
    yield from (Traffic(Bits(bits, bits), tuple(parts)) for bits, parts in found.items())
