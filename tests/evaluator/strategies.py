"""Random clouds and flows, raw as the API and a user write them: few values a field, so that rules meet.

The machines are those of `world`. All is well-formed, unknown keys included; `test_fuzz` breaks it.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.evaluator.world import ENDS, MACHINES, ONE, PLACES, ROUTES, TWO, account, entries, machine, network, nic

Json = dict[str, Any]


def examples(moderate: int) -> settings:
    """So many examples, or as many as PATHCHECK_FUZZ_EXAMPLES says."""
    many = int(os.environ.get("PATHCHECK_FUZZ_EXAMPLES", moderate))
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=many, deadline=None, suppress_health_check=slow)


def few(*values: Any, most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique_by=str)


def rarely(*values: Any) -> st.SearchStrategy[Any]:
    """None mostly."""
    return st.one_of(*[st.none()] * 7, st.sampled_from(values))


def without_nones(strategy: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return strategy.map(lambda drawn: {key: value for key, value in drawn.items() if value is not None})


ranges = few(
    "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.1/32", "10.0.0.2", "10.0.0.9/31", "10.4.0.0/14", "10.4.1.0/24", "10.4.2.9/32",
    "10.5.3.77/25", "10.9.0.0/16", "203.0.113.0/24",
)  # fmt: skip
ranges6 = few("::/0", "fd20::/16", "fd20:0:0:1::/96", "fd20:0:0:2::5/128", "2001:db8::7/32")
both_families = st.tuples(ranges, ranges6).map(lambda drawn: drawn[0] + drawn[1])
traffic = few(
    "all", "tcp", "tcp:80", "tcp:22,80-443", "tcp:0-65535", "tcp:1-65535", "tcp:0-79", "tcp:80-65535", "6:80", "udp", "udp:53", "17",
    "sctp:9", "icmp", "1", "58", "esp", "4",
)  # fmt: skip
l4s = traffic.map(" ".join)
directions = st.sampled_from(["INGRESS", "INGRESS", "EGRESS"])
unknown_key = rarely(["x"], 1, None)
tags = few("web", "db", "x")
accounts = few(*(account(name) for name in ("a", "b", "far", "x")))
secure_tags = st.lists(
    without_nones(
        st.fixed_dictionaries(
            {"name": st.sampled_from([ONE, TWO]), "state": st.sampled_from(["EFFECTIVE", None, "INEFFECTIVE"])}
        )
    ),
    max_size=2,
)
_OFFICES = "https://networksecurity.googleapis.com/v1/projects/p/locations/global/addressGroups/offices"
groups = few("offices", _OFFICES, "six", "homes")


@st.composite
def vpc_rules(draw: st.DrawFn, name: str) -> Json:
    """One rule; the keys that may stand together depend on the direction."""
    direction = draw(directions)
    peers = "source" if direction == "INGRESS" else "destination"
    own = "destination" if direction == "INGRESS" else "source"
    some_ranges = draw(st.sampled_from([ranges, ranges, ranges6]))
    by_account = draw(st.booleans())
    named = {"ServiceAccounts": accounts} if by_account else {"Tags": tags}
    drawn: Json = {
        "name": name,
        "network": network(draw(st.sampled_from(["default"] * 6 + ["far", "other"]))),
        "direction": draw(st.sampled_from([None, direction])) if direction == "INGRESS" else direction,
        "priority": draw(st.sampled_from([None, 0, 999, 1000, 1000, 1001, 65534, 65535])),
        "disabled": draw(rarely(True, False)),
        draw(st.sampled_from(["allowed", "denied"])): entries("IPProtocol", draw(l4s)),
        f"{peers}Ranges": draw(st.none() | some_ranges | st.just([])),
        f"{own}Ranges": draw(st.one_of(*[st.none()] * 4, some_ranges)),
        "future": draw(unknown_key),
    }
    for key, values in named.items():
        drawn[f"target{key}"] = draw(st.none() | st.none() | values)
        if direction == "INGRESS":
            drawn[f"source{key}"] = draw(st.none() | st.none() | values)
    return {key: value for key, value in drawn.items() if value is not None}


matches = without_nones(
    st.fixed_dictionaries(
        {
            "layer4Configs": l4s.map(lambda text: entries("ipProtocol", text)),
            **{f"{side}IpRanges": st.none() | ranges | ranges6 | both_families for side in ("src", "dest")},
            **{f"{side}AddressGroups": st.one_of(*[st.none()] * 3, groups, st.just([])) for side in ("src", "dest")},
            **{f"{side}{key}": rarely(["x"], []) for side in ("src", "dest") for key in ("Fqdns", "RegionCodes", "ThreatIntelligences")},
            **{key: rarely("INTERNET") for key in ("srcNetworkType", "srcNetworkContext", "destNetworkType", "destNetworkContext")},
            "srcNetworks": rarely([network("far")], []),
            "srcFuture": unknown_key,
        }
    )
)  # fmt: skip


@st.composite
def policy_rules(draw: st.DrawFn, priority: int) -> Json:
    direction, match = draw(directions), dict(draw(matches))
    if direction == "INGRESS" and draw(st.booleans()):
        match["srcSecureTags"] = draw(secure_tags)
    drawn = {
        "priority": priority,
        "direction": direction,
        "action": draw(st.sampled_from(["allow", "deny", "goto_next", "apply_security_profile_group"])),
        "disabled": draw(rarely(True, False)),
        "targetResources": draw(st.one_of(*[st.none()] * 5, few(network("default"), network("other")), st.just([]))),
        "targetServiceAccounts": draw(st.one_of(*[st.none()] * 4, accounts)),
        "targetSecureTags": draw(st.one_of(*[st.none()] * 3, secure_tags)),
        "targetType": draw(rarely("INSTANCES", "INTERNAL_MANAGED_LB")),
        "match": match,
        "future": draw(unknown_key),
    }
    return {key: value for key, value in drawn.items() if value is not None}


@st.composite
def policies(draw: st.DrawFn, most: int) -> list[Json]:
    """Several of one stage too."""
    names = draw(st.lists(st.sampled_from(["1", "2", "10", "b", "c"]), max_size=most, unique=True))
    found = []
    for name in names:
        priorities = draw(st.lists(st.sampled_from([0, 1, 2, 100, 2147483647]), max_size=3, unique=True))
        kinds = ["HIERARCHY", "SYSTEM_GLOBAL", "SYSTEM_REGIONAL", "NETWORK", "NETWORK", "NETWORK_REGIONAL"]
        association = draw(st.sampled_from([None, 1, 1000, 1001]))
        found.append(
            {
                "name": name,
                "displayName": f"policy {name}",
                "type": draw(st.sampled_from(kinds)),
                "rules": [draw(policy_rules(priority)) for priority in priorities],
                **({} if association is None else {"priority": association}),
            }
        )
    return found


orders = st.sampled_from(["AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL", None])


@st.composite
def networks(draw: st.DrawFn) -> list[Json]:
    peering = {"network": network("far"), "state": draw(st.sampled_from(["ACTIVE", "ACTIVE", "INACTIVE"]))}
    found = []
    for name in ("default", "far", "other"):
        item: Json = {"name": name, "selfLink": network(name), "networkFirewallPolicyEnforcementOrder": draw(orders)}
        if name == "default":
            item["peerings"] = draw(st.sampled_from([[peering], [], [peering | {"network": network("other")}]]))
        found.append({key: value for key, value in item.items() if value is not None})
    return found if draw(st.integers(0, 7)) else found[1:]


@st.composite
def effective(draw: st.DrawFn) -> list[Json]:
    """An empty list says that there are no policies anywhere."""
    if draw(st.integers(0, 5)) == 0:
        return []
    found = []
    for number, (name, region) in enumerate(PLACES):
        answer: Json = {"firewallPolicys": draw(policies(3 if number == 0 else 1))}
        found.append(
            {"network": name, "region": region, "answer": draw(rarely({"unavailable": "forbidden"})) or answer}
        )
    return found if draw(st.integers(0, 7)) else found[:-1]


TWIN = machine("a", nic(0, "default", "10.0.0.2"), tag="db", zone="europe-west1-c")
EMPTY: Json = {"networks": [], "routes": [], "effectiveFirewalls": [], "addressGroups": {}, "secureTagBindings": {}}


@st.composite
def recordings(draw: st.DrawFn) -> Json:
    """What could not be read is empty and says so, as the reader leaves it."""
    names = draw(st.lists(st.sampled_from(["r1", "r2", "r3", "r4", "r10", "q"]), max_size=6, unique=True))
    bound = st.lists(st.sampled_from([ONE, TWO, "tagValues/3"]), max_size=2, unique=True)
    recording: Json = {
        "format": "pathcheck-recording/1",
        "project": "p",
        "networks": draw(networks()),
        "subnetworks": [],
        "routes": ROUTES,
        "instances": MACHINES + ([TWIN] if draw(st.integers(0, 9)) == 0 else []),
        "firewalls": [draw(vpc_rules(name)) for name in names],
        "effectiveFirewalls": draw(effective()),
        "addressGroups": {"offices": draw(ranges), "six": draw(ranges6)},
        "secureTagBindings": draw(st.dictionaries(st.sampled_from(["a", "b", "c", "far", "gw"]), bound)),
    }
    unread = draw(rarely("networks", "routes", "effectiveFirewalls", "addressGroups", "secureTagBindings"))
    return recording if unread is None else recording | {unread: EMPTY[unread], "unavailable": {unread: "forbidden"}}


@st.composite
def ends(draw: st.DrawFn) -> Json:
    """One of the world's ends; rarely a machine with an address of somebody else's, or with its interface named."""
    address, instance = ENDS[draw(st.sampled_from(sorted(ENDS)))]
    elsewhere = draw(rarely(*sorted(ENDS)))
    if elsewhere is not None and instance is not None:
        address = ENDS[elsewhere][0]
    nic_name = draw(rarely("nic0", "nic1")) if instance else None
    return {"ip": address, **({"instance": instance} if instance else {}), **({"nic": nic_name} if nic_name else {})}


@st.composite
def flows(draw: st.DrawFn) -> Json:
    protocol, port = draw(
        st.sampled_from(
            [("tcp", 80), ("tcp", 80), ("tcp", 0), ("tcp", 443), ("tcp", None), ("udp", 53), ("udp", None), (17, 54), ("icmp", None),
             ("58", None), (50, None), ("sctp", 9), ("sctp", None), (4, None), (253, None)]
        )
    )  # fmt: skip
    state = draw(rarely("reply-of-allowed")) or "new"
    return {"id": "f", "src": draw(ends()), "dst": draw(ends()), "protocol": protocol, "port": port, "state": state}


several_flows = st.lists(flows(), min_size=1, max_size=5)
