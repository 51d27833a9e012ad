"""Rules of firewall policies in a plan: in the policy that is recorded, or all that a policy has; and which policy is meant.

The plans are hand-written, as tests/terraform.py says.
"""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.wire.terraform_plan import changed
from tests.recordings import PROJECT, Raw, recording, rule
from tests.terraform import association, change, decided, explained, plan, policy, policy_rule, reference, told, written

POLICY = "google_compute_network_firewall_policy"
RULE = f"{POLICY}_rule"
LINK = f"{POLICY}_association"
OWN = rule("dns", sourceRanges=["10.24.0.0/14"])
ALLOWED = ("firewall:dns",)
GUARD: Raw = {"name": "guard", "type": "NETWORK", "priority": 1000, "rules": []}
API_RULE: Raw = {
    "priority": 10,
    "action": "deny",
    "direction": "INGRESS",
    "match": {"srcIpRanges": ["10.24.0.0/14"], "layer4Configs": [{"ipProtocol": "udp"}]},
}
GOTO_NEXT: Raw = {
    "priority": 2147483647,
    "action": "goto_next",
    "direction": "INGRESS",
    "match": {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]},
}


def guarded(*rules: Raw, **more: Any) -> Raw:
    """The policy `guard` in force before the VPC rules, which permit the flow."""
    return recording(OWN, policies=[GUARD | {"rules": list(rules)}], order="BEFORE_CLASSIC_FIREWALL", **more)


BY_GUARD = ("policy:guard/10",)


@pytest.mark.parametrize(
    ("before", "entry", "decider"),
    [
        (guarded(), change(f"{RULE}.it", "create", None, policy_rule()), BY_GUARD),
        (guarded(API_RULE), change(f"{RULE}.it", "delete", policy_rule()), ALLOWED),
        (guarded(API_RULE), change(f"{RULE}.it", "no-op", policy_rule(), policy_rule()), BY_GUARD),
        (guarded(API_RULE), change(f"{RULE}.it", "forget", policy_rule()), BY_GUARD),
        (guarded(API_RULE), change(f"{RULE}.it", "update", policy_rule(), policy_rule(disabled=True)), ALLOWED),
        (guarded(API_RULE), change(f"{RULE}.it", "delete create", policy_rule(), policy_rule(20)), ("policy:guard/20",)),
        (guarded(API_RULE), change(f"{RULE}.it", "create delete", policy_rule(), policy_rule(20)), ("policy:guard/20",)),
        (guarded(API_RULE), change(f"{RULE}.it", "delete", policy_rule(firewall_policy="other")), BY_GUARD),
        (guarded(API_RULE), change(f"{RULE}.it", "delete", policy_rule(project="elsewhere")), BY_GUARD),
        (guarded(API_RULE), change(f"{POLICY}.it", "update", policy(), policy(description="new")), BY_GUARD),
        (guarded(API_RULE), change(f"{POLICY}.it", "delete", policy()), ALLOWED),
    ],
    ids=lambda case: " ".join(case["change"]["actions"]) if isinstance(case, dict) and "change" in case else None,
)  # fmt: skip
def test_a_policy_that_is_recorded(before: Raw, entry: Raw, decider: tuple[str, ...]) -> None:
    """Each action does to it what the provider would do; rules of other policies change nothing, and there is nothing to say of them."""
    assert (decided(before, plan(entry)), told(before, plan(entry))) == (decider, ())


def test_what_comes_and_goes_leaves_no_trace() -> None:
    """Its other rules stay as they are."""
    before = guarded(GOTO_NEXT)
    made, _ = changed(before, plan(change(f"{RULE}.it", "create", None, policy_rule())))
    assert made != before
    assert changed(made, plan(change(f"{RULE}.it", "delete", policy_rule()))) == (before, ())


def test_two_addresses_with_one_priority() -> None:
    """What is deleted under one address and created under another is there, in either order."""
    entries = [
        change(f"{RULE}.a", "create", None, policy_rule(action="goto_next")),
        change(f"{RULE}.b", "delete", policy_rule()),
    ]
    for ordered in (entries, entries[::-1]):
        assert decided(guarded(API_RULE), plan(*ordered)) == ALLOWED


