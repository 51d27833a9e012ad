"""Which firewall is measured? Recordings of one made-up project, in the API's spelling: the same for the same seed.

A thousand machines in one network, each with a pod range; rules by range, tag, protocol and port as clusters have them. All can be
judged, so that the plainest loop over rules is a fair rival.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from pathcheck.model.flows import L4, PROTOCOL_NUMBERS, Endpoint

Raw = dict[str, Any]
MACHINES = 1000
TRAFFIC = tuple(
    L4(PROTOCOL_NUMBERS[name], port) for name, port in (("tcp", 53), ("udp", 53), ("tcp", 443), ("icmp", None))
)
POD_RULE = "gke-bench-all"
_ROLES = 40
_NODES, _PODS = int(ip_address("10.128.0.0")), int(ip_address("10.32.0.0"))
_API = "https://www.googleapis.com/compute/v1/projects/bench"
_L4: tuple[list[Raw], ...] = (
    [{"IPProtocol": "tcp", "ports": ["443"]}],
    [{"IPProtocol": "tcp", "ports": ["80", "443"]}],
    [{"IPProtocol": "udp", "ports": ["53"]}, {"IPProtocol": "tcp", "ports": ["53"]}],
    [{"IPProtocol": "tcp", "ports": ["1-65535"]}, {"IPProtocol": "udp", "ports": ["1-65535"]}, {"IPProtocol": "icmp"}],
    [{"IPProtocol": "tcp", "ports": ["8000-8999"]}],
    [{"IPProtocol": "icmp"}],
    [{"IPProtocol": "all"}],
)
_ASKED: tuple[list[Raw], ...] = (
    [{"protocol": "TCP", "port": 443}],
    [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    [{"protocol": "ICMP"}],
    [{"protocol": "TCP", "port": 8080}],
)


@dataclass(frozen=True)
class Kind:
    """How many rules, whether their sources are single addresses, and which share of them stands in firewall policies."""

    title: str
    rules: int
    single_sources: bool = False
    in_policies: float = 0


KINDS = (
    Kind("200 rules", 200),
    Kind("5,000 rules", 5000),
    Kind("5,000 rules, their sources single addresses", 5000, single_sources=True),
    Kind("5,000 rules, half of them in policies", 5000, in_policies=0.5),
)


def recording(kind: Kind, dice: random.Random) -> Raw:
    """One firewall of this kind."""
    of_policies = round(kind.rules * kind.in_policies)
    return {
        "format": "pathcheck-recording/1",
        "project": "bench",
        "networks": [{"name": "default", "networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"}],
        "subnetworks": [],
        "routes": [],
        "instances": [_machine(i, dice) for i in range(MACHINES)],
        "firewalls": [_vpc_rule(i, kind, dice) for i in range(kind.rules - of_policies)],
        "effectiveFirewalls": [
            {"network": "default", "region": "us-east1", "answer": {"firewallPolicys": _policies(of_policies, dice)}}
        ],
        "addressGroups": {},
        "secureTagBindings": {_name(i): [f"tagValues/{dice.randrange(_ROLES)}"] for i in range(MACHINES)},
    }


def cluster(kind: Kind, dice: random.Random) -> Raw:
    """The same, and one rule of a cluster's own, which admits what its pods send: most checks of it are as expected."""
    raw = recording(kind, dice)
    own: Raw = {
        "name": POD_RULE,
        "network": f"{_API}/global/networks/default",
        "priority": 1000,
        "direction": "INGRESS",
        "sourceRanges": [f"{ip_address(_PODS)}/11"],
        "allowed": [{"IPProtocol": name} for name in ("tcp", "udp", "icmp", "esp", "ah", "sctp")],
    }
    return raw | {"firewalls": [*raw["firewalls"][:-1], own]}


