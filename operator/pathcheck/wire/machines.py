"""Compute instances, with their secure tags and what is delivered to them by alias ranges and static routes → `Instance`.

An instance that cannot be read is a `Problem`. If its name can, it stays as a machine without interfaces: what it sends and receives is
undetermined, and so is what a namesake does, unless the address tells the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address, ip_network

from pathcheck.model.firewall import Problem
from pathcheck.model.flows import Range
from pathcheck.model.machines import Instance, Interface
from pathcheck.wire.compute import Unreadable, items, last_part, mapping, network_name, region_name, shown, texts

Routed = Mapping[str, Sequence[tuple[str, Range]]]
"""`ZONE/INSTANCE` → (network, range) of what static routes deliver to it; "" where a route does not say its network."""

Bindings = Mapping[str, frozenset[str] | None]


def instances_of(
    raw_instances: Sequence[object],
    routed: Routed,
    bindings: Bindings | None,
    project: str,
    problems: list[Problem],
) -> tuple[Instance, ...]:
    """Those of a recording's `instances` that can be read; what cannot is added to `problems`."""
    found = (
        _instance(raw, f"instances[{index}]", project, routed, bindings, problems)
        for index, raw in enumerate(raw_instances)
    )
    return tuple(instance for instance in found if instance is not None)


def bindings_of(
    recording: Mapping[str, object], unavailable: Mapping[str, str], problems: list[Problem]
) -> Bindings | None:
    """Secure tags by instance, as NAME or, where several zones have one of that name, ZONE/NAME; None where they are not known.

    Of an instance that is not listed there are none, of one that is listed with null nobody knows them.
    """
    raw = recording.get("secureTagBindings")
    if raw is None or "secureTagBindings" in unavailable:
        return None
    try:
        if not isinstance(raw, Mapping):
            raise Unreadable("maps an instance to its tags")
        return {
            shown(name): None if tags is None else frozenset(texts(tags, shown(name))) for name, tags in raw.items()
        }
    except Unreadable as why:
        problems.append(Problem("secureTagBindings", str(why)))
        return None


def _instance(
    raw: object,
    place: str,
    project: str,
    routed: Routed,
    bindings: Bindings | None,
    problems: list[Problem],
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
        forwards = raw.get("canIpForward")
        if forwards is not None and not isinstance(forwards, bool):
            raise Unreadable("canIpForward: must be true or false")
    except ValueError as why:
        problems.append(Problem(name, f"{why}; what it sends and receives is undetermined"))
        return Instance(name, zone, ())
    return Instance(
        name=name,
        zone=zone,
        interfaces=_delivered(interfaces, routed.get(f"{zone}/{name}", ())),
        tags=frozenset(tags),
        service_accounts=frozenset(accounts),
        secure_tags=_bound(bindings, zone, name),
        can_ip_forward=forwards,
        running=raw.get("status") in (None, "RUNNING"),
    )


def _bound(bindings: Bindings | None, zone: str, name: str) -> frozenset[str] | None:
    if bindings is None:
        return None
    return bindings.get(f"{zone}/{name}", bindings.get(name, frozenset()))


def _delivered(interfaces: Sequence[Interface], routed: Sequence[tuple[str, Range]]) -> tuple[Interface, ...]:
    """A route names the machine, not its interface: the packets arrive at the one in the route's network, else at nic0."""
    ranges: dict[int, list[Range]] = {}
    for network, destination in routed:
        at = next((i for i, interface in enumerate(interfaces) if interface.network == network), 0)
        ranges.setdefault(at, []).append(destination)
    return tuple(replace(nic, routed_ranges=tuple(ranges.get(i, ()))) for i, nic in enumerate(interfaces))


def _interface(raw: object, zone: str, project: str) -> Interface:
    nic = mapping(raw, "networkInterfaces")
    if not isinstance(nic.get("network"), str) or not nic["network"]:
        raise Unreadable("networkInterfaces.network: is missing")
    primary = [_alone(str(nic["networkIP"]))] if nic.get("networkIP") else []
    if nic.get("ipv6Address"):
        primary.append(_range(f"{nic['ipv6Address']}/{nic.get('internalIpv6PrefixLength', 96)}"))
    aliases = [mapping(a, "aliasIpRanges") for a in items(nic, "aliasIpRanges")]
    return Interface(
        name=str(nic.get("name", "nic0")),
        network=network_name(nic["network"], project),
        region=region_name(nic.get("subnetwork")) or zone.rpartition("-")[0],
        primary=tuple(primary),
        alias_ranges=tuple(_range(str(a.get("ipCidrRange"))) for a in aliases),
    )


# Recordings are read again and again, and hardly a machine's addresses change in between.
@lru_cache(maxsize=65_536)
def _range(text: str) -> Range:
    return ip_network(text, strict=False)


@lru_cache(maxsize=65_536)
def _alone(text: str) -> Range:
    return ip_network(ip_address(text))
