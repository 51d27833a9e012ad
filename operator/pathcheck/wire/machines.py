"""Compute instances, with what is delivered to them by alias ranges and static routes → `Instance`.

An instance that cannot be read is left out and is a `Problem`; a flow from or to it is then undetermined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

from pathcheck.model.firewall import Instance, Interface, Problem
from pathcheck.model.flows import Range
from pathcheck.wire.compute import Unreadable, items, last_part, mapping, network_name, region_name, shown, texts


def instances_of(
    raw_instances: Sequence[object], raw_routes: Sequence[object], project: str, problems: list[Problem]
) -> tuple[Instance, ...]:
    """Those of a recording's `instances` that can be read; what cannot is added to `problems`."""
    routed = _routed_ranges(raw_routes, raw_instances, problems)
    found = (_instance(raw, f"instances[{i}]", project, routed, problems) for i, raw in enumerate(raw_instances))
    return tuple(instance for instance in found if instance is not None)


def _instance(
    raw: object, place: str, project: str, routed: Mapping[str, list[Range]], problems: list[Problem]
) -> Instance | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str) or not raw["name"].isprintable():
        problems.append(Problem(place, "is no instance"))
        return None
    name = raw["name"]
    zone = last_part(raw.get("zone"))
    try:
        tags = texts(mapping(raw.get("tags"), "tags").get("items"), "tags.items")
        emails = [mapping(a, "serviceAccounts").get("email") for a in items(raw, "serviceAccounts")]
        accounts = texts(emails, "serviceAccounts.email")
        interfaces = [_interface(i, zone, project) for i in items(raw, "networkInterfaces")]
    except ValueError as why:
        problems.append(Problem(name, f"{why}; what it sends and receives is undetermined"))
        return None
    reached_by = tuple(routed.get(f"{zone}/{name}", ()))
    if interfaces and reached_by:
        # A static route names the machine, not its interface; the packets arrive at nic0 of the route's network.
        first = interfaces[0]
        interfaces[0] = Interface(
            first.name, first.network, first.region, first.primary, first.alias_ranges, reached_by
        )
    return Instance(name, zone, tuple(interfaces), frozenset(tags), frozenset(accounts))


def _interface(raw: object, zone: str, project: str) -> Interface:
    nic = mapping(raw, "networkInterfaces")
    if not isinstance(nic.get("network"), str) or not nic["network"]:
        raise Unreadable("networkInterfaces.network: is missing")
    primary = [ip_network(ip_address(str(nic["networkIP"])))] if nic.get("networkIP") else []
    if nic.get("ipv6Address"):
        primary.append(ip_network(f"{nic['ipv6Address']}/{nic.get('internalIpv6PrefixLength', 96)}", strict=False))
    aliases = [mapping(a, "aliasIpRanges") for a in items(nic, "aliasIpRanges")]
    return Interface(
        name=str(nic.get("name", "nic0")),
        network=network_name(nic["network"], project),
        region=region_name(nic.get("subnetwork")) or zone.rpartition("-")[0],
        primary=tuple(primary),
        alias_ranges=tuple(ip_network(str(a.get("ipCidrRange")), strict=False) for a in aliases),
    )


def _routed_ranges(
    routes: Sequence[object], raw_instances: Sequence[object], problems: list[Problem]
) -> dict[str, list[Range]]:
    """`ZONE/INSTANCE` → what static routes deliver to it, by its name or by its address in the route's network."""
    found: dict[str, list[Range]] = {}
    by_address = {
        (last_part(nic.get("network")), nic.get("networkIP")): f"{last_part(raw.get('zone'))}/{raw.get('name')}"
        for raw in raw_instances
        if isinstance(raw, Mapping) and isinstance(raw.get("networkInterfaces"), list)
        for nic in raw["networkInterfaces"]
        if isinstance(nic, Mapping) and isinstance(nic.get("networkIP"), str)
    }
    for index, raw in enumerate(routes):
        if not isinstance(raw, Mapping):
            problems.append(Problem(f"routes[{index}]", "is no route"))
            continue
        parts = str(raw.get("nextHopInstance") or "").split("/")
        machine = f"{parts[-3] if len(parts) >= 3 else ''}/{parts[-1]}" if parts[-1] else None
        machine = machine or by_address.get((last_part(raw.get("network")), str(raw.get("nextHopIp"))))
        if machine is None:
            continue
        try:
            destination = ip_network(str(raw.get("destRange")), strict=False)
        except ValueError as why:
            problems.append(Problem(shown(raw.get("name", f"routes[{index}]")), f"destRange: {why}"))
            continue
        # A default route is the way out, by a NAT machine for one; what it leads to is not at home there.
        if destination.prefixlen:
            found.setdefault(machine, []).append(destination)
    return found
