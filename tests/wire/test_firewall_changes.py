"""FirewallChange, there and back."""

from __future__ import annotations

from dataclasses import replace

from pathcheck.core.checks.recount import summary, who
from pathcheck.model.drift import MAX_EDITS, Affected, Attribution, Deed, Difference, Edit, Entry, FirewallChange
from pathcheck.model.firewall import Problem
from pathcheck.wire.firewall_changes import firewall_change_of, manifest_of
from tests.builders import seconds

CALL = Entry(
    "1", seconds(3.5), "dana@example.com", "v1.compute.firewalls.delete", "firewalls/web", "gcloud", "gcloud/1"
)
CHANGE = FirewallChange(
    7,
    "a",
    "b",
    seconds(0),
    seconds(5.25),
    Difference((Edit("firewall:web", Deed.DELETED, "web deleted", "firewalls/web", (CALL,)),), ("x",), ("y",), 3, "z"),
    (Affected("kube-dns", 4, 1),),
    Attribution.PENDING,
    "not yet",
)


def test_what_is_written_reads_back() -> None:
    """Everything that a restart must find; the columns of kubectl are beside it."""
    body = manifest_of(CHANGE, "pathcheck-system", who(CHANGE), summary(CHANGE))
    assert firewall_change_of(body) == CHANGE
    assert (body["metadata"], body["who"], body["summary"]) == (
        {"name": "000007-b", "namespace": "pathcheck-system"},
        "dana@example.com",
        "web deleted",
    )


def test_a_very_large_change_is_bounded_and_counted() -> None:
    """etcd takes 1.5 MiB; what is left out is a number, also when it is written once more."""
    edits = CHANGE.difference.edits * (MAX_EDITS + 5)
    large = replace(CHANGE, difference=replace(CHANGE.difference, edits=edits))
    once = firewall_change_of(manifest_of(large, "n", "", ""))
    assert isinstance(once, FirewallChange)
    assert (len(once.difference.edits), once.difference.edits_beyond) == (MAX_EDITS, 5)
    assert firewall_change_of(manifest_of(once, "n", "", "")) == once


def test_what_somebody_else_wrote_is_a_problem_that_names_the_field() -> None:
    """It is never half a change."""
    body = manifest_of(CHANGE, "n", "", "")
    assert firewall_change_of({**body, "number": 0}) == Problem(
        "000007-b.number", "Input should be greater than or equal to 1"
    )
