"""A Terraform plan becomes the recording as it will be; what is not known yet is never a rule without it.

The plans here are written by hand after https://developer.hashicorp.com/terraform/internals/json-format and the provider's pages;
tests/terraform.py says more.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.firewall import Firewall
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.terraform_plan import NotAPlan, changed
from tests.evaluator.strategies import examples, policy_rules, vpc_rules
from tests.evaluator.world import world
from tests.recordings import PROJECT, Raw, recording, rule
from tests.terraform import (
    association,
    change,
    decided,
    explained,
    firewall,
    in_state,
    plan,
    policy,
    policy_rule,
    reference,
    told,
    written,
)

KIND = "google_compute_firewall"
IT = f"{KIND}.it"
OWN = rule("dns", sourceRanges=["10.24.0.0/14"])
DENIED = ("implied-deny-ingress",)
DNS = ("firewall:dns",)


@pytest.mark.parametrize(
    ("before", "entry", "decider"),
    [
        (recording(OWN), change(IT, "delete", firewall()), DENIED),
        (recording(OWN), change(IT, "no-op", firewall(), firewall()), DNS),
        (recording(OWN), change(IT, "forget", firewall()), DNS),
        (recording(), change(IT, "create", None, firewall()), DNS),
        (recording(OWN), change(IT, "update", firewall(), firewall(disabled=True)), DENIED),
        (recording(OWN), change(IT, "delete create", firewall(), firewall(target_tags=["others"])), DENIED),
        (recording(OWN), change(IT, "create delete", firewall(), firewall("new")), ("firewall:new",)),
        (recording(OWN), change(IT, "update", firewall(), firewall(colours=["red"])), ("undecided:firewall:dns",)),
        (recording(OWN), change(f"{IT}[0]", "delete", firewall(), action_reason="delete_because_count_index"), DENIED),
        (recording(OWN), change(f"module.a.{IT}", "no-op", firewall(), firewall(), previous_address=IT), DNS),
        (recording(OWN), change(IT, "update", firewall(), firewall(priority=9), importing={"id": "dns"}), DNS),
        (recording(OWN), change(IT, "delete", firewall(), deposed="00000001"), DENIED),
        (recording(OWN), change(IT, "delete", firewall(deletion_policy="ABANDON")), DNS),
    ],
    ids=lambda case: " ".join(case["change"]["actions"]) if isinstance(case, dict) and "change" in case else None,
)  # fmt: skip
def test_rules(before: Raw, entry: Raw, decider: tuple[str, ...]) -> None:
    """Each action does to the list what the provider would do."""
    assert (decided(before, plan(entry)), told(before, plan(entry))) == (decider, ())


def test_a_rule_that_goes_here_and_comes_there() -> None:
    """An address that changes without a moved block is a deletion and a creation of one name, in either order."""
    entries = [change(f"{KIND}.a", "create", None, firewall()), change(f"{KIND}.b", "delete", firewall())]
    for ordered in (entries, entries[::-1]):
        assert decided(recording(OWN), plan(*ordered)) == DNS


def test_a_rule_that_the_recording_does_not_have() -> None:
    """Then it is the recording of something else, or of another day."""
    why = "the recording does not have this rule; it is older than the plan, or of something else"
    assert told(recording(), plan(change(IT, "delete", firewall()))) == (f"{IT}: {why}",)
    assert told(recording(), plan(change(IT, "no-op", firewall(), firewall()))) == ()


def test_what_is_known_after_apply_cannot_be_judged() -> None:
    """And is said so; what nobody wrote is the API's default instead."""
    short = {key: value for key, value in firewall().items() if key not in ("source_ranges", "direction", "id")}
    entry = change(IT, "create", None, short, {"source_ranges": True, "id": True, "direction": True})
    ranges = written(IT, **short, source_ranges=reference("google_compute_address.a.address"))
    found = explained(recording(), plan(entry, root={"resources": [ranges]}))
    assert found.decided_by == ("undecided:firewall:dns",)
    assert found.why.endswith("cannot be judged: sourceRanges: known after apply")
    assert decided(recording(), plan(entry)) == DNS


