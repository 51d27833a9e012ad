"""Does the cloud know the way? Where a pod's address is no address of its machine, a route must lead there, and back.

The firewall is asked about a packet wherever it goes; a packet without a route is never asked about. So a route in trouble does not
change a prediction: it is one more obstacle, and it is what a silent flow is put down to. The order among routes is that of
https://cloud.google.com/vpc/docs/routes#routeselection (longest prefix, then priority, of those without tags or with one of the
sender's), the drop reasons those of Connectivity Tests (NO_ROUTE, ROUTE_BLACKHOLE, FOREIGN_IP_DISALLOWED). Policy-based and dynamic
routes are in no list of routes and are not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from pathcheck.core.ways.routing import leads_to, rank, routing_of, serves
from pathcheck.model.firewall import Explanation, Firewall, Obstacle
from pathcheck.model.flows import Endpoint, Flow, Range
from pathcheck.model.machines import Instance, Route
from pathcheck.model.words import Direction, Reason

STAGE = "route"


def with_routes(
    explanation: Explanation, flow: Flow, firewall: Firewall, pod_ranges: Sequence[Range] = ()
) -> Explanation:
    """The same prediction, with what is wrong with this flow's routes among its obstacles."""
    found = route_troubles(flow, firewall, pod_ranges)
    return replace(explanation, obstacles=(*explanation.obstacles, *found)) if found else explanation


def route_troubles(flow: Flow, firewall: Firewall, pod_ranges: Sequence[Range] = ()) -> tuple[Obstacle, ...]:
    """What is wrong with the way there (told as ingress) and with the way back; nothing where the routes were not read.

    `flow` is the one on the wire. `pod_ranges` are those that nodes were given: what is missing is named by them.
    """
    if firewall.routes is None or flow.source.instance == flow.destination.instance:
        return ()
    there = _trouble(flow.source, flow.destination, Direction.INGRESS, firewall, pod_ranges)
    back = _trouble(flow.destination, flow.source, Direction.EGRESS, firewall, pod_ranges)
    return tuple(obstacle for obstacle in (there, back) if obstacle is not None)


def _trouble(
    sender: Endpoint, receiver: Endpoint, direction: Direction, firewall: Firewall, pod_ranges: Sequence[Range]
) -> Obstacle | None:
    table = routing_of(firewall)
    here, start = table.end(receiver), table.end(sender)
    if here is None or here.served or (start is not None and start.nic.network != here.nic.network):
        return None  # between networks peerings and VPNs decide, of which the routes say too little
    machine, tags = here.machine, start.machine.tags if start is not None else frozenset()
    known = [r for r in table.to(receiver.address, here.nic.network) if not r.tags or r.tags & tags]
    chosen = [r for r in known if rank(r) == rank(known[0])]
    if chosen and all(serves(route, machine) for route in chosen):
        return None
    pod_range = next((r for r in pod_ranges if receiver.address in r), None)
    if pod_range is None and any(_is_subnet(route) for route in chosen):
        return None  # an address of a subnet, of which nobody said that it is a pod's: load balancers have such
    own = next((r for r in known if leads_to(r, machine)), None)
    wrong = next((r for r in chosen if not serves(r, machine)), None)
    to = pod_range or (own.destination if own is not None else ip_network(receiver.address))
    reason, name, why = (
        _spoilt(wrong, own, machine) if own is not None and wrong is not None else _no_way(wrong, machine, to, firewall)
    )
    return Obstacle(f"route:{name}", STAGE, direction, f"packets to {to} {why}", reason)


Trouble = tuple[Reason, str, str]
"""The reason, the route's name, and what becomes of the packets."""


def _spoilt(wrong: Route, own: Route, machine: Instance) -> Trouble:
    """There is a route to the machine: another one goes before it, or the machine does not take the packets."""
    if not leads_to(wrong, machine):
        other = f"{wrong.name} ({wrong.destination}, priority {wrong.priority})"
        why = f"do not reach {machine.name}: route {other} leads to {_hop(wrong)} and goes before route {own.name}"
        if rank(wrong) == rank(own):
            why = (
                f"do not all reach {machine.name}: route {other} leads to {_hop(wrong)} and ties with route {own.name}"
            )
        return Reason.ROUTE_SHADOWED, wrong.name, why
    leads = f"route {wrong.name} leads to {machine.name}"
    if wrong.trouble:
        return Reason.ROUTE_BLACKHOLED, wrong.name, f"are dropped: {leads}, and the cloud warns of it: {wrong.trouble}"
    if not machine.running:
        return Reason.ROUTE_BLACKHOLED, wrong.name, f"are dropped: {leads}, which is not running"
    why = f"are dropped: {leads}, which may not take what is not for its own address (canIpForward is false)"
    return Reason.ROUTE_NEXT_HOP_NOT_FORWARDING, wrong.name, why


def _no_way(wrong: Route | None, machine: Instance, to: Range, firewall: Firewall) -> Trouble:
    """No route leads to the machine: one leads into nothing, or there is none."""
    specific = wrong if wrong is not None and wrong.destination.prefixlen and not _is_subnet(wrong) else None
    nothing = _nothing_at(specific, firewall) if specific is not None else ""
    if specific is not None and nothing:
        return Reason.ROUTE_BLACKHOLED, specific.name, f"are dropped: route {specific.name} leads to {nothing}"
    instead = f"; they take route {specific.name} to {_hop(specific)}" if specific is not None else ""
    why = f"do not reach {machine.name}: no route and no alias range delivers them there{instead}"
    return Reason.NO_ROUTE_TO_POD_RANGE, f"missing:{to}", why


def _is_subnet(route: Route) -> bool:
    """Made by the cloud for a subnet: its next hop is the network itself."""
    return route.hop.startswith("nextHopNetwork ")


def _nothing_at(route: Route, firewall: Firewall) -> str:
    """What the route's next hop is not, where it is nothing that takes packets; "" where it may be something."""
    zone, _, name = route.instance.rpartition("/")
    if name:
        there = next((m for m in firewall.machines(name) if m.zone == zone), None)
        if there is None:
            return f"{name}, which does not exist"
        return "" if there.running else f"{name}, which is not running"
    # A machine's primary address as the next hop was read as that machine.
    return f"{_hop(route)}, which is no machine's primary address" if route.hop.startswith("nextHopIp ") else ""


def _hop(route: Route) -> str:
    return route.instance.rpartition("/")[2] or route.hop.rpartition(" ")[2] or "an unknown next hop"
