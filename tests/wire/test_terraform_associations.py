"""Associations in a plan: a policy counts where it is associated, with what it holds, in its place; and what of that is not known.

The plans are hand-written, as tests/terraform.py says.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.recordings import PROJECT, Raw, recording, rule
from tests.terraform import (
    association,
    change,
    decided,
    explained,
    in_state,
    plan,
    policy,
    policy_rule,
    reference,
    told,
    written,
)
from tests.wire.test_terraform_policies import API_RULE, with_all_rules

POLICY = "google_compute_network_firewall_policy"
RULE, LINK = f"{POLICY}_rule", f"{POLICY}_association"
OWN = rule("dns", sourceRanges=["10.24.0.0/14"])
ALLOWED = ("firewall:dns",)
BY_GUARD = ("policy:guard/10",)


def before(*policies: Raw, **more: Any) -> Raw:
    """Policies before the VPC rules, which permit the flow."""
    return recording(OWN, policies=list(policies), order="BEFORE_CLASSIC_FIREWALL", **more)


def recorded(name: str, *rules: Raw, **more: Any) -> Raw:
    """A policy of an answer."""
    return {"name": name, "type": "NETWORK", "priority": 1000, "rules": list(rules)} | more


def linked(actions: str, was: Raw | None = None, now: Raw | None = None, **more: Any) -> Raw:
    """A change of the association."""
    return change(f"{LINK}.it", actions, was, now, **more)


GUARD = recorded("guard", API_RULE)
NEW = [change(f"{POLICY}.p", "create", None, policy()), change(f"{RULE}.r", "create", None, policy_rule())]
KNOWN = [change(f"{POLICY}.p", "no-op", policy(), policy()), change(f"{RULE}.r", "no-op", policy_rule(), policy_rule())]
LINKED = linked("create", None, association())
WHOLE = with_all_rules({"priority": 10, "action": "deny"})
RENAMED = [
    change(f"{POLICY}.p", "delete create", policy(), policy("new")),
    linked("delete create", association(), association(firewall_policy="new")),
    change(f"{RULE}.r", "delete create", policy_rule(), policy_rule(firewall_policy="new")),
]
OTHER_NETWORK = f"projects/{PROJECT}/global/networks/other"


@pytest.mark.parametrize(
    ("recording_", "changes", "decider"),
    [
        # Made by the plan, with what the plan makes of it; and what is associated with nothing.
        (before(), [*NEW, LINKED], BY_GUARD),
        (before(), [NEW[0], LINKED], ALLOWED),
        (before(), NEW, ALLOWED),
        (before(), [*NEW, linked("create", None, association(attachment_target=OTHER_NETWORK))], ALLOWED),
        (before(), [*NEW, linked("create", None, association(project="elsewhere"))], ALLOWED),
        (before(effectiveFirewalls=[]), [*NEW, LINKED], BY_GUARD),
        # There already, and managed: its rules are in the plan or in the state.
        (before(), [*KNOWN, LINKED], BY_GUARD),
        (before(), [KNOWN[0], change(f"{RULE}.r", "delete", policy_rule()), LINKED], ALLOWED),
        (before(), [change(f"{POLICY}_with_rules.p", "no-op", WHOLE, WHOLE), LINKED], BY_GUARD),
        (before(), [change(f"{POLICY}_with_rules.p", "create", None, WHOLE), LINKED], BY_GUARD),
        # Recorded: as it is.
        (before(GUARD), [linked("no-op", association(), association())], BY_GUARD),
        (before(GUARD), [linked("delete", association())], ALLOWED),
        (before(GUARD), [linked("forget", association())], BY_GUARD),
        (before(GUARD), [linked("delete", association(attachment_target=OTHER_NETWORK))], BY_GUARD),
        (before(GUARD), [linked("delete create", association(), association("renamed"))], BY_GUARD),
        (before(GUARD), [linked("create delete", association(), association(attachment_target=OTHER_NETWORK))], ALLOWED),
        (before(GUARD), [LINKED, change(f"{LINK}.b", "delete", association())], BY_GUARD),
        # Made anew: the old one goes with all that it has.
        (before(GUARD), [change(f"{POLICY}.p", "delete create", policy(), policy()), LINKED], ALLOWED),
        (before(GUARD), RENAMED, ("policy:new/10",)),
    ],
)  # fmt: skip
def test_network_policies(recording_: Raw, changes: list[Raw], decider: tuple[str, ...]) -> None:
    """What is in force after the plan decides, and all of it is understood."""
    assert (decided(recording_, plan(*changes)), told(recording_, plan(*changes))) == (decider, ())


def test_everything_by_reference() -> None:
    """Ids of a policy, and of a network, that are known after apply: the configuration says which they are."""
    network = change("google_compute_network.vpc", "no-op", {"name": "default"}, {"name": "default"})
    rule_values, link_values = policy_rule(), association()
    for values, keys in ((rule_values, ["firewall_policy"]), (link_values, ["firewall_policy", "attachment_target"])):
        for key in keys:
            values.pop(key)
    meant = reference(f"{POLICY}.p.id")
    root = {
        "resources": [
            written("google_compute_network.vpc", name="default"),
            written(f"{POLICY}.p", **policy()),
            written(f"{RULE}.r", **rule_values, firewall_policy=meant),
            written(
                f"{LINK}.it",
                **link_values,
                firewall_policy=meant,
                attachment_target=reference("google_compute_network.vpc.id"),
            ),
        ]
    }
    planned = plan(
        network,
        NEW[0],
        change(f"{RULE}.r", "create", None, rule_values, {"firewall_policy": True}),
        change(f"{LINK}.it", "create", None, link_values, {"firewall_policy": True, "attachment_target": True}),
        root=root,
    )
    assert (decided(before(), planned), told(before(), planned)) == (BY_GUARD, ())


def test_a_network_that_is_not_known() -> None:
    """Said, since it could be one that is recorded; one that the plan makes is not."""
    values = association()
    values.pop("attachment_target")
    entry = change(f"{LINK}.it", "create", None, values, {"attachment_target": True})
    vpc = change("google_compute_network.vpc", "create", None, {"name": "new"}, {"id": True})
    for expression, sentences in (
        (reference("local.network"), (f"{LINK}.it: with what it associates the policy is not known before apply",)),
        (reference("google_compute_network.vpc.id"), ()),
    ):
        root = {"resources": [written(f"{LINK}.it", **values, attachment_target=expression)]}
        planned = plan(*NEW, vpc, entry, root=root)
        assert (told(before(), planned), decided(before(), planned)) == (sentences, ALLOWED)


def test_a_policy_whose_rules_nobody_knows() -> None:
    """Neither recorded nor in the plan: said, and whatever it could decide is undecided."""
    planned = plan(linked("create", None, association(firewall_policy="elsewhere")))
    why = "firewall policy elsewhere is neither in the recording nor in the plan, so its rules are not known"
    assert told(before(), planned) == (f"{LINK}.it: {why}",)
    found = explained(before(), planned)
    assert (found.decided_by, found.why.endswith(why)) == (("undecided:policy:elsewhere/0",), True)


def test_a_policy_that_is_not_known() -> None:
    """The same, where not even its name is."""
    values = association()
    values.pop("firewall_policy")
    entry = change(f"{LINK}.it", "create", None, values, {"firewall_policy": True})
    root = {"resources": [written(f"{LINK}.it", **values, firewall_policy=reference("local.policy"))]}
    planned = plan(entry, root=root)
    assert told(before(), planned) == (f"{LINK}.it: which firewall policy it is of is known after apply",)
    assert decided(before(), planned) == (f"undecided:policy:{LINK}.it/0",)


def test_a_policy_of_another_network() -> None:
    """Recorded there, it is known, and comes with the rules that it has."""
    both = before()
    there = {"network": "other", "region": "us-east1", "answer": {"firewallPolicys": [GUARD]}}
    both["effectiveFirewalls"].append(there)
    planned = plan(linked("create", None, association()))
    assert (decided(both, planned), told(both, planned)) == (BY_GUARD, ())


@pytest.mark.parametrize(
    ("first", "second", "decider"),
    [
        ({"priority": 999}, {}, "a"),
        ({"priority": 1001}, {}, "z"),
        ({"priority": 1000}, {"priority": 999}, "z"),
        ({"priority": 1000}, {}, "z"),
    ],
)
def test_the_order_of_associations(first: Raw, second: Raw, decider: str) -> None:
    """By priority, which is 1000 where none is said; of one priority by the associations' names, here the reverse of the policies'."""
    at_once = recorded("a", {**API_RULE, "priority": 1}, **first)
    named = in_state(f"{LINK}.a", **association("zz", firewall_policy="a"))
    planned = plan(
        change(f"{POLICY}.z", "create", None, policy("z")),
        change(f"{RULE}.z", "create", None, policy_rule(1, firewall_policy="z")),
        linked("create", None, association("aa", firewall_policy="z") | second),
        state=[named],
    )
    assert (decided(before(at_once), planned), told(before(at_once), planned)) == ((f"policy:{decider}/1",), ())


def test_two_new_associations_of_one_priority() -> None:
    """By name as well, whichever the plan has first."""
    made = [
        change(f"{POLICY}.z", "create", None, policy("z")),
        change(f"{RULE}.z", "create", None, policy_rule(1, firewall_policy="z")),
        change(f"{LINK}.z", "create", None, association("aa", firewall_policy="z")),
    ]
    guard = [*NEW, change(f"{LINK}.guard", "create", None, association("bb"))]
    for planned in (plan(*made, *guard), plan(*guard, *made)):
        assert (decided(before(), planned), told(before(), planned)) == (("policy:z/1",), ())


@pytest.mark.parametrize(
    ("changes", "unknown", "doubt"),
    [
        ({}, {}, "whether firewall policy a, of the same priority, is asked before it is not known"),
        ({"priority": None}, {"priority": True}, "its priority is known after apply"),
    ],
)
def test_a_place_that_is_not_known(changes: Raw, unknown: Raw, doubt: str) -> None:
    """The name of the association that is there, or the priority of the new one: its rules may decide, or those of the other."""
    there = before(recorded("a", {**API_RULE, "priority": 1}))
    planned = plan(*NEW, change(f"{LINK}.it", "create", None, association() | changes, unknown))
    assert told(there, planned) == (f"{LINK}.it: {doubt}",)
    found = explained(there, planned)
    assert found.decided_by == ("undecided:policy:guard/10",)
    assert found.why.endswith(f"targetResources: {doubt}")


REGIONAL = "google_compute_region_network_firewall_policy"


def regional(values: Raw, region: str | None = "us-east1") -> Raw:
    return values | {"region": region} if region else values


@pytest.mark.parametrize(
    ("region", "decider"), [("us-east1", BY_GUARD), ("europe-west1", ALLOWED)], ids=["here", "elsewhere"]
)
def test_regional_policies(region: str, decider: tuple[str, ...]) -> None:
    """In force in its own region, whether it comes or goes."""
    made = plan(
        change(f"{REGIONAL}.p", "create", None, regional(policy(), region)),
        change(f"{REGIONAL}_rule.r", "create", None, regional(policy_rule(), region)),
        change(f"{REGIONAL}_association.it", "create", None, regional(association(), region)),
    )
    assert (decided(before(), made), told(before(), made)) == (decider, ())
    gone = plan(change(f"{REGIONAL}_association.it", "delete", regional(association(), region)))
    there = before(GUARD | {"type": "NETWORK_REGIONAL"})
    assert decided(there, gone) == (ALLOWED if region == "us-east1" else BY_GUARD)


def test_a_region_that_is_not_known() -> None:
    """It may be this one; where the provider says it, it is."""
    keys = ("region", "project")
    changes = [
        change(f"{REGIONAL}.p", "create", None, policy(), {"region": True}),
        change(f"{REGIONAL}_rule.r", "create", None, policy_rule(), {"region": True}),
        change(f"{REGIONAL}_association.it", "create", None, association(), {"region": True}),
    ]
    doubt = "its region is known after apply"
    assert told(before(), plan(*changes)) == (f"{REGIONAL}_association.it: {doubt}",)
    assert decided(before(), plan(*changes)) == ("undecided:policy:guard/10",)
    expressions = {"region": {"constant_value": "us-east1"}}
    resources = [
        written(
            c["address"],
            provider_config_key="google",
            **{k: v for k, v in c["change"]["after"].items() if k not in keys},
        )
        for c in changes
    ]
    configuration = {
        "provider_config": {"google": {"expressions": expressions}},
        "root_module": {"resources": resources},
    }
    planned = plan(*changes, configuration=configuration)
    assert (decided(before(), planned), told(before(), planned)) == (BY_GUARD, ())
