"""A fix → the line to type (https://cloud.google.com/sdk/gcloud/reference/compute/firewall-rules/create)."""

from __future__ import annotations

import shlex

from pathcheck.model.firewall import Fix
from pathcheck.model.flows import PROTOCOL_NAMES
from pathcheck.model.rules import L4Match, Rule
from pathcheck.model.words import Direction
from pathcheck.wire.compute import network_owner

# gcloud's names for --allow; every other protocol is written as a number.
_NAMED = frozenset({"tcp", "udp", "icmp", "esp", "ah", "sctp"})


def command(fix: Fix) -> str:
    """One line, quoted for a POSIX shell where it must be."""
    rule = fix.rule
    inward = rule.direction is Direction.INGRESS
    remote = ",".join(map(str, rule.remote_ranges))
    local = ",".join(map(str, rule.local_ranges))
    # Under Shared VPC a rule is made in the project that owns the network, whatever project the machines are in.
    project, network = network_owner(rule.network, fix.project)
    flags = {
        "project": project,
        "network": network,
        "direction": rule.direction.upper(),
        "priority": str(rule.priority),
        "source-ranges": remote if inward else local,
        "destination-ranges": local if inward else remote,
        "allow": ",".join(_allowed(rule)),
        "target-tags": ",".join(sorted(rule.target_tags)),
        "target-service-accounts": ",".join(sorted(rule.target_service_accounts)),
    }
    words = [f"--{flag}={value}" for flag, value in flags.items() if value]
    return shlex.join(["gcloud", "compute", "firewall-rules", "create", rule.name, *words])


def _allowed(rule: Rule) -> list[str]:
    """One `protocol[:ports]` for each port, since the flag's list is split at commas."""
    return [word for m in rule.l4 for word in ([f"{_protocol(m)}:{p}" for p in m.ports] or [_protocol(m)])]


def _protocol(match: L4Match) -> str:
    if match.protocol is None:
        return "all"
    name = PROTOCOL_NAMES.get(match.protocol, "")
    return name if name in _NAMED else str(match.protocol)
