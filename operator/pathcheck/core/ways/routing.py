"""Which routes lead to an address, and where is an end of a flow? An index: a fleet asks for thousands, and each node has a route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Address, Endpoint
from pathcheck.model.machines import Instance, Interface, Route


@dataclass(frozen=True, slots=True)
class End:
    """One end's machine and the interface by which packets reach it. `served`: they do, from any machine of its network."""

    machine: Instance
    nic: Interface
    served: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """Routes by (IP version, prefix length, prefix), and the ends that were asked for."""

    firewall: Firewall
    routes: Mapping[tuple[int, int, int], list[Route]]
    ends: dict[tuple[str | None, int, str | None], End | None] = field(default_factory=dict)

    def to(self, address: Address, network: str) -> list[Route]:
        """Those of this network that hold the address, the one that is taken first."""
        value, width, version = int(address), address.max_prefixlen, address.version
        keys = ((version, length, value >> (width - length)) for length in range(width + 1))
        found = (r for key in keys for r in self.routes.get(key, ()) if r.network in ("", network))
        return sorted(found, key=lambda r: (*rank(r), r.name))

    def end(self, endpoint: Endpoint) -> End | None:
        """None where the recording does not tell."""
        key = (endpoint.instance, int(endpoint.address), endpoint.nic)
        if key not in self.ends:
            self.ends[key] = self._end(endpoint)
        return self.ends[key]

    def _end(self, endpoint: Endpoint) -> End | None:
        machines = self.firewall.machines(endpoint.instance) if endpoint.instance else ()
        if len(machines) != 1 or not machines[0].interfaces:
            return None
        machine, interfaces = machines[0], machines[0].interfaces
        named = [i for i in interfaces if i.name == endpoint.nic]
        holding = [i for i in interfaces if any(endpoint.address in r for r in (*i.primary, *i.alias_ranges))]
        nic = (*named, *holding, *interfaces)[0]
        if any(endpoint.address in r for r in (*nic.primary, *nic.alias_ranges)):
            return End(machine, nic, True)  # of these the cloud makes the routes itself
        known = self.to(endpoint.address, nic.network)
        untagged = bool(known) and not any(route.tags for route in known)
        chosen = [route for route in known if rank(route) == rank(known[0])]
        return End(machine, nic, untagged and all(serves(route, machine) for route in chosen))


def routing_of(firewall: Firewall) -> Routing:
    """Made once for each firewall."""
    held = firewall.compiled.get(Routing)
    if isinstance(held, Routing):
        return held
    routes: dict[tuple[int, int, int], list[Route]] = {}
    for route in firewall.routes or ():
        to = route.destination
        prefix = int(to.network_address) >> (to.max_prefixlen - to.prefixlen)
        routes.setdefault((to.version, to.prefixlen, prefix), []).append(route)
    made = firewall.compiled[Routing] = Routing(firewall, routes)
    return made


def rank(route: Route) -> tuple[int, int]:
    """The lower one is taken: the longest prefix, then the lowest priority."""
    return -route.destination.prefixlen, route.priority


def leads_to(route: Route, machine: Instance) -> bool:
    """Whether the machine is its next hop; a default route's is the way out, whatever machine that is."""
    return route.instance == f"{machine.zone}/{machine.name}" and route.destination.prefixlen > 0


def serves(route: Route, machine: Instance) -> bool:
    """Whether it brings packets to the machine, which takes them."""
    return leads_to(route, machine) and machine.can_ip_forward is not False and machine.running and not route.trouble
