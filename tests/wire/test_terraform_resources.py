"""A plan read: each object before and after, by what Terraform will do with it; what is not known yet stays unknown."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.wire.terraform_resources import UNKNOWN, NotAPlan, Resource, plan_of
from tests.recordings import Raw
from tests.terraform import change, in_state, plan, reference, written

IT = "google_compute_firewall.it"
KIND = "google_compute_firewall"
OLD: Raw = {"name": "old"}
NEW: Raw = {"name": "new"}
KEPT: Raw = {"name": "old", "deletion_policy": "ABANDON"}


def resource(before: Raw | None, after: Raw | None, changes: bool = True, **more: Any) -> Resource:
    """Of address IT."""
    return Resource(**({"address": IT, "kind": KIND, "before": before, "after": after, "changes": changes} | more))


def left_alone(values: Raw) -> Resource:
    """What stays at the cloud, without Terraform."""
    return resource(values, values, changes=False, address=f"{IT} (left alone)")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (change(IT, "create", None, NEW), [resource(None, NEW)]),
        (change(IT, "create", None, None), [resource(None, {})]),
        (change(IT, "update", OLD, NEW), [resource(OLD, NEW)]),
        (change(IT, "delete", OLD, None), [resource(OLD, None)]),
        (change(IT, "delete create", OLD, NEW), [resource(OLD, NEW, replaced=True)]),
        (change(IT, "create delete", OLD, NEW), [resource(OLD, NEW, replaced=True)]),
        (change(IT, "no-op", OLD, OLD), [resource(OLD, OLD, changes=False)]),
        (change(IT, "no-op", OLD, OLD, previous_address=f"{KIND}.was"), [resource(OLD, OLD, changes=False)]),
        (change(IT, "update", OLD, NEW, action_reason="anything", importing={"id": "x"}), [resource(OLD, NEW)]),
        (change(IT, "forget", OLD, None), [left_alone(OLD)]),
        (change(IT, "create forget", OLD, NEW), [left_alone(OLD), resource(None, NEW)]),
        (change(IT, "delete", KEPT, None), [left_alone(KEPT)]),
        (change(IT, "delete create", KEPT, NEW), [left_alone(KEPT), resource(None, NEW)]),
        (
            change(IT, "delete", OLD, None, deposed="deadbeef"),
            [resource(OLD, None, address=f"{IT} (deposed deadbeef)")],
        ),
        (
            change("data.google_compute_network.n", "read", None, {"name": "n"}),
            [
                Resource("data.google_compute_network.n", "data.google_compute_network", {"name": "n"}, {"name": "n"}),
            ],
        ),
    ],
    ids=lambda case: " ".join(case["change"]["actions"]) if isinstance(case, dict) else None,
)
def test_actions(entry: Raw, found: list[Resource]) -> None:
    """What is there before, and what is there after: what is only forgotten or abandoned stays."""
    assert list(plan_of(plan(entry)).resources) == found


def test_what_only_the_state_shows() -> None:
    """Untargeted resources and data are in the state only; what the plan has, under this address or another, is not taken twice."""
    moved = change(IT, "no-op", OLD, OLD, previous_address=f"{KIND}.was")
    state = [in_state(IT, **OLD), in_state(f"{KIND}.was", **OLD), in_state(f"{KIND}.other", name="other")]
    planned = plan(moved, state=state)
    child = {"address": "module.a", "resources": [in_state(f"module.a.{KIND}.it[0]", name="inner")]}
    planned["prior_state"]["values"]["root_module"]["child_modules"] = [child]
    assert [(r.address, r.before, r.changes) for r in plan_of(planned).resources] == [
        (IT, OLD, False),
        (f"{KIND}.other", {"name": "other"}, False),
        (f"module.a.{KIND}.it[0]", {"name": "inner"}, False),
    ]


def after(value: Raw, unknown: Raw, **expressions: Any) -> Raw | None:
    """What will be, where these expressions are written."""
    root = {"resources": [written(IT, **expressions)]}
    (found,) = plan_of(plan(change(IT, "create", None, value, unknown), root=root)).resources
    return found.after


RANGES = reference("google_compute_address.a.address")


@pytest.mark.parametrize(
    ("value", "unknown", "expressions", "expected"),
    [
        # Written and not known; not written, so the API's to say.
        ({}, {"source_ranges": True, "id": True}, {"source_ranges": RANGES}, {"source_ranges": UNKNOWN}),
        ({"source_ranges": ["10.0.0.0/8", None]}, {"source_ranges": [False, True]}, {"source_ranges": RANGES}, {"source_ranges": UNKNOWN}),
        ({"tags": ["a"]}, {"tags": [False]}, {"tags": ["a"]}, {"tags": ["a"]}),
        # In a block, by what is written in that block.
        (
            {"match": [{"src_ip_ranges": ["10.0.0.0/8"]}]},
            {"match": [{"src_ip_ranges": [False], "src_network_context": True, "src_fqdns": True}]},
            {"match": [{"src_ip_ranges": ["10.0.0.0/8"], "src_fqdns": RANGES}]},
            {"match": [{"src_ip_ranges": ["10.0.0.0/8"], "src_fqdns": UNKNOWN}]},
        ),
        (
            {"allow": [{"protocol": "tcp"}, {"protocol": "udp"}]},
            {"allow": [{}, {"ports": True}]},
            {"allow": [{"protocol": "tcp"}, {"protocol": "udp", "ports": RANGES}]},
            {"allow": [{"protocol": "tcp"}, {"protocol": "udp", "ports": UNKNOWN}]},
        ),
        # Of a dynamic block nothing is written, nor of what is in one.
        ({"name": "n"}, {"target_secure_tags": True}, {"name": "n"}, {"name": "n", "target_secure_tags": UNKNOWN}),
        (
            {"match": [{}]},
            {"match": [{"src_network_context": True}]},
            {"name": "n"},
            {"match": [{"src_network_context": UNKNOWN}]},
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_yet(value: Raw, unknown: Raw, expressions: Raw, expected: Raw) -> None:
    """It is unknown where somebody wrote it, or may have; else it is the API's default, and not there."""
    assert after(value, unknown, **expressions) == expected


