"""What holds of every Terraform plan: a rule it makes is the API's, nothing unknown is taken for granted, and junk is refused.

The plans are made of the rules of tests/evaluator/strategies.py, in Terraform's spelling; tests/terraform.py says where that is from.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pathcheck.cli.flows import answers
from pathcheck.model.firewall import Firewall
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.terraform_plan import NotAPlan, changed
from tests.evaluator.strategies import examples, policy_rules, several_flows, vpc_rules
from tests.evaluator.world import MACHINES, world
from tests.recordings import PROJECT, Raw, recording, rule
from tests.terraform import (
    association,
    change,
    firewall,
    in_state,
    plan,
    policy,
    policy_rule,
    reference,
    written,
)

KIND = "google_compute_firewall"
IT = f"{KIND}.it"
OWN = rule("dns", sourceRanges=["10.24.0.0/14"])

# A rule as the API spells it, and the same as Terraform does; how, is written anew here.

SNAKE = {"allowed": "allow", "denied": "deny", "IPProtocol": "protocol"}


def as_terraform(raw: Raw) -> Raw:
    """The API's fields in Terraform's spelling; a match is a block."""
    found = {}
    for key, value in raw.items():
        name = SNAKE.get(key) or "".join(f"_{c.lower()}" if c.isupper() else c for c in key)
        blocks = [value] if key == "match" else value
        found[name] = blocks
        if isinstance(blocks, list):
            found[name] = [as_terraform(each) if isinstance(each, dict) else each for each in blocks]
    return found


def as_firewall(raw: Raw) -> Raw:
    """With all that the provider shows of a rule, empty or at its default."""
    empty: Raw = {
        "allow": [],
        "deny": [],
        "log_config": [],
        "source_ranges": None,
        "target_tags": None,
        "disabled": None,
    }
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


@examples(100)
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


@examples(100)
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


# What is not known yet could be anything, what is written in the test among it.


def values_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value that could be unknown: attributes and blocks, and the attributes in blocks."""
    if isinstance(value, dict):
        return [p for key, each in value.items() for p in ((*path, key), *values_in(each, (*path, key)))]
    blocks = enumerate(value) if isinstance(value, list) else ()
    return [p for index, each in blocks if isinstance(each, dict) for p in values_in(each, (*path, index))]


