"""What holds of every cloud, asked of the product alone: laws that no table of facts can list case by case."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pathcheck.cli.flows import answers
from tests.evaluator.strategies import (
    EMPTY,
    Json,
    examples,
    policy_rules,
    recordings,
    several_flows,
    vpc_rules,
)

LISTS_WITHOUT_ORDER = ("networks", "routes", "instances", "firewalls", "effectiveFirewalls")


def asked(recording: Json, flows: list[Json]) -> list[Json]:
    return list(answers(recording, flows))


def decided(recording: Json, flows: list[Json]) -> list[tuple[str, list[str]]]:
    return [(str(answer["prediction"]), answer["decidedBy"]) for answer in asked(recording, flows)]


def predicted(recording: Json, flows: list[Json]) -> list[str]:
    return [prediction for prediction, _ in decided(recording, flows)]


def rules_of(recording: Json) -> list[Json]:
    """Every rule of every kind, to be changed in place."""
    return [*recording["firewalls"], *(rule for policy in policies_of(recording) for rule in policy["rules"])]


def policies_of(recording: Json) -> list[Json]:
    """Every policy of every place, to be changed in place."""
    return [p for entry in recording["effectiveFirewalls"] for p in entry["answer"].get("firewallPolicys", [])]


def changed(recording: Json, change: Callable[[Json], Any]) -> Json:
    copy = deepcopy(recording)
    change(copy)
    return copy


@examples(13)
@given(recordings(), several_flows)
def test_a_disabled_rule_changes_nothing(recording: Json, flows: list[Json]) -> None:
    """With its disabled rules or without them a cloud decides the same."""

    def drop(copy: Json) -> None:
        copy["firewalls"] = [rule for rule in copy["firewalls"] if not rule.get("disabled")]
        for policy in policies_of(copy):
            policy["rules"] = [rule for rule in policy["rules"] if not rule.get("disabled")]

    assert decided(changed(recording, drop), flows) == decided(recording, flows)


@examples(13)
@given(recordings(), several_flows, st.randoms(use_true_random=False))
def test_the_order_of_lists_changes_nothing(recording: Json, flows: list[Json], random: Any) -> None:
    """Rules, machines, networks and routes come in any order; only hierarchical policies mean theirs."""

    def shuffle(copy: Json) -> None:
        for key in LISTS_WITHOUT_ORDER:
            copy[key] = random.sample(copy[key], len(copy[key]))
        for policy in policies_of(copy):
            policy["rules"] = random.sample(policy["rules"], len(policy["rules"]))
        for entry in copy["effectiveFirewalls"]:
            policies = entry["answer"].get("firewallPolicys")
            if policies is not None:
                hierarchical = [policy for policy in policies if policy["type"] == "HIERARCHY"]
                rest = [policy for policy in policies if policy["type"] != "HIERARCHY"]
                entry["answer"]["firewallPolicys"] = random.sample(rest, len(rest)) + hierarchical

    assert decided(changed(recording, shuffle), flows) == decided(recording, flows)


@examples(13)
@given(recordings(), several_flows, st.integers(0, 1), st.booleans())
def test_at_one_priority_a_deny_is_asked_first(
    recording: Json, flows: list[Json], which: int, named_first: bool
) -> None:
    """An allow that is added at the priority of a deny that decides changes nothing, whatever it is called."""
    for flow in flows:
        [(prediction, names)] = decided(recording, [flow])
        by_name = {f"firewall:{rule['name']}": rule for rule in recording["firewalls"]}
        rule = by_name.get(names[0])
        if prediction == "blocked" and rule is not None:
            allow = {key: value for key, value in rule.items() if key != "denied"} | {
                "name": "aaa" if named_first else "zzz"
            }
            allow |= {"allowed": [{"IPProtocol": "all"}]} if which else {"allowed": rule["denied"]}
            more = recording | {"firewalls": [*recording["firewalls"], allow]}
            assert decided(more, [flow]) == [(prediction, names)]


@examples(13)
@given(recordings(), several_flows, vpc_rules("late"))
def test_a_rule_asked_later_never_changes_what_is_decided(recording: Json, flows: list[Json], late: Json) -> None:
    """A VPC rule behind the VPC rules that decided, on the side that decided, is not asked."""
    by_name = {f"firewall:{rule['name']}": rule for rule in recording["firewalls"]}
    for flow in flows:
        [(prediction, names)] = decided(recording, [flow])
        rule = by_name.get(names[0])
        if rule is not None and rule.get("priority", 1000) < 65535:
            place = {"priority": rule.get("priority", 1000) + 1, "direction": rule.get("direction", "INGRESS")}
            more = recording | {"firewalls": [*recording["firewalls"], late | place]}
            assert decided(more, [flow]) == [(prediction, names)]


@examples(13)
@given(recordings(), several_flows, policy_rules(2147483647))
def test_a_policys_later_rule_never_changes_what_that_policy_decided(
    recording: Json, flows: list[Json], late: Json
) -> None:
    """One more rule behind the one that decided, in the same policy and on the same side, is not asked."""
    side = "egressDecidedBy" if late["direction"] == "EGRESS" else "ingressDecidedBy"
    for flow, before in zip(flows, asked(recording, flows), strict=True):
        decider = next((name for name in before[side] if name.startswith("policy:")), "policy:/").split(":")[1]

        def append(copy: Json, name: str = decider.rpartition("/")[0]) -> None:
            for policy in policies_of(copy):
                if policy["name"] == name and all(rule["priority"] != late["priority"] for rule in policy["rules"]):
                    policy["rules"].append(late)

        [after] = asked(changed(recording, append), [flow])
        assert after[side] == before[side]


@examples(13)
@given(recordings(), several_flows, st.data())
def test_an_unknown_key_permits_nothing(recording: Json, flows: list[Json], data: st.DataObject) -> None:
    """A rule that gets a key nobody knows leaves every prediction as it was, or undetermined."""
    if not rules_of(recording):
        return
    number = data.draw(st.integers(0, len(rules_of(recording)) - 1))
    place = data.draw(st.sampled_from(["rule", "match", "entry"]))

    def add(copy: Json) -> None:
        rule = rules_of(copy)[number]
        holder = rule.get("match", rule) if place != "rule" else rule
        if place == "entry":
            holder = next(holder[key] for key in ("allowed", "denied", "layer4Configs") if key in holder)[0]
        holder["keyOfTomorrow"] = ["x"]

    before, after = predicted(recording, flows), predicted(changed(recording, add), flows)
    assert all(new in (old, "undetermined") for old, new in zip(before, after, strict=True)), (before, after)


@examples(13)
@given(recordings(), several_flows, st.sampled_from(sorted(EMPTY)))
def test_a_permission_taken_away_permits_nothing(recording: Json, flows: list[Json], unread: str) -> None:
    """Where a list can no longer be read, every prediction is as it was, or undetermined."""
    less = recording | {unread: EMPTY[unread], "unavailable": {unread: "forbidden"} | recording.get("unavailable", {})}
    before, after = predicted(recording, flows), predicted(less, flows)
    assert all(new in (old, "undetermined") for old, new in zip(before, after, strict=True)), (before, after)