def test_a_rule_that_is_not_known_yet() -> None:
    """Its ranges stand open, so that nobody can judge it; that is said with the check, not of the plan."""
    match = {"src_ip_ranges": [None], "layer4_configs": [{"ip_protocol": "udp"}]}
    ranges = reference("google_compute_address.a.address")
    root = {"resources": [written(f"{RULE}.it", **policy_rule(match=[match | {"src_ip_ranges": ranges}]))]}
    unknown = {"match": [{"src_ip_ranges": [True], "src_network_context": True}]}
    made = plan(change(f"{RULE}.it", "create", None, policy_rule(match=[match]), unknown), root=root)
    found = explained(guarded(), made)
    assert found.decided_by == ("undecided:policy:guard/10",)
    assert found.why.endswith("cannot be judged: match.srcIpRanges: known after apply")
    assert told(guarded(), made) == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"priority": True}, "priority: known after apply"),
        ({"action": True}, "action: known after apply"),
        ({"direction": True}, "direction: known after apply"),
        ({"target_secure_tags": True}, "targetSecureTags: known after apply"),
        ({"match": True}, "match: known after apply"),
        ({"match": [{"layer4_configs": [{"ip_protocol": True}]}]}, "match.layer4Configs: ipProtocol: known after apply"),
    ],
)  # fmt: skip
def test_every_unknown_value_leaves_the_rule_open(changes: Raw, why: str) -> None:
    """Whatever decides about packets, in a block as well."""
    values = policy_rule()
    for key in changes:
        if changes[key] is True:
            values.pop(key)
    entry = change(f"{RULE}.it", "create", None, values, changes)
    root = {"resources": [written(f"{RULE}.it", **policy_rule())]}
    found = explained(guarded(), plan(entry, root=root))
    assert found.decided_by[0].startswith("undecided:policy:guard/")
    assert found.why.endswith(f"cannot be judged: {why}")


def with_all_rules(*rules: Raw, **more: Any) -> Raw:
    """A google_compute_network_firewall_policy_with_rules; its blocks are called in the singular, and no direction is INGRESS."""
    blocks = []
    for each in rules:
        match = {"src_ip_ranges": ["10.24.0.0/14"], "layer4_config": [{"ip_protocol": "udp", "ports": None}]}
        blocks.append({"match": [match], "direction": None, "rule_name": None} | each)
    return policy(rule=blocks, predefined_rules=[]) | more


WHOLE = f"{POLICY}_with_rules"
DENY: Raw = {"priority": 10, "action": "deny"}
PASS: Raw = {"priority": 10, "action": "goto_next"}


@pytest.mark.parametrize(
    ("before", "entry", "decider"),
    [
        (guarded(), change(f"{WHOLE}.it", "update", with_all_rules(), with_all_rules(DENY)), BY_GUARD),
        (guarded(API_RULE), change(f"{WHOLE}.it", "update", with_all_rules(DENY), with_all_rules(PASS)), ALLOWED),
        (guarded(API_RULE), change(f"{WHOLE}.it", "update", with_all_rules(DENY), with_all_rules()), ALLOWED),
        (guarded(API_RULE), change(f"{WHOLE}.it", "no-op", with_all_rules(PASS), with_all_rules(PASS)), BY_GUARD),
        (guarded(API_RULE), change(f"{WHOLE}.it", "delete", with_all_rules(DENY)), ALLOWED),
    ],
)  # fmt: skip
def test_a_policy_with_all_its_rules(before: Raw, entry: Raw, decider: tuple[str, ...]) -> None:
    """The resource has every rule of the policy, but for those that hand on at its end."""
    assert (decided(before, plan(entry)), told(before, plan(entry))) == (decider, ())


def test_the_rules_at_the_end_stay() -> None:
    """They are the API's."""
    after, _ = changed(
        guarded(GOTO_NEXT), plan(change(f"{WHOLE}.it", "update", with_all_rules(DENY), with_all_rules()))
    )
    assert after == guarded(GOTO_NEXT)