@pytest.mark.parametrize(
    ("value", "unknown", "why"),
    [
        ({"allow": [{"ports": ["53"]}]}, {"allow": [{"protocol": True}]}, "allowed: IPProtocol: known after apply"),
        ({"allow": [{"protocol": "udp"}]}, {"allow": [{"ports": True}]}, "allowed: ports: known after apply"),
        ({"allow": None}, {"allow": True}, "allowed: known after apply"),
        ({"target_tags": None}, {"target_tags": True}, "targetTags: known after apply"),
        ({"priority": None}, {"priority": True}, "priority: known after apply"),
        ({"disabled": None}, {"disabled": True}, "disabled: known after apply"),
    ],
)
def test_every_unknown_value_leaves_the_rule_open(value: Raw, unknown: Raw, why: str) -> None:
    """Whatever decides about packets."""
    written_in_it = firewall(allow=[{"protocol": "udp", "ports": ["53"]}])
    root = {"resources": [written(IT, **written_in_it)]}
    found = explained(recording(), plan(change(IT, "create", None, firewall(**value), unknown), root=root))
    assert (found.decided_by, found.why.endswith(why)) == (("undecided:firewall:dns",), True)


def test_a_name_decides_nothing() -> None:
    """A rule whose name is known after apply is called by its address."""
    values = firewall(name=None)
    planned = plan(change(IT, "create", None, values, {"name": True}))
    assert decided(recording(), planned) == (f"firewall:{IT}",)


NETWORK = "google_compute_network.vpc"


@pytest.mark.parametrize(
    ("network", "decider"),
    [
        (change(NETWORK, "create", None, {"name": "new", "project": PROJECT}, {"id": True}), DENIED),
        (change(NETWORK, "no-op", {"name": "default"}, {"name": "default"}), DNS),
        (change(f"data.{NETWORK}", "read", None, {"name": "default"}, {"id": True}), DNS),
    ],
)
def test_a_network_by_reference(network: Raw, decider: tuple[str, ...]) -> None:
    """The id of one that is made by the same plan is not known, but which it is."""
    values = firewall(network=None)
    it = written(IT, **values | {"network": reference(f"{network['address']}.id")})
    entry = change(IT, "create", None, values, {"network": True})
    assert decided(recording(), plan(network, entry, root={"resources": [it]})) == decider


def test_a_network_that_is_not_known() -> None:
    """The rule may then be about any."""
    values = firewall(network=None)
    it = written(IT, **values | {"network": reference("local.network")})
    found = explained(
        recording(), plan(change(IT, "create", None, values, {"network": True}), root={"resources": [it]})
    )
    assert found.decided_by == ("undecided:firewall:dns",)
    assert found.why.endswith("network: known after apply")


def test_a_rule_of_another_project() -> None:
    """Names are a project's own: its namesake here stays, and one that comes there does not come here."""
    for entry in (
        change(IT, "delete", firewall(project="elsewhere")),
        change(IT, "create", None, firewall(project="elsewhere", disabled=True)),
        change(IT, "delete create", firewall(project="elsewhere"), firewall(project="elsewhere", priority=1)),
    ):
        assert (decided(recording(OWN), plan(entry)), told(recording(OWN), plan(entry))) == (DNS, ())


def test_a_project_that_is_not_known() -> None:
    """Nobody can tell then whether the recording is about it; one that is not written is the provider's."""
    values = {key: value for key, value in firewall().items() if key != "project"}
    entry = change(IT, "create", None, values, {"project": True})
    unsaid = written(IT, **values, project=reference("google_project.new.project_id"))
    why = "its project is known after apply, so whether the recording is about it is not known"
    assert told(recording(), plan(entry, root={"resources": [unsaid]})) == (f"{IT}: {why}",)
    assert decided(recording(), plan(entry, root={"resources": [unsaid]})) == DENIED
    assert decided(recording(), plan(entry)) == DNS


def test_a_network_of_a_host_project() -> None:
    """Under Shared VPC rules are made in the project that owns the network; there a bare name is of that project."""
    shared = "projects/host/global/networks/shared"
    before = recording()
    for machine in before["instances"]:
        machine["networkInterfaces"][0]["network"] = shared
    before["networks"] = [{"name": "shared", "selfLink": shared}]
    before["effectiveFirewalls"] = [{"network": shared, "region": "us-east1", "answer": {}}]
    values = firewall(project="host", network="shared")
    assert decided(before, plan(change(IT, "create", None, values))) == DNS
    namesake = plan(change(IT, "create", None, firewall(network="shared")))
    assert "firewall:dns" not in decided(before, namesake)


@pytest.mark.parametrize(
    "kind",
    [
        "google_compute_subnetwork",
        "google_compute_network_peering",
        "google_container_node_pool",
        "google_compute_organization_security_policy_rule",
        "google_compute_region_network_firewall_policy_of_the_future",
    ],
)
def test_what_decides_and_is_not_understood_is_said(kind: str) -> None:
    """Such a change could hide a block."""
    why = f"{kind} decides about packets and is not understood here"
    assert told(recording(), plan(change(f"{kind}.it", "create", None, {"name": "x"}))) == (f"{kind}.it: {why}",)


