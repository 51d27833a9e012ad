"""Routes, static ones and those that the cloud makes → `Route`; and what they deliver to machines.

https://cloud.google.com/compute/docs/reference/rest/v1/routes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from pathcheck.model.firewall import Problem
from pathcheck.model.flows import Range
from pathcheck.model.machines import Route
from pathcheck.wire.compute import Unreadable, items, last_part, listed_in, mapping, network_name, shown, texts

HOP = "nextHop"
# Of the fields that begin so, those that lead nowhere.
NO_HOPS = frozenset({"nextHopOrigin", "nextHopMed", "nextHopInterRegionCost"})


def routes_of(
    recording: Mapping[str, object],
    unavailable: Mapping[str, str],
    raw_instances: Sequence[object],
    project: str,
    problems: list[Problem],
) -> tuple[tuple[Route, ...], bool]:
    """Those of a recording's `routes` that can be read, and whether that is all of them: to have no route is bad news."""
    whole = "routes" in recording and "routes" not in unavailable
    addresses = _machines_by_address(raw_instances, project)
    found = []
    for index, raw in enumerate(listed_in(recording, "routes", required=False)):
        place = f"routes[{index}]"
        try:
            if not isinstance(raw, Mapping):
                raise Unreadable("is no route")
            place = shown(raw.get("name") or place)
            found.append(_route(raw, place, addresses, project))
        except ValueError as why:
            problems.append(Problem(place, str(why)))
            whole = False
    return tuple(found), whole


def routed_ranges(routes: Sequence[Route]) -> dict[str, list[tuple[str, Range]]]:
    """`ZONE/INSTANCE` → (network, range) of what routes deliver to it."""
    found: dict[str, list[tuple[str, Range]]] = {}
    for route in routes:
        # A default route is the way out, by a NAT machine for one; what it leads to is not at home there.
        if route.instance and route.destination.prefixlen:
            found.setdefault(route.instance, []).append((route.network, route.destination))
    return found


def _route(raw: Mapping[str, object], name: str, addresses: Mapping[tuple[str, str], str], project: str) -> Route:
    try:
        destination = ip_network(str(raw.get("destRange")), strict=False)
    except ValueError as why:
        raise Unreadable(f"destRange: {why}") from None
    priority = raw.get("priority", 1000)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise Unreadable(f"priority: {priority!r} is no number")
    network = network_name(shown(raw.get("network") or ""), project)
    instance = _instance(raw, network, addresses)
    hops = [
        f"{shown(key)} {shown(value if key == 'nextHopIp' else last_part(value))}"
        for key, value in sorted(raw.items())
        if key.startswith(HOP) and key not in NO_HOPS and value
    ]
    return Route(
        name=name,
        network=network,
        destination=destination,
        priority=priority,
        instance=instance,
        hop="" if instance else ", ".join(hops),
        tags=frozenset(texts(raw.get("tags"), "tags")),
        trouble=_trouble(raw),
    )


def _instance(raw: Mapping[str, object], network: str, addresses: Mapping[tuple[str, str], str]) -> str:
    """`ZONE/NAME` of the machine that is the next hop, by its name or by its primary address in the route's network."""
    parts = shown(raw.get("nextHopInstance") or "").split("/")
    if parts[-1]:
        return f"{parts[-3] if len(parts) >= 3 else ''}/{parts[-1]}"
    return addresses.get((network, str(raw.get("nextHopIp"))), "")


def _machines_by_address(raw_instances: Sequence[object], project: str) -> dict[tuple[str, str], str]:
    return {
        (
            network_name(str(nic.get("network") or ""), project),
            nic["networkIP"],
        ): f"{last_part(raw.get('zone'))}/{raw.get('name')}"
        for raw in raw_instances
        if isinstance(raw, Mapping) and isinstance(raw.get("networkInterfaces"), list)
        for nic in raw["networkInterfaces"]
        if isinstance(nic, Mapping) and isinstance(nic.get("networkIP"), str)
    }


def _trouble(raw: Mapping[str, object]) -> str:
    """The API's own warnings and status, as it spells them: ROUTE_… and NEXT_HOP_… codes, DROPPED, INACTIVE."""
    codes = [shown(mapping(warning, "warnings").get("code")) for warning in items(raw, "warnings")]
    status = raw.get("routeStatus") or "ACTIVE"
    return ", ".join([*codes, *([] if status == "ACTIVE" else [shown(status)])])