def checks(many: int, dice: random.Random) -> list[Raw]:
    """PathCheck manifests between some machines and some others; every fifth is to stay isolated."""
    return [
        {
            "apiVersion": "pathcheck.dev/v1alpha1",
            "kind": "PathCheck",
            "metadata": {"name": f"check-{number}"},
            "spec": {
                "from": {"nodes": {"names": _some(dice)}},
                "to": {"nodes": {"names": _some(dice)}},
                "traffic": dice.choice(_ASKED),
                "expectation": "Isolated" if number % 5 == 0 else "Reachable",
            },
        }
        for number in range(many)
    ]


def endpoints(dice: random.Random) -> list[Endpoint]:
    """One for each machine: its own address, or that of one of its pods."""
    return [Endpoint(ip_address(_address(i, dice)), instance=_name(i)) for i in range(MACHINES)]


def _machine(i: int, dice: random.Random) -> Raw:
    nic = {
        "name": "nic0",
        "network": f"{_API}/global/networks/default",
        "subnetwork": f"{_API}/regions/us-east1/subnetworks/default",
        "networkIP": str(ip_address(_NODES + i)),
        "aliasIpRanges": [{"ipCidrRange": f"{ip_address(_PODS + 256 * i)}/24"}],
    }
    return {
        "name": _name(i),
        "zone": f"{_API}/zones/us-east1-b",
        "tags": {"items": [f"role-{dice.randrange(_ROLES)}"]},
        "networkInterfaces": [nic],
    }


def _vpc_rule(i: int, kind: Kind, dice: random.Random) -> Raw:
    outward = dice.random() < 0.1
    verb = "denied" if dice.random() < 0.2 else "allowed"
    rule: Raw = {
        "name": f"rule-{i}",
        "network": f"{_API}/global/networks/default",
        "priority": dice.choice((900, 1000, 1000, 1000, 2000)),
        "direction": "EGRESS" if outward else "INGRESS",
        verb: dice.choice(_L4),
        "disabled": dice.random() < 0.02,
    }
    ranges = [_range(kind.single_sources, dice) for _ in range(dice.randint(1, 4))]
    if outward:
        rule["destinationRanges"] = ranges
    elif kind.single_sources or dice.random() < 0.8:
        rule["sourceRanges"] = ranges
    else:
        rule["sourceTags"] = [f"role-{dice.randrange(_ROLES)}"]
    if dice.random() < 0.9:
        rule["targetTags"] = [f"role-{dice.randrange(_ROLES)}"]
    return rule


def _policies(rules: int, dice: random.Random) -> list[Raw]:
    """A hierarchical, a global and a regional one, with as many rules each."""
    kinds = (("HIERARCHY", "111"), ("NETWORK", "global"), ("NETWORK_REGIONAL", "regional"))
    each = rules // len(kinds)
    return [
        {"type": type_, "name": name, "rules": [_policy_rule(p, dice) for p in range(each)]}
        for type_, name in kinds
        if each
    ]


def _policy_rule(priority: int, dice: random.Random) -> Raw:
    outward = dice.random() < 0.1
    l4 = [{"ipProtocol": e["IPProtocol"], **({"ports": e["ports"]} if "ports" in e else {})} for e in dice.choice(_L4)]
    ranges = [_range(False, dice) for _ in range(dice.randint(1, 4))]
    return {
        "priority": priority,
        "direction": "EGRESS" if outward else "INGRESS",
        "action": dice.choice(("allow", "allow", "deny", "goto_next")),
        "match": {"destIpRanges" if outward else "srcIpRanges": ranges, "layer4Configs": l4},
        "targetSecureTags": [{"name": f"tagValues/{dice.randrange(_ROLES)}", "state": "EFFECTIVE"}],
    }


def _range(single: bool, dice: random.Random) -> str:
    address = _address(dice.randrange(MACHINES), dice)
    length = 32 if single else dice.choice((20, 22, 23, 24, 24, 24))
    return str(ip_network((address, length), strict=False))


def _address(i: int, dice: random.Random) -> int:
    return _NODES + i if dice.random() < 0.5 else _PODS + 256 * i + dice.randrange(2, 255)


def _some(dice: random.Random) -> list[str]:
    return [_name(i) for i in dice.sample(range(MACHINES), dice.choice((1, 3, 10, 30)))]


def _name(i: int) -> str:
    return f"vm-{i}"