@pytest.mark.parametrize(
    "kind", ["google_compute_disk", "google_compute_subnetwork_iam_member", "google_compute_network_endpoint_group"]
)
def test_what_decides_nothing_is_passed_over(kind: str) -> None:
    """A disk could not."""
    planned = plan(change(f"{kind}.it", "create", None, {"name": "x"}))
    assert changed(recording(), planned) == (recording(), ())


def test_changes_that_terraform_did_not_settle() -> None:
    """Put off to a later plan, or called by a word that is not known here."""
    planned = plan(change(IT, "transmute", firewall()), change("google_compute_disk.d", "transmute", {}))
    planned["deferred_changes"] = [{"resource_change": change(f"{KIND}.later", "create", None, firewall())}]
    assert told(recording(), planned) == (
        f"{IT}: its change is not understood: transmute",
        f"{KIND}.later: its change is put off to a later plan",
    )


def test_a_project_that_moves() -> None:
    """It comes under other hierarchical policies; one that is only renamed does not."""
    was = {"project_id": PROJECT, "folder_id": "1", "name": "a"}
    moves, renamed = (
        change("google_project.p", "update", was, was | new) for new in ({"folder_id": "2"}, {"name": "b"})
    )
    why = "it is moved in the hierarchy, and which policies apply to it then is not understood here"
    assert told(recording(), plan(moves)) == (f"google_project.p: {why}",)
    assert told(recording(), plan(renamed)) == ()


def test_sentences_stand_in_the_order_of_the_plan() -> None:
    """Whatever part of it they are about."""
    entries = [
        change("google_compute_subnetwork.a", "create", None, {}),
        change(IT, "delete", firewall()),
        change("google_compute_subnetwork.b", "create", None, {}),
    ]
    names = [sentence.partition(":")[0] for sentence in told(recording(), plan(*entries))]
    assert names == ["google_compute_subnetwork.a", IT, "google_compute_subnetwork.b"]


# A rule as the API spells it, and the same as Terraform does; how, is written anew here.

SNAKE = {"allowed": "allow", "denied": "deny", "IPProtocol": "protocol"}


