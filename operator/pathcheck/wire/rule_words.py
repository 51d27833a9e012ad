"""A rule → the words in which every way of writing it down agrees: protocols with ports, ranges by side, its project and network."""

from __future__ import annotations

from pathcheck.model.fixes import Fix
from pathcheck.model.flows import PROTOCOL_NAMES
from pathcheck.model.rules import L4Match, Rule, Stage
from pathcheck.model.words import Direction
from pathcheck.wire.compute import network_owner

# What gcloud takes by name; every other protocol is written as a number, which all ways of writing take.
_NAMED = frozenset({"tcp", "udp", "icmp", "esp", "ah", "sctp"})


def protocol_of(match: L4Match) -> str:
    """By the name that every tool knows, else by number."""
    if match.protocol is None:
        return "all"
    name = PROTOCOL_NAMES.get(match.protocol, "")
    return name if name in _NAMED else str(match.protocol)


def traffic_of(rule: Rule) -> dict[str, list[str]]:
    """Ports by protocol, none for all of them."""
    found: dict[str, list[str]] = {}
    for match in rule.l4:
        found.setdefault(protocol_of(match), []).extend(map(str, match.ports))
    return found


def ranges_of(rule: Rule) -> tuple[list[str], list[str]]:
    """Source ranges and destination ranges."""
    remote, local = [str(r) for r in rule.remote_ranges], [str(r) for r in rule.local_ranges]
    return (remote, local) if rule.direction is Direction.INGRESS else (local, remote)


def owner_of(rule: Rule, fix: Fix) -> tuple[str, str]:
    """Project and network: under Shared VPC a rule is made in the project that owns the network, whatever project the machines are in."""
    return network_owner(rule.network, fix.project)


def is_regional(rule: Rule) -> bool:
    """Whether it is of a regional network policy."""
    return rule.stage is Stage.REGIONAL