def unknown_at(value: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    """`after` without the value in this place, and `after_unknown` with true there."""
    key, *rest = path
    inner, flag = unknown_at(value[key], tuple(rest)) if rest else (None, True)
    if isinstance(value, list):
        return [inner if i == key else each for i, each in enumerate(value)], [
            flag if i == key else {} for i in range(len(value))
        ]
    return {**value, key: inner}, {key: flag}


def known_and_unknown(data: st.DataObject, made: dict[str, Raw]) -> tuple[Raw, Raw]:
    """A plan that makes these resources, and the same with one value that is known after apply and is by no reference."""
    address = data.draw(st.sampled_from(sorted(made)))
    path = data.draw(st.sampled_from(values_in(made[address])))
    after, unknown = unknown_at(made[address], path)
    resources = [written(a, **values) for a, values in made.items() if a != address]
    somewhere = replaced(made[address], path, reference("local.somewhere"))
    root = {"resources": [*resources, written(address, **somewhere)]}
    known = [change(a, "create", None, values) for a, values in made.items()]
    vague = [change(address, "create", None, after, unknown), *(c for c in known if c["address"] != address)]
    return plan(*known), plan(*vague, root=root)


def doubted_or_same(before: Raw, known: Raw, vague: Raw, flows: list[Raw]) -> None:
    """Every flow has its answer of the plan in which all is known, or none, unless it is said of the plan that it cannot be told."""
    untold = changed(before, vague)[1]
    surely = [a["prediction"] for a in answers(changed(before, known)[0], flows)]
    maybe = [a["prediction"] for a in answers(changed(before, vague)[0], flows)]
    assert untold or all(b in (a, "undetermined") for a, b in zip(surely, maybe, strict=True))


@examples(60)
@given(st.data(), vpc_rules("new"), vpc_rules("old"), several_flows)
def test_nothing_unknown_of_a_rule_is_taken_for_granted(
    data: st.DataObject, new: Raw, old: Raw, flows: list[Raw]
) -> None:
    """Whatever attribute of it is known after apply."""
    known, vague = known_and_unknown(data, {IT: as_firewall(new)})
    doubted_or_same(with_rules(world(), old), known, vague, flows)


NETWORKS = "projects/p/global/networks"


@examples(60)
@given(st.data(), policy_rules(1), vpc_rules("old"), several_flows, st.sampled_from(["BEFORE", "AFTER"]))
def test_nothing_unknown_of_a_policy_is_taken_for_granted(
    data: st.DataObject, new: Raw, old: Raw, flows: list[Raw], order: str
) -> None:
    """Nor of its rules, nor of where it is associated."""
    kind = PARTS["NETWORK"][0]
    made: dict[str, Raw] = {
        f"{kind}.p": {"name": "7x", "project": "p"},
        f"{kind}_rule.r": PARTS["NETWORK"][1] | as_terraform(new),
        f"{kind}_association.a": {
            "name": "a",
            "project": "p",
            "firewall_policy": "7x",
            "attachment_target": f"{NETWORKS}/default",
        },
    }
    doubted_or_same(with_rules(world(order=order), old), *known_and_unknown(data, made), flows)


def as_instance(machine: Raw) -> Raw:
    """A machine of the world as the provider keeps it."""
    nics = [
        {
            "network": nic["network"],
            "network_ip": nic["networkIP"],
            "alias_ip_range": [{"ip_cidr_range": r["ipCidrRange"]} for r in nic.get("aliasIpRanges", [])],
        }
        for nic in machine["networkInterfaces"]
    ]
    return {
        "name": machine["name"],
        "project": "p",
        "zone": machine["zone"].rpartition("/")[2],
        "tags": machine["tags"]["items"],
        "service_account": [{"email": account["email"]} for account in machine["serviceAccounts"]],
        "can_ip_forward": False,
        "network_interface": nics,
    }


@examples(60)
@given(
    st.data(), st.sampled_from(MACHINES), st.lists(vpc_rules("r"), max_size=3), several_flows, st.sampled_from("abcx")
)
def test_nothing_unknown_of_a_machine_is_taken_for_granted(
    data: st.DataObject, machine: Raw, rules: list[Raw], flows: list[Raw], tag: str
) -> None:
    """Its tags, its account, its addresses."""
    named = [rule | {"name": f"r{number}"} for number, rule in enumerate(rules)]
    was = as_instance(machine)
    now = was | {"tags": [tag, *was["tags"]], "service_account": [{"email": f"{tag}@p.iam.gserviceaccount.com"}]}
    path = data.draw(st.sampled_from([p for p in values_in(now) if p[0] not in ("name", "zone", "project")]))
    after, unknown = unknown_at(now, path)
    address = "google_compute_instance.it"
    root = {"resources": [written(address, **replaced(now, path, reference("local.somewhere")))]}
    known, vague = (
        plan(change(address, "update", was, values, flags), root=root)
        for values, flags in ((now, {}), (after, unknown))
    )
    before = with_rules(world(), *named)
    untold = changed(before, vague)[1]
    surely = [a["prediction"] for a in answers(changed(before, known)[0], flows)]
    maybe = [a["prediction"] for a in answers(changed(before, vague)[0], flows)]
    assert len(untold) == 1
    assert all(b in (a, "undetermined") for a, b in zip(surely, maybe, strict=True))


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


junk: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 7, "x", [], [1], ["x"], [[]], {}, {"a": 1}, {"unavailable": "known after apply"}]
)
IN_PLAN, IN_RECORDING = places(EVERYTHING), places({k: v for k, v in FULL.items() if k != "format"})


@examples(200)
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
