"""What differs between two readings: the edits in words, and which packets are permitted no longer, or now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.changes.differ import differ
from pathcheck.core.rules.predict import predict
from pathcheck.model.drift import Deed, Difference
from pathcheck.model.words import Prediction
from pathcheck.wire.firewall_rules import firewall_of
from tests.recordings import NODE_TAG, Raw, asked, entry, machine, recording, rule

POD_RANGE = rule(
    "pod-range", sourceRanges=["10.24.0.0/14"], allowed=[entry("tcp"), entry("udp")], targetTags=[NODE_TAG]
)
WEB = rule("web", allowed=[entry("tcp", "80", "443")])
DENY = rule("no-telnet", denied=[entry("tcp", "23")], priority=900)


def told(before: Raw, after: Raw) -> Difference:
    return differ(firewall_of(before), firewall_of(after))


def edits(difference: Difference) -> list[tuple[str, Deed, str]]:
    return [(edit.id, edit.deed, edit.sentence) for edit in difference.edits]


def test_a_deleted_rule_closes_what_no_other_rule_admits() -> None:
    """The rule's own words, and of its traffic only what is really gone."""
    difference = told(recording(POD_RANGE, WEB), recording(WEB))
    assert edits(difference) == [
        (
            "firewall:pod-range",
            Deed.DELETED,
            f"pod-range deleted (admitted tcp, udp from 10.24.0.0/14 on machines with tag {NODE_TAG})",
        )
    ]
    assert (difference.closes, difference.opens, difference.beyond) == (
        (f"10.24.0.0/14 → tcp (not 80, 443), udp on machines tagged {NODE_TAG}: no longer permitted",),
        (),
        0,
    )


def test_a_created_rule_opens_what_no_other_rule_admitted() -> None:
    """The other way round."""
    difference = told(recording(WEB), recording(POD_RANGE, WEB))
    assert (difference.closes, difference.opens) == (
        (),
        (f"10.24.0.0/14 → tcp (not 80, 443), udp on machines tagged {NODE_TAG}: now permitted",),
    )


