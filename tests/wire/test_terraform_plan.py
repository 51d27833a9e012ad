"""A Terraform plan becomes the recording as it will be; what is not known yet is never a rule without it.

The plans here are written by hand after https://developer.hashicorp.com/terraform/internals/json-format and the provider's pages.
"""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.core.predict import predict
from pathcheck.model.words import Prediction
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.terraform_plan import NotAPlan, changed
from tests.recordings import NODE_TAG, asked, recording, rule

Raw = dict[str, Any]
FLOW = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
DNS: Raw = {
    "name": "dns",
    "network": "default",
    "priority": 1000,
    "direction": "INGRESS",
    "disabled": False,
    "allow": [{"protocol": "udp", "ports": ["53"]}],
    "deny": [],
    "source_ranges": ["10.24.0.0/14"],
    "source_tags": None,
    "target_tags": [NODE_TAG],
    "log_config": [],
    "timeouts": None,
    "id": "projects/p/global/firewalls/dns",
}


def plan(kind: str, actions: list[str], before: Raw | None, after: Raw | None, unknown: Raw | None = None) -> Raw:
    """One change, of a resource in which everything that is asked of it is written."""
    address = f"{kind}.it"
    change = {"actions": actions, "before": before, "after": after, "after_unknown": unknown or {}}
    written: Raw = {key: {} for key in (after or {})} | {key: {} for key in (unknown or {}) if key == "source_ranges"}
    resource = {"address": address, "mode": "managed", "type": kind, "name": "it", "expressions": written}
    return {
        "format_version": "1.2",
        "resource_changes": [{"address": address, "mode": "managed", "type": kind, "name": "it", "change": change}],
        "configuration": {"root_module": {"resources": [resource]}},
    }


def predicted(before: Raw, planned: Raw) -> tuple[Prediction, tuple[str, ...]]:
    after, untold = changed(before, planned)
    return predict(FLOW, firewall_of(after)).prediction, untold


FIREWALL = "google_compute_firewall"
OWN = rule("dns", sourceRanges=["10.24.0.0/14"])


@pytest.mark.parametrize(
    ("before", "actions", "after", "prediction"),
    [
        (recording(OWN), ["delete"], None, Prediction.BLOCKED),
        (recording(OWN), ["no-op"], DNS, Prediction.PERMITTED),
        (recording(), ["create"], DNS, Prediction.PERMITTED),
        (recording(OWN), ["update"], DNS | {"disabled": True}, Prediction.BLOCKED),
        (recording(OWN), ["delete", "create"], DNS | {"target_tags": ["others"]}, Prediction.BLOCKED),
        (recording(OWN), ["create", "delete"], DNS | {"name": "new"}, Prediction.PERMITTED),
        (recording(OWN), ["update"], DNS | {"source_colours": ["red"]}, Prediction.UNDETERMINED),
    ],
    ids=lambda p: ",".join(p) if isinstance(p, list) else None,
)
def test_rules(before: Raw, actions: list[str], after: Raw | None, prediction: Prediction) -> None:
    """Each action does to the list what the provider would do."""
    was = None if actions == ["create"] else DNS
    assert predicted(before, plan(FIREWALL, actions, was, after)) == (prediction, ())


def test_what_is_known_after_apply_cannot_be_judged() -> None:
    """And is said so; what nobody wrote is the API's default instead."""
    short = {key: value for key, value in DNS.items() if key not in ("source_ranges", "direction", "id")}
    ahead = plan(FIREWALL, ["create"], None, short, {"source_ranges": True, "id": True, "direction": True})
    after, _ = changed(recording(), ahead)
    explained = predict(FLOW, firewall_of(after))
    assert explained.decided_by == ("undecided:firewall:dns",)
    assert explained.why.endswith("cannot be judged: sourceRanges: known after apply")
    known = plan(FIREWALL, ["create"], None, short | {"source_ranges": ["0.0.0.0/0"]}, {"direction": True, "id": True})
    assert predicted(recording(), known) == (Prediction.PERMITTED, ())


def test_a_rule_of_another_project() -> None:
    """Names are a project's own: its namesake here stays."""
    planned = plan(FIREWALL, ["delete"], DNS | {"project": "elsewhere"}, None)
    assert predicted(recording(OWN), planned) == (Prediction.PERMITTED, ())


