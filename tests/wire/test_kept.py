"""The firewall as it was when it was last compared: kept in a Secret, and made comparable with what is read now."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.core.changes.differ import differ
from pathcheck.model.drift import Difference
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.kept import LARGEST, Kept, comparable, kept_of, pack, secret_of, unpack
from tests.builders import seconds
from tests.recordings import Raw, recording, rule

KEPT = Kept(7, "5f3c", seconds(1.25), pack(recording(rule("web"))))


def test_what_is_kept_reads_back() -> None:
    """Number, revision, time and recording."""
    assert kept_of(secret_of(KEPT, "pathcheck-system")) == KEPT
    assert unpack(KEPT.packed) == recording(rule("web"))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"number": "MQ=="},
        {**secret_of(KEPT, "n")["data"], "recording": "bm8="},
        {**secret_of(KEPT, "n")["data"], "read": "bm8="},
        {**secret_of(KEPT, "n")["data"], "number": "bm8="},
    ],
)
def test_a_secret_that_cannot_be_read_is_none(data: dict[str, str]) -> None:
    """As it is installed it is empty; the next reading is the first then."""
    assert kept_of({"data": data}) is None
    assert kept_of({}) is None


def test_what_the_api_server_would_not_take_is_left_out() -> None:
    """The revision is kept all the same, so that it is not taken for the first reading each time."""
    large = Kept(7, "5f3c", seconds(1), bytes(LARGEST + 1))
    assert kept_of(secret_of(large, "n")) == Kept(7, "5f3c", seconds(1), b"")


def difference(before: Raw, after: Raw) -> Difference:
    old, new = comparable(before, after)
    return differ(firewall_of(old), firewall_of(new))


ROUTE_LESS: dict[str, Any] = {"routes": [], "unavailable": {"routes": "Required 'compute.routes.list' permission"}}


@pytest.mark.parametrize("missing", ["routes", "networks", "firewalls"])
def test_a_list_that_only_one_reading_has_is_no_difference(missing: str) -> None:
    """A permission that goes, or comes back, deletes and creates nothing."""
    whole = recording(rule("web"))
    partial = {**whole, missing: [], "unavailable": {missing: "no permission"}}
    if missing == "firewalls":
        answer = {"firewalls": whole["firewalls"], "firewallPolicys": []}
        partial["effectiveFirewalls"] = [{"network": "default", "region": "us-east1", "answer": answer}]
    assert difference(whole, partial) == Difference()
    assert difference(partial, whole) == Difference()


def test_what_goes_while_it_cannot_be_read_is_told_once_it_can_be_again() -> None:
    """What is kept meanwhile is the list as it was when it was read last."""
    whole = recording(rule("web"))
    _, kept = comparable(whole, {**whole, **ROUTE_LESS})
    assert kept == whole
    (edit,) = difference(kept, {**whole, "routes": whole["routes"][1:]}).edits
    assert edit.id == "route:to-node-1"


def test_an_answer_that_only_one_reading_has_is_no_difference() -> None:
    """A region is asked about as soon as a machine is there, and an answer may be refused."""
    policy = {"type": "HIERARCHY", "name": "111", "rules": [{"priority": 1, "action": "deny", "direction": "INGRESS"}]}
    one = recording(rule("web"))
    region = {"network": "default", "region": "europe-west1", "answer": {"firewallPolicys": [policy]}}
    two = {**one, "effectiveFirewalls": [*one["effectiveFirewalls"], region]}
    refused = {**one, "effectiveFirewalls": [{"network": "default", "region": "us-east1", "unavailable": "refused"}]}
    for other in (two, refused):
        assert difference(one, other) == Difference()
        assert difference(other, one) == Difference()


def test_what_differs_beside_what_was_not_read_is_told() -> None:
    """A rule deleted while the routes may not be read is a deleted rule."""
    (edit,) = difference(recording(rule("web"), rule("dns")), recording(rule("web"), **ROUTE_LESS)).edits
    assert edit.id == "firewall:dns"