@pytest.mark.parametrize(
    ("changes", "sentence", "closes", "opens"),
    [
        ({"disabled": True}, "disabled", 1, 0),
        ({"priority": 999}, "priority 1000 → 999", 0, 0),
        ({"sourceRanges": ["10.24.0.0/16"]}, "sourceRanges 10.24.0.0/14 → 10.24.0.0/16", 1, 0),
        ({"sourceRanges": ["10.24.0.0/14", "10.99.0.0/16"]}, "sourceRanges with 10.99.0.0/16", 0, 1),
        ({"allowed": [entry("udp")]}, "traffic without tcp", 1, 0),
        ({"targetTags": ["other"]}, f"targetTags {NODE_TAG} → other", 1, 0),
        ({"targetTags": None}, f"targetTags {NODE_TAG} → any", 0, 0),
        ({"denied": [entry("tcp"), entry("udp")], "allowed": None}, "action allow → deny", 1, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_rule_is_told_field_by_field(changes: Raw, sentence: str, closes: int, opens: int) -> None:
    """As the API spells the fields; what changes no packet closes and opens nothing."""
    after = rule("pod-range", **{**{k: POD_RANGE[k] for k in ("sourceRanges", "allowed", "targetTags")}, **changes})
    difference = told(recording(POD_RANGE, WEB), recording(after, WEB))
    assert edits(difference) == [("firewall:pod-range", Deed.CHANGED, f"pod-range: {sentence}")]
    assert (len(difference.closes), len(difference.opens)) == (closes, opens)


def test_order_timestamps_and_descriptions_are_no_edits() -> None:
    """The API answers in any order."""
    described = {**WEB, "description": "x", "creationTimestamp": "2026"}
    assert told(recording(POD_RANGE, WEB), recording(described, POD_RANGE)) == Difference()


def test_a_machine_that_comes_or_goes_is_no_edit() -> None:
    """Clusters grow and shrink; its route goes with it."""
    after = recording(POD_RANGE)
    after["instances"] = after["instances"][:2]
    after["routes"] = [r for r in after["routes"] if not r["name"].endswith("node-3")]
    assert told(recording(POD_RANGE), after) == Difference()


def test_a_tag_taken_from_a_machine_closes_what_was_admitted_to_it() -> None:
    """The rules are as they were, but no longer for this machine; its own pods never crossed the firewall."""
    after = recording(POD_RANGE)
    after["instances"][1] = machine("node-2", "10.142.15.206", tags={"items": []})
    difference = told(recording(POD_RANGE), after)
    assert edits(difference) == [("instance:us-east1-b/node-2", Deed.CHANGED, f"node-2: tags {NODE_TAG} → none")]
    assert difference.closes == ("10.24.0.0/14 but 10.24.12.0/24 → tcp, udp on node-2: no longer permitted",)


def test_a_route_of_a_machine_that_stays_is_an_edit() -> None:
    """Packets to its range die without it, whatever rules permit; the rules close nothing."""
    after = recording(POD_RANGE)
    after["routes"] = after["routes"][1:]
    difference = told(recording(POD_RANGE), after)
    assert edits(difference) == [
        ("route:to-node-1", Deed.DELETED, "route to-node-1 deleted (10.24.9.0/24 to node-1, priority 1000)")
    ]
    assert difference.closes == ()


def test_policies_that_apply_and_their_rules() -> None:
    """A policy's rule is told by the policy's name; a policy that is taken off the network with all of its rules."""
    deny = {
        "priority": 10,
        "direction": "INGRESS",
        "action": "deny",
        "match": {"srcIpRanges": ["10.24.0.0/14"], "layer4Configs": [{"ipProtocol": "udp"}]},
    }
    with_rule = {"type": "HIERARCHY", "name": "111", "displayName": "org", "rules": [deny]}
    empty = {**with_rule, "rules": []}
    bare = recording(POD_RANGE, policies=[empty])
    denied = told(bare, recording(POD_RANGE, policies=[with_rule]))
    assert edits(denied) == [("policy:111/10", Deed.CREATED, "org/10 created (denies udp from 10.24.0.0/14)")]
    assert denied.closes == (f"10.24.0.0/14 → udp on machines tagged {NODE_TAG}: no longer permitted",)
    assert denied.edits[0].resource == "firewallPolicies/111"
    lifted = told(recording(POD_RANGE, policies=[with_rule]), recording(POD_RANGE))
    assert edits(lifted) == [
        ("policy:111", Deed.DELETED, "hierarchical firewall policy org applies no longer in network default")
    ]
    assert lifted.opens == (f"10.24.0.0/14 → udp on machines tagged {NODE_TAG}: now permitted",)


def test_the_order_of_enforcement_is_told() -> None:
    """The same rules and policies, asked in another order."""
    deny = {
        "priority": 10,
        "direction": "INGRESS",
        "action": "deny",
        "match": {"srcIpRanges": ["10.24.0.0/14"], "layer4Configs": [{"ipProtocol": "udp"}]},
    }
    policies = [{"type": "NETWORK", "name": "global", "rules": [deny]}]
    after = recording(POD_RANGE, policies=policies, order="BEFORE_CLASSIC_FIREWALL")
    difference = told(recording(POD_RANGE, policies=policies), after)
    assert edits(difference) == [
        ("network:default", Deed.CHANGED, "network default asks its network policies before its VPC rules")
    ]
    assert difference.closes == (f"10.24.0.0/14 → udp on machines tagged {NODE_TAG}: no longer permitted",)


def test_a_rule_that_cannot_be_judged_any_more_is_no_allow() -> None:
    """What it admitted is undetermined now, and it is said so."""
    difference = told(recording(POD_RANGE), recording({**POD_RANGE, "futureCondition": True}))
    (edit,) = difference.edits
    assert edit.sentence == "pod-range: cannot be judged any more: futureCondition: is not known to this version"
    assert difference.closes
    assert all("now undetermined" in line for line in (*difference.closes, *difference.opens))


def test_what_is_closed_is_not_said_of_machines_that_only_one_of_the_two_has() -> None:
    """Two recordings of different projects, say: the edits are told, and why there is no more."""
    after = recording(WEB)
    after["instances"] = [machine("other", "10.142.15.9")]
    difference = told(recording(POD_RANGE, WEB), after)
    assert (len(difference.edits), difference.closes, difference.untold) == (
        1,
        (),
        "the two have no machine in common",
    )


_RANGES = ("10.24.0.0/14", "10.24.9.0/24", "10.142.15.206/32", "0.0.0.0/0")


@st.composite
def rules(draw: st.DrawFn) -> list[Raw]:
    def one(i: int) -> Raw:
        does: Raw = {
            draw(st.sampled_from(["allowed", "allowed", "denied"])): [
                draw(st.sampled_from([entry("tcp"), entry("udp", "53"), entry("tcp", "80"), entry("all")]))
            ]
        }
        return rule(
            f"r{i}",
            **does,
            sourceRanges=[draw(st.sampled_from(_RANGES))],
            priority=draw(st.sampled_from([900, 1000])),
            disabled=draw(st.booleans()),
            targetTags=draw(st.sampled_from([None, [NODE_TAG], ["other"]])),
        )

    return [one(i) for i in range(draw(st.integers(0, 4)))]


FLOWS: list[Any] = [
    asked(source, destination, traffic)
    for source in ("10.24.12.5@node-2", "10.142.15.206@node-2", "198.51.100.9")
    for destination in ("10.24.9.5@node-1", "10.142.15.205@node-1")
    for traffic in ("tcp/80", "tcp/53", "udp/53", "udp/54", "icmp")
]


@given(rules(), rules())
def test_something_is_told_exactly_where_a_flow_flips(old: list[Raw], new: list[Raw]) -> None:
    """Where no packet meets anything else nothing is closed or opened, and where a flow dies something is closed."""
    before, after = firewall_of(recording(*old)), firewall_of(recording(*new))
    difference = differ(before, after)
    turns = {(predict(f, before).prediction, predict(f, after).prediction) for f in FLOWS}
    lines = (*difference.closes, *difference.opens)
    if (Prediction.PERMITTED, Prediction.BLOCKED) in turns:
        assert any("no longer permitted" in line for line in lines) or difference.beyond
    if (Prediction.BLOCKED, Prediction.PERMITTED) in turns:
        assert any("now permitted" in line for line in lines) or difference.beyond
    if before.rules == after.rules:
        assert lines == ()


def test_pods_are_said_by_range_and_not_by_their_machines() -> None:
    """A rule for the pods of every node says nothing of the nodes' own addresses."""
    pods = ["10.24.9.0/24", "10.24.12.0/24", "10.24.13.0/24"]
    difference = told(recording(WEB), recording(WEB, rule("dns", sourceRanges=pods, allowed=[entry("udp", "53")])))
    assert difference.opens == (f"10.24.9.0/24, 10.24.12.0/23 → udp/53 on machines tagged {NODE_TAG}: now permitted",)