def as_terraform(value: Any) -> Any:
    """The API's fields in Terraform's spelling; a match is a block."""
    if isinstance(value, list):
        return [as_terraform(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        name = SNAKE.get(key) or "".join(f"_{c.lower()}" if c.isupper() else c for c in key)
        found[name] = [as_terraform(each)] if key == "match" else as_terraform(each)
    return found


def as_firewall(raw: Raw) -> Raw:
    """With all that the provider shows of a rule, empty or at its default."""
    empty = {"allow": [], "deny": [], "log_config": [], "source_ranges": None, "target_tags": None, "disabled": None}
    return {**empty, "project": "p", "description": "", "priority": 1000, "direction": "INGRESS"} | as_terraform(raw)


def with_rules(before: Raw, *rules: Raw) -> Raw:
    return before | {"firewalls": [*before["firewalls"], *rules]}


def comes_to(before: Raw, planned: Raw) -> Firewall:
    """The firewall after a plan that is understood."""
    after, untold = changed(before, planned)
    assert untold == ()
    return same(firewall_of(after))


def same(found: Firewall) -> Firewall:
    """Without the hash of the recording, which is not part of what it says."""
    return Firewall(
        found.project, "", found.instances, found.rules, found.policies, found.networks, found.routes, found.problems
    )


@examples(150)
@given(vpc_rules("new"), vpc_rules("old"))
def test_a_rule_that_terraform_makes_is_the_rule_that_the_api_shows(new: Raw, old: Raw) -> None:
    """Created, deleted and replaced: exactly the firewall that the API's own rule gives."""
    before, both = with_rules(world(), old), with_rules(world(), old, new)
    created, deleted = change(IT, "create", None, as_firewall(new)), change(IT, "delete", as_firewall(old))
    assert comes_to(before, plan(created)) == same(firewall_of(both))
    assert comes_to(before, plan(deleted)) == same(firewall_of(world()))
    replaced = change(IT, "delete create", as_firewall(old), as_firewall(new))
    assert comes_to(before, plan(replaced)) == same(firewall_of(with_rules(world(), new)))


PARTS = {
    "HIERARCHY": ("google_compute_firewall_policy", {"firewall_policy": "locations/global/firewallPolicies/7"}),
    "NETWORK": ("google_compute_network_firewall_policy", {"firewall_policy": "7x", "project": "p"}),
    "NETWORK_REGIONAL": (
        "google_compute_region_network_firewall_policy",
        {"firewall_policy": "7x", "project": "p", "region": "europe-west1"},
    ),
}


@examples(150)
@given(st.data(), st.sampled_from(sorted(PARTS)))
def test_a_policy_rule_that_terraform_makes_is_the_rule_that_the_api_shows(data: st.DataObject, type_: str) -> None:
    """The same for a rule of a policy of each kind, by itself and in a resource with all rules."""
    new, old = data.draw(policy_rules(1)), data.draw(policy_rules(2))
    kind, holder = PARTS[type_]
    name = holder["firewall_policy"].rpartition("/")[2]

    def before(*rules: Raw) -> Raw:
        return world(policies=[{"name": name, "type": type_, "priority": 5, "rules": list(rules)}])

    created = change(f"{kind}_rule.it", "create", None, holder | as_terraform(new))
    deleted = change(f"{kind}_rule.it", "delete", holder | as_terraform(old))
    assert comes_to(before(old), plan(created)) == same(firewall_of(before(old, new)))
    assert comes_to(before(old), plan(deleted)) == same(firewall_of(before()))
    whole = {"name": name, "policy_id": name, "project": "p", "region": holder.get("region"), "rule": [in_one(new)]}
    whole = {key: value for key, value in whole.items() if value is not None and (key in holder or key != "project")}
    updated = change(f"{kind}_with_rules.it", "update", whole | {"rule": [in_one(old)]}, whole)
    assert comes_to(before(old), plan(updated)) == same(firewall_of(before(new)))


def in_one(rule: Raw) -> Raw:
    """As …_with_rules calls its blocks: in the singular."""
    found = as_terraform(rule)
    for key in ("target_secure_tags", "layer4_configs", "src_secure_tags"):
        for values in (found, found["match"][0]):
            if key in values:
                values[key.removesuffix("s")] = values.pop(key)
    return found


# Whatever stands in a plan, or in the recording, it is answered or refused.

POLICY = "google_compute_network_firewall_policy"
ROUTE = {"name": "to-node-1", "dest_range": "10.24.9.0/24", "next_hop_ip": "10.142.15.205", "network": "default"}
NODE: Raw = {"name": "node-1", "zone": "us-east1-b", "network_interface": [{"network": "default"}]}
ALIASED = {"network": "default", "alias_ip_range": [{"ip_cidr_range": "10.0.0.0/24"}]}
EVERYTHING = plan(
    change(IT, "update", firewall(), firewall(priority=9)),
    change(f"{POLICY}.p", "create", None, policy("new"), {"id": True}),
    change(f"{POLICY}_rule.r", "update", policy_rule(), policy_rule(disabled=True)),
    change(f"{POLICY}_rule.s", "create", None, policy_rule(20), {"firewall_policy": True}),
    change(f"{POLICY}_association.a", "delete create", association(), association(), {"attachment_target": True}),
    change(f"{POLICY}_with_rules.w", "update", policy("wide", rule=[]), policy("wide", rule=[policy_rule()])),
    change(
        "google_compute_firewall_policy_association.h",
        "create",
        None,
        {"attachment_target": "folders/1", "firewall_policy": "12"},
    ),
    change("google_compute_route.r", "delete create", {"name": "to-node-1"}, ROUTE),
    change("google_compute_instance.i", "update", NODE, NODE | {"tags": ["a"], "network_interface": [ALIASED]}),
    change("google_compute_network.n", "update", {"name": "default"}, {"name": "default"}),
    state=[in_state("google_project.p", project_id=PROJECT, folder_id="1"), in_state(f"{POLICY}.old", **policy())],
)
GUARD = {"name": "guard", "type": "NETWORK", "priority": 1000, "rules": [{"priority": 10}]}
FULL = recording(OWN, policies=[GUARD])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inside for found in places(each, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A copy with something else in this place."""
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


junk = st.sampled_from([None, True, 7, "x", [], [1], ["x"], [[]], {}, {"a": 1}, {"unavailable": "known after apply"}])
IN_PLAN, IN_RECORDING = places(EVERYTHING), places({k: v for k, v in FULL.items() if k != "format"})


@examples(300)
@given(st.sampled_from(IN_PLAN), junk, st.sampled_from(IN_RECORDING), junk)
def test_junk(in_plan: tuple[Any, ...], one: Any, in_recording: tuple[Any, ...], other: Any) -> None:
    """Anything in the place of anything: an answer, or NotAPlan."""
    planned = replaced(EVERYTHING, in_plan, one)
    recorded = replaced(FULL, in_recording, other) if in_recording else FULL
    if isinstance(planned, dict):
        try:
            _, untold = changed(recorded, planned)
        except NotAPlan as error:
            untold = (str(error),)
        assert all(map(str.isprintable, untold))
