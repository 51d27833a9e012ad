"""Whose address is it? Machines, interfaces and networks of a recording, for the reference evaluator."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Json = dict[str, Any]


@dataclass
class End:
    """One end of a flow: its address, and the machine and interface that have it, as far as the recording can tell."""

    address: Any
    instance: str | None
    machine: Json | None
    nic: Json | None


def end_of(recording: Json, end: Json) -> End:
    """Without `instance` it is a peer outside; with a name that fits no machine, or no one interface, these stay None."""
    address, instance = ip_address(end["ip"]), end.get("instance")
    machines = [machine for machine in recording["instances"] if machine["name"] == instance]
    nics = [
        (machine, nic)
        for machine in machines
        for nic in machine["networkInterfaces"]
        if end.get("nic") in (None, nic["name"])
    ]
    if len(nics) > 1:
        nics = [(machine, nic) for machine, nic in nics if delivered_to(recording, machine, nic, address)]
    if len(nics) == 1:
        return End(address, instance, *nics[0])
    return End(address, instance, machines[0] if len(machines) == 1 else None, None)


def delivered_to(recording: Json, machine: Json, nic: Json, address: Any) -> bool:
    """Its own addresses, its alias ranges, and what static routes lead to it."""
    return primary(nic, address) or alias(nic, address) or routed(recording, machine, nic, address)


def primary(nic: Json, address: Any) -> bool:
    if "networkIP" in nic and address == ip_address(nic["networkIP"]):
        return True
    return "ipv6Address" in nic and within(address, [f"{nic['ipv6Address']}/{nic.get('internalIpv6PrefixLength', 96)}"])


def alias(nic: Json, address: Any) -> bool:
    return within(address, [item["ipCidrRange"] for item in nic.get("aliasIpRanges", [])])


def routed(recording: Json, machine: Json, nic: Json, address: Any) -> bool:
    """A static route leads there by the machine or by an address of it. A default route delivers nothing: it is a way out."""
    found = False
    for route in read(recording, "routes") or []:
        by_address = "nextHopIp" in route and primary(nic, ip_address(route["nextHopIp"]))
        same_network = "network" not in route or network(recording, route) == network(recording, nic)
        a_way_out = ip_network(route["destRange"]).prefixlen == 0
        if same_network and (by_address or leads_to(route, machine)) and not a_way_out:
            found = found or within(address, [route["destRange"]])
    return found


def within(address: Any, ranges: list[str]) -> bool:
    """A family never covers the other; host bits are cut off."""
    return any(address in ip_network(text, strict=False) for text in ranges)


def read(recording: Json, key: str) -> Any:
    """What the recording has under the key; None where it could not be read or was not."""
    return None if key in recording.get("unavailable", {}) else recording.get(key)


def network(recording: Json, item: Json | None) -> tuple[str, str]:
    """(project, name) of the network that a rule, a route or an interface belongs to."""
    assert item is not None
    return network_named(recording, item["network"])


def network_of_item(recording: Json, item: Json) -> tuple[str, str]:
    """(project, name) of an item of `networks`."""
    return network_named(recording, item["selfLink"] if "selfLink" in item else item["name"])


def network_named(recording: Json, text: str) -> tuple[str, str]:
    """(project, name) by URL, path or bare name; without a project it is the recording's."""
    before, _, name = text.rpartition("/")
    _, found, after = before.rpartition("projects/")
    return (after.partition("/")[0] if found else recording["project"]), name


def region_of(machine: Json, nic: Json) -> str:
    """The subnetwork's, else the zone's without its last letter."""
    _, found, after = nic.get("subnetwork", "").rpartition("regions/")
    return after.partition("/")[0] if found else zone_of(machine).rpartition("-")[0]


def zone_of(machine: Json) -> str:
    zone: str = machine.get("zone", "")
    return zone.rpartition("/")[2]


def leads_to(route: Json, machine: Json) -> bool:
    """Its next hop is this machine, by zone and name."""
    words = route.get("nextHopInstance", "").split("/")
    return words[-1] == machine["name"] and (
        "zones" not in words or words[words.index("zones") + 1] == zone_of(machine)
    )