def test_all_rules_unknown() -> None:
    """As of a dynamic block over what is not known yet."""
    values = {key: value for key, value in with_all_rules().items() if key != "rule"}
    entry = change(f"{WHOLE}.it", "update", with_all_rules(), values, {"rule": True})
    found = explained(guarded(), plan(entry))
    assert found.decided_by == ("undecided:policy:guard/0",)
    assert found.why.endswith("the rules of firewall policy guard are known after apply")


NEW = change(f"{POLICY}.p", "create", None, policy(), {"id": True, "network_firewall_policy_id": True})


@pytest.mark.parametrize(
    ("expression", "sentences"),
    [
        (reference(f"{POLICY}.p.id"), ()),
        (reference("local.policy"), (f"{RULE}.it: which firewall policy it is of is not known before apply",)),
    ],
)
def test_a_policy_by_reference(expression: Raw, sentences: tuple[str, ...]) -> None:
    """Which one is meant by an id that is known after apply, the configuration says, or nobody does."""
    values = policy_rule()
    values.pop("firewall_policy")
    entry = change(f"{RULE}.it", "create", None, values, {"firewall_policy": True})
    root = {
        "resources": [written(f"{POLICY}.p", name="guard"), written(f"{RULE}.it", **values, firewall_policy=expression)]
    }
    linked = change(f"{LINK}.it", "create", None, association())
    before = recording(OWN, order="BEFORE_CLASSIC_FIREWALL")
    planned = plan(NEW, entry, linked, root=root)
    assert (decided(before, planned), told(before, planned)) == (ALLOWED if sentences else BY_GUARD, sentences)


@pytest.mark.parametrize(
    "text",
    [
        "guard",
        f"projects/{PROJECT}/global/firewallPolicies/guard",
        f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/firewallPolicies/guard",
        "4711",
    ],
)
def test_ways_to_call_a_policy(text: str) -> None:
    """By its name, its path, its link, or by the number that its own resource has."""
    known = policy(network_firewall_policy_id="4711")
    planned = plan(
        change(f"{POLICY}.p", "no-op", known, known),
        change(f"{RULE}.it", "create", None, policy_rule(firewall_policy=text)),
    )
    assert (decided(guarded(), planned), told(guarded(), planned)) == (BY_GUARD, ())


def test_a_number_that_nobody_knows() -> None:
    """The recording calls policies by their names."""
    planned = plan(change(f"{RULE}.it", "create", None, policy_rule(firewall_policy="4711")))
    assert told(guarded(), planned) == (f"{RULE}.it: which firewall policy it is of is not known before apply",)


REGIONAL = "google_compute_region_network_firewall_policy"


@pytest.mark.parametrize(
    ("values", "decider"),
    [
        ({"region": "us-east1"}, BY_GUARD),
        ({"region": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/regions/us-east1"}, BY_GUARD),
        ({"firewall_policy": f"projects/{PROJECT}/regions/us-east1/firewallPolicies/guard"}, BY_GUARD),
        ({}, BY_GUARD),
        ({"region": "europe-west1"}, ALLOWED),
    ],
)
def test_the_region_of_a_regional_policy(values: Raw, decider: tuple[str, ...]) -> None:
    """As the field or the policy's path says it, else that of the one policy of this name."""
    before = guarded()
    before["effectiveFirewalls"][0]["answer"]["firewallPolicys"][0]["type"] = "NETWORK_REGIONAL"
    planned = plan(change(f"{REGIONAL}_rule.it", "create", None, policy_rule() | values))
    assert (decided(before, planned), told(before, planned)) == (decider, ())


def test_a_hierarchical_policy() -> None:
    """Answers call it by its number; by its short name it is found as well, if there is one of that name."""
    top = {"name": "12", "displayName": "top", "type": "HIERARCHY", "rules": []}
    before = recording(OWN, policies=[top])
    for name in ("12", "locations/global/firewallPolicies/12", "top"):
        entry = change("google_compute_firewall_policy_rule.it", "create", None, policy_rule(firewall_policy=name))
        assert decided(before, plan(entry)) == ("policy:12/10",)
    lost = change("google_compute_firewall_policy_rule.it", "create", None, policy_rule(firewall_policy="bottom"))
    assert len(told(before, plan(lost))) == 1
