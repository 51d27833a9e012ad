"""What does the other side say of the same packets? Between machines, what one side's rules change shows only where the other's let it.

Packets of one kind on one side (`ground`) are taken apart again wherever the rules of the other side tell their addresses or ports apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from pathcheck.core.fixes.atlas import address_of
from pathcheck.core.reliance.ground import Far, Ground, Near, Target, Traffic
from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.places import Place, seen_from
from pathcheck.core.rules.sweep import Interval
from pathcheck.core.rules.walk import Led, lead, matches
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Address
from pathcheck.model.words import Direction


@dataclass(frozen=True, slots=True)
class Beyond:
    """What the rules of the other side come to, and which rules they are."""

    index: Index
    direction: Direction
    led: Led


def beyond(
    ground: Ground, target: Target, near: Near, far: Far, traffic: Traffic, firewall: Firewall
) -> Iterator[Beyond]:
    """Of packets of these kinds of this ground: one answer for every piece of them; none of those that stay on one machine."""
    direction = Direction.EGRESS if ground.direction is Direction.INGRESS else Direction.INGRESS
    for owner, (first, last) in far.owned:
        network, region = owner.interface.network, owner.interface.region
        index = index_of(firewall, network, region, direction)
        asked = index.target(owner.instance)
        l4s = dict.fromkeys(index.traffic(l4) for l4 in _l4s(traffic, ground.index, index))
        own = dict.fromkeys(
            index.local_bits(bits) for _, _, bits in index.local_sweep(near.version).pieces(first, last)
        )
        seen: set[Bits] = set()
        for here in target.places:
            # Mostly the first of them says it all.
            for address in _addresses(here, near, index) if here.instance is not owner.instance else ():
                distant = seen_from(address, here, network, index, firewall)
                if distant not in seen:
                    seen.add(distant)
                    for local, l4 in product(own, l4s):
                        found = matches(index, asked, local, distant, l4)
                        yield Beyond(index, direction, lead(index, direction, found))


def _addresses(here: Place, near: Near, index: Index) -> Iterator[Address]:
    """One of each piece of the local addresses that the other side's rules, or the names that they carry, tell apart."""
    carrying = [r for r in (*here.interface.primary, *here.interface.alias_ranges) if r.version == near.version]
    edges = {edge for r in carrying for edge in (int(r.network_address), int(r.broadcast_address) + 1)}
    for start, end in near.intervals:
        yield from (
            address_of(first, near.version) for first, _, _ in index.remote_sweep(near.version).pieces(start, end)
        )
        yield from (address_of(edge, near.version) for edge in sorted(edges) if start <= edge <= end)


def _l4s(traffic: Traffic, mine: Index, other: Index) -> Iterator[L4]:
    """One of each piece of this traffic that the other side's rules tell apart."""
    for protocol, ports in traffic.parts:
        if protocol is not None:
            yield from _ports(protocol, ports, other)
            continue
        # Of the protocols that no rule of this side names the other side may name some.
        named = set(mine.protocols)
        for number in {*other.protocols, *WITH_PORTS} - named:
            yield from _ports(number, (0, 65535) if number in WITH_PORTS else None, other)
        yield L4(next(number for number in range(256) if number not in named | {*other.protocols} | WITH_PORTS))


def _ports(protocol: int, ports: Interval | None, other: Index) -> Iterator[L4]:
    if ports is None:
        yield L4(protocol)
    else:
        yield from (L4(protocol, first) for first, _, _ in other.ports(protocol).pieces(*ports))
