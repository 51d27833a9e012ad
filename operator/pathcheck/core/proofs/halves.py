"""What do rules make of the two ends of a flow, before its protocol and port are known? Each end once, however many flows it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.places import Place, place_of, seen_from
from pathcheck.core.rules.walk import Matches, matches
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint
from pathcheck.model.words import Direction


@dataclass(frozen=True, slots=True)
class Half:
    """What the rules at one end are asked about a flow, but for its protocol and port, as in `Side`."""

    direction: Direction
    index: Index
    target: Bits
    near: Bits
    far: Bits

    def matches(self, l4: L4) -> Matches:
        """Those that match with this protocol and port."""
        return matches(self.index, self.target, self.near, self.far, self.index.traffic(l4))


class Spot:
    """One end: where it is, and which rules match it there. `direction` is that of its own rules."""

    __slots__ = ("_seen", "endpoint", "own", "place")

    def __init__(self, endpoint: Endpoint, direction: Direction, firewall: Firewall) -> None:
        self.endpoint = endpoint
        self.place = place_of(endpoint, firewall)
        self.own: tuple[Index, Bits, Bits] | None = None
        if isinstance(self.place, Place):
            index = index_of(firewall, self.place.interface.network, self.place.interface.region, direction)
            self.own = index, index.target(self.place.instance), index.local(endpoint.address)
        self._seen: dict[int, Bits] = {}

    def seen(self, network: str, index: Index, firewall: Firewall) -> Bits:
        """By the rules of another end."""
        known = self._seen.get(id(index))
        if known is None:
            known = self._seen[id(index)] = seen_from(self.endpoint.address, self.place, network, index, firewall)
        return known


def halves(start: Spot, end: Spot, firewall: Firewall) -> Iterator[Half]:
    """Of the ends that are known machines."""
    for direction, here, there in ((Direction.EGRESS, start, end), (Direction.INGRESS, end, start)):
        if here.own is not None and isinstance(here.place, Place):
            index, target, near = here.own
            yield Half(direction, index, target, near, there.seen(here.place.interface.network, index, firewall))
