"""The translation of policies to nftables: which chain asks which rules, in which order, and what each rule becomes."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.lab.cloud.interfaces import interfaces_of
from e2e.lab.cloud.nftables import script
from e2e.lab.cloud.store import Json, seeded
from e2e.lab.cloud.validation import check_fields, stored
from e2e.lab.cloud.wanted import Wanted
from tests.lab.cloud.seeds import ACCOUNT, DEFAULT, OTHER, PROJECT, entries, instance, recording, rule

PLACE = ("global/networks/default", "us-east1")
WEB = instance("web", "10.142.0.2", serviceAccounts=[{"email": ACCOUNT}])
DATA = instance("data", "10.142.0.3")
FAR = instance("far", "10.200.0.9", network=OTHER)
BINDINGS = {"web": ["tagValues/1"], "far": ["tagValues/1"]}
GROUPS = {"nodes": ["10.142.0.0/20", "fd20::/64"], "projects/p/locations/global/addressGroups/x": ["10.9.0.0/16"]}
PEERED = {"peerings": [{"network": OTHER, "state": "ACTIVE"}]}


def policy(kind: str, *rules: Json, name: str = "base") -> Json:
    return {"name": name, "type": kind, "rules": list(rules)}


def policy_rule(priority: int, action: str = "allow", direction: str = "INGRESS", **fields: Any) -> Json:
    """Its match is by any protocol where `match` leaves that out."""
    match = {"layer4Configs": [{"ipProtocol": "all"}]} | fields.pop("match", {})
    return {"priority": priority, "action": action, "direction": direction, "match": match} | fields


def chains(*policies: Json, order: str = "AFTER_CLASSIC_FIREWALL", network: Json | None = None) -> dict[str, list[str]]:
    """The lines of every chain by its name, in which default in us-east1 is `here`."""
    store = seeded(recording())
    wanted = Wanted(
        PROJECT,
        [stored(check_fields(rule("vpc", denied=entries("tcp"))), store)],
        [WEB, DATA, FAR],
        {PLACE[0]: {"networkFirewallPolicyEnforcementOrder": order} | (network or {})},
        {PLACE: policies},
        GROUPS,
        BINDINGS,
    )
    found: dict[str, list[str]] = {}
    for line in script(wanted, interfaces_of(wanted, "v-")).splitlines():
        if line.startswith("  chain "):
            lines = found.setdefault(line.split()[1].replace("default/us-east1", "here"), [])
        elif line.startswith("    "):
            lines.append(line.strip())
    return found


VPC = 'meta nfproto ipv4 meta l4proto { 6 } counter drop comment "firewall:vpc"'
DENY = 'counter drop comment "implied-deny-ingress"'
ORDERS = {
    "AFTER_CLASSIC_FIREWALL": [
        "jump ingress/1-h",
        "jump ingress/2-s",
        VPC,
        "jump ingress/3-g",
        "jump ingress/4-r",
        DENY,
    ],
    "BEFORE_CLASSIC_FIREWALL": [
        "jump ingress/1-h",
        "jump ingress/2-s",
        "jump ingress/3-g",
        "jump ingress/4-r",
        VPC,
        DENY,
    ],
}


@pytest.mark.parametrize("order", ORDERS)
def test_order_of_steps(order: str) -> None:
    """Hierarchical and system policies come first in either order, a network's own before its VPC rules or after them."""
    kinds = {"h": "HIERARCHY", "s": "SYSTEM_REGIONAL", "g": "NETWORK", "r": "NETWORK_REGIONAL"}
    policies = [policy(kind, policy_rule(1), name=name) for name, kind in kinds.items()]
    wanted = [line.replace("ingress/", "ingress/default/us-east1/") for line in ORDERS[order]]
    assert chains(*policies, order=order)["ingress/here"] == wanted


def test_actions() -> None:
    """By priority, allow ends the side, deny the packet, goto_next the policy; a disabled rule is not there."""
    rules = [
        policy_rule(300, "goto_next"),
        policy_rule(200, "deny"),
        policy_rule(100),
        policy_rule(50, "deny", disabled=True),
    ]
    found = chains(policy("NETWORK", *rules))
    assert found["ingress/here/1-base"] == [
        'counter accept comment "policy:base/100"',
        'counter drop comment "policy:base/200"',
        'counter return comment "policy:base/300"',
    ]
    assert [name for name in found if name.startswith("egress/here")] == ["egress/here"]