def test_without_a_configuration_everything_unknown_is_unknown() -> None:
    """Nobody can say then that it is not written."""
    planned = plan(change(IT, "create", None, {"name": "n"}, {"source_ranges": True}), configuration={})
    assert plan_of(planned).resources[0].after == {"name": "n", "source_ranges": UNKNOWN}


def test_project_and_region_of_the_provider() -> None:
    """Where nobody wrote them in the resource."""
    provider = {"expressions": {"project": {"constant_value": "p"}, "region": reference("var.region")}}
    root = {"resources": [written(IT, provider_config_key="google", name="n")]}
    configuration = {"root_module": root, "provider_config": {"google": provider}}
    entry = change(IT, "create", None, {"name": "n"}, {"project": True, "region": True, "zone": True})
    planned = plan(entry, configuration=configuration, variables={"region": {"value": "us-east1"}})
    assert plan_of(planned).resources[0].after == {"name": "n", "project": "p", "region": "us-east1"}


def test_changes_that_are_not_understood() -> None:
    """An action from the future, and a change that is put off: each with its sentence."""
    planned = plan(change(IT, "transmute", OLD, NEW))
    planned["deferred_changes"] = [
        {"reason": "unknown", "resource_change": change(f"{KIND}.later", "create", None, NEW)}
    ]
    assert [(r.address, r.kind, why) for r, why in plan_of(planned).odd] == [
        (IT, KIND, "its change is not understood: transmute"),
        (f"{KIND}.later", KIND, "its change is put off to a later plan"),
    ]


VERSION = {"format_version": "1.2"}


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ({}, "format_version: is None, expected 1.x: terraform show -json prints it"),
        ({"format_version": "2.0"}, "format_version: is '2.0', expected 1.x: terraform show -json prints it"),
        (
            VERSION | {"values": {"root_module": {}}},
            "resource_changes: is missing: terraform show -json prints it of a plan, but not of a state",
        ),
        (
            VERSION | {"errored": True, "resource_changes": []},
            "errored: is true: Terraform could not plan to the end, so not all changes are here",
        ),
        (VERSION | {"resource_changes": {"a": 1}}, "resource_changes: must be a list"),
        (VERSION | {"resource_changes": [1]}, "resource_changes: must be a list of objects"),
        (VERSION | {"resource_changes": [{}]}, "resource_changes[0].change.actions: must be a list"),
        (VERSION | {"resource_changes": [], "deferred_changes": 1}, "deferred_changes: must be a list"),
        (plan(change(IT, "delete", [1], None)), f"{IT}: change.before: must be an object"),
        (plan(change(IT, "create", None, 7), root={}), f"{IT}: change.after: must be an object"),
        (plan(change(IT, "delete", {"allow": {}}, None)), f"{IT}: change.before.allow: must be a list"),
        (
            plan(change(IT, "delete", {"match": [{"layer4_configs": ["tcp"]}]}, None)),
            f"{IT}: change.before.match[0].layer4_configs[0]: must be an object",
        ),
        (plan(state=[in_state(IT) | {"values": 1}]), f"prior_state: {IT}: values: must be an object"),
    ],
)  # fmt: skip
def test_what_is_no_plan(raw: Raw, line: str) -> None:
    """One line that names the field."""
    with pytest.raises(NotAPlan) as caught:
        plan_of(raw)
    assert str(caught.value) == line