def test_a_machine_loses_its_tag() -> None:
    """The rule for its tag is no longer about it."""
    before = recording(rule("dns", targetTags=[NODE_TAG]))
    was = {"name": "node-1", "zone": "us-east1-b", "tags": [NODE_TAG], "can_ip_forward": True}
    planned = plan("google_compute_instance", ["update"], was, was | {"tags": []})
    assert predicted(before, planned) == (Prediction.BLOCKED, ())


def test_a_route_is_deleted() -> None:
    """It is gone from the recording."""
    after, untold = changed(
        recording(), plan("google_compute_route", ["delete"], {"name": "to-node-1", "dest_range": "10.24.9.0/24"}, None)
    )
    assert ([r["name"] for r in after["routes"]], untold) == (["to-node-2", "to-node-3"], ())


def test_what_decides_and_is_not_understood_is_said() -> None:
    """A policy's rule could hide a block; a disk could not."""
    kind = "google_compute_network_firewall_policy_association"
    _, untold = changed(recording(), plan(kind, ["create"], None, {"priority": 1}))
    assert untold == (f"{kind}.it: {kind} decides about packets and is not understood here",)
    assert changed(recording(), plan("google_compute_disk", ["create"], None, {"name": "d"})) == (recording(), ())


@pytest.mark.parametrize(
    ("planned", "line"),
    [
        ({}, "format_version: is None, expected 1.x: terraform show -json prints it"),
        ({"format_version": "2.0"}, "format_version: is '2.0', expected 1.x: terraform show -json prints it"),
        ({"format_version": "1.2", "resource_changes": {}}, "resource_changes: must be a list"),
        (
            {"format_version": "1.2", "resource_changes": [{}]},
            "resource_changes[0].change.actions: must be a list",
        ),
    ],
)
def test_what_is_no_plan(planned: Raw, line: str) -> None:
    """One line that names the field."""
    if "resource_changes" in planned and planned["resource_changes"] == {}:
        planned = planned | {"resource_changes": {"a": 1}}
    with pytest.raises(NotAPlan) as caught:
        changed(recording(), planned)
    assert str(caught.value) == line


POLICY: Raw = {"name": "guard", "type": "NETWORK", "rules": []}
DENY: Raw = {
    "firewall_policy": "guard",
    "priority": 10,
    "action": "deny",
    "direction": "INGRESS",
    "disabled": False,
    "match": [{"src_ip_ranges": ["10.24.0.0/14"], "layer4_configs": [{"ip_protocol": "udp", "ports": None}]}],
}
KIND = "google_compute_network_firewall_policy_rule"


def test_a_rule_of_a_policy() -> None:
    """It comes into the policy that is recorded, and goes; of one that is not recorded nobody can tell."""
    before = recording(OWN, policies=[POLICY], order="BEFORE_CLASSIC_FIREWALL")
    made = plan(KIND, ["create"], None, DENY, {"id": True})
    assert predicted(before, made) == (Prediction.BLOCKED, ())
    gone, _ = changed(changed(before, made)[0], plan(KIND, ["delete"], DENY, None))
    assert gone == before
    other = plan(KIND, ["create"], None, DENY | {"firewall_policy": "other"})
    assert predicted(before, other)[1] == (
        f"{KIND}.it: its firewall policy, or its place in it, is not in the recording",
    )


def test_a_rule_of_a_policy_that_is_not_known_yet() -> None:
    """Its ranges stand open, so that nobody can judge it."""
    before = recording(OWN, policies=[POLICY], order="BEFORE_CLASSIC_FIREWALL")
    match = {"layer4_configs": [{"ip_protocol": "udp"}]}
    made = plan(KIND, ["create"], None, DENY | {"match": [match]}, {"match": [{"src_ip_ranges": [True]}]})
    explained = predict(FLOW, firewall_of(changed(before, made)[0]))
    assert explained.decided_by == ("undecided:policy:guard/10",)
    assert explained.why.endswith("match.srcIpRanges: known after apply")


def test_junk_is_no_plan() -> None:
    """A list where a resource is expected."""
    junk = plan(FIREWALL, ["delete"], DNS, None)
    junk["resource_changes"][0]["change"]["before"] = [1]
    with pytest.raises(NotAPlan, match=r"google_compute_firewall\.it: this, or what it changes"):
        changed(recording(OWN), junk)