MATCHES = {
    "egress rules are asked where the packet leaves": (
        policy_rule(1, "deny", "EGRESS", match={"destIpRanges": ["192.0.2.0/24"]}),
        ["ip daddr { 192.0.2.0/24 }"],
    ),
    "no range is both families": (policy_rule(1), [""]),
    "ranges of both families are two lines": (
        policy_rule(1, match={"srcIpRanges": ["10.0.0.0/8", "fd00::/8"], "destIpRanges": ["0.0.0.0/0", "::/0"]}),
        ["ip saddr { 10.0.0.0/8 }", "ip6 saddr { fd00::/8 }"],
    ),
    "one family to the other is nothing": (
        policy_rule(1, match={"srcIpRanges": ["10.0.0.0/8"], "destIpRanges": ["fd00::/8"]}),
        [],
    ),
    "address groups by the end of their path, or by all of it": (
        policy_rule(
            1,
            match={
                "srcAddressGroups": [
                    "projects/p/locations/global/addressGroups/nodes",
                    "projects/p/locations/global/addressGroups/x",
                ]
            },
        ),
        ["ip saddr { 10.9.0.0/16, 10.142.0.0/20 }", "ip6 saddr { fd20::/64 }"],
    ),
    "source tags are primary addresses of the same network": (
        policy_rule(1, match={"srcSecureTags": [{"name": "tagValues/1"}], "srcIpRanges": ["10.7.0.0/16"]}),
        ["ip saddr { 10.7.0.0/16, 10.142.0.2/32 }"],
    ),
    "source tags that are not in effect are nobody": (
        policy_rule(1, match={"srcSecureTags": [{"name": "tagValues/1", "state": "INEFFECTIVE"}]}),
        [],
    ),
    "target accounts choose instances": (
        policy_rule(1, targetServiceAccounts=[ACCOUNT]),
        ['oifname { "v-web" }'],
    ),
    "target tags choose instances": (
        policy_rule(1, targetSecureTags=[{"name": "tagValues/1", "state": "EFFECTIVE"}]),
        ['oifname { "v-web" }'],
    ),
    "target tags that are not in effect choose none": (
        policy_rule(1, targetSecureTags=[{"name": "tagValues/1", "state": "INEFFECTIVE"}]),
        [],
    ),
    "target networks choose networks": (policy_rule(1, targetResources=[DEFAULT]), [""]),
    "another network is not chosen": (policy_rule(1, targetResources=[OTHER]), []),
    "another project's network is not chosen": (
        policy_rule(1, targetResources=["projects/else/global/networks/default"]),
        [],
    ),
    "load balancers are no instances": (policy_rule(1, targetType="INTERNAL_MANAGED_LB"), []),
}


@pytest.mark.parametrize("sentence", MATCHES)
def test_matches(sentence: str) -> None:
    """Each kind of match becomes exactly these lines."""
    given, lines = MATCHES[sentence]
    side = given["direction"].lower()
    found = chains(policy("HIERARCHY", given)).get(f"{side}/here/1-base", [])
    assert [line.partition("counter")[0].strip() for line in found] == lines


def test_lost_routes() -> None:
    """What a deleted route led to is not reached, whatever the rules say; without one nothing is said of routes."""
    lost = Wanted(PROJECT, [], [], lost=["10.24.9.0/24", "10.24.12.0/24"])
    assert 'ip daddr { 10.24.9.0/24, 10.24.12.0/24 } counter drop comment "no-route"' in script(lost, [])
    assert "no-route" not in script(Wanted(PROJECT, [], []), [])


def test_source_tags_across_peering() -> None:
    """Where networks are peered, a source tag stands for the other's instances too."""
    given = policy_rule(1, match={"srcSecureTags": [{"name": "tagValues/1"}]})
    [line] = chains(policy("NETWORK", given), network=PEERED)["ingress/here/1-base"]
    assert line.startswith("ip saddr { 10.142.0.2/32, 10.200.0.9/32 }")
