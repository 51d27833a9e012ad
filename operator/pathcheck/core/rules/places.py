"""Where is this end of a flow, and what do its rules see? The machine and interface of each end, and the two sides of a flow."""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.core.rules.index import Bits, Carries, Index, index_of
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Address, Endpoint, Flow
from pathcheck.model.machines import Instance, Interface
from pathcheck.model.words import Direction

NOTHING = Carries(False, False, False)


@dataclass(frozen=True, slots=True)
class Place:
    """The machine and the interface at which a side's rules are asked."""

    instance: Instance
    interface: Interface


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Why the recording does not say where an end is; `name` as scripts read it, without `undecided:`."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Side:
    """What the rules of one direction are asked. `local` is the machine they are applied to, `remote` the other one, if it is one.

    `target`, `near`, `far` and `traffic` say which rules match, by the local machine, the local and the remote address, and protocol
    and port.
    """

    direction: Direction
    index: Index
    l4: L4
    local: Instance
    local_address: Address
    remote: Instance | None
    remote_address: Address
    target: Bits
    near: Bits
    far: Bits
    traffic: Bits


def place_of(endpoint: Endpoint, firewall: Firewall) -> Place | Nowhere | None:
    """Where this end's rules are asked; None for a peer that is no machine; why not, where the recording does not say."""
    name = endpoint.instance
    if name is None:
        return None
    machines = firewall.machines(name)
    if not machines:
        return Nowhere(f"instance:{name}", f"the recording has no instance {name}")
    every = [Place(m, i) for m in machines for i in m.interfaces if endpoint.nic in (None, i.name)]
    places = [place for place in every if _holds(place.interface, endpoint.address)]
    if not places and all(m.interfaces for m in machines):
        # A machine with one interface receives whatever is routed to it, known range or not.
        places = every
    if len(places) == 1:
        return places[0]
    why = f"the recording does not show which interface of {name} has {endpoint.address}"
    return Nowhere(f"instance:{name}", why)


def side_of(direction: Direction, flow: Flow, local: Place, remote: Place | Nowhere | None, firewall: Firewall) -> Side:
    """What the rules at this place are asked about the flow."""
    inward = direction is Direction.INGRESS
    near, far = (flow.destination, flow.source) if inward else (flow.source, flow.destination)
    index = index_of(firewall, local.interface.network, local.interface.region, direction)
    machine = remote.instance if isinstance(remote, Place) else None
    return Side(
        direction=direction,
        index=index,
        l4=flow.l4,
        local=local.instance,
        local_address=near.address,
        remote=machine,
        remote_address=far.address,
        target=index.target(local.instance),
        near=index.local(near.address),
        far=seen_from(far.address, remote, local.interface.network, index, firewall),
        traffic=index.traffic(flow.l4),
    )


def seen_from(address: Address, place: Place | Nowhere | None, network: str, index: Index, firewall: Firewall) -> Bits:
    """Which of these rules, asked in this network, match a remote address at this place."""
    if isinstance(place, Nowhere):
        return index.remote_unknown(address)
    if place is None:
        return index.remote(address, None, NOTHING)
    return index.remote(address, place.instance, carried(address, place, network, firewall))


def carried(address: Address, place: Place, network: str, firewall: Firewall) -> Carries:
    """Which names an address at this place carries, as the rules of this network see it.

    Tags and service accounts: a primary address in the same network (https://cloud.google.com/vpc/docs/alias-ip#firewalls). Secure tags:
    also across peering; whether they hold for alias addresses is documented both ways.
    """
    interface = place.interface
    same = interface.network == network
    peers = firewall.network(network).peers
    peered = same or (peers is not None and interface.network in peers)
    primary = any(address in r for r in interface.primary)
    alias = not primary and any(address in r for r in interface.alias_ranges)
    perhaps = alias if peered else peers is None and (primary or alias)
    return Carries(same and primary, peered and primary, perhaps)


def _holds(interface: Interface, address: Address) -> bool:
    return any(address in r for r in (*interface.primary, *interface.alias_ranges, *interface.routed_ranges))
