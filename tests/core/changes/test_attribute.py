"""Who made a change: edits joined with the entries of the audit log, which may be late, of another clock, or not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pathcheck.core.changes.attribute import PATIENCE, attribute
from pathcheck.model.drift import Attribution, Deed, Difference, Edit, Entry, FirewallChange
from tests.builders import seconds

DELETED = Edit("firewall:web", Deed.DELETED, "web deleted", "firewalls/web")
CREATED = Edit("firewall:dns", Deed.CREATED, "dns created", "firewalls/dns")
CHANGE = FirewallChange(1, "a", "b", seconds(0), seconds(5), Difference((DELETED,)))
ENTRY = Entry("id-1", seconds(3), "dana@example.com", "v1.compute.firewalls.delete", "projects/p/global/firewalls/web")
NOTHING = timedelta()


def made(
    change: FirewallChange, *entries: Entry, at: float = 6, ahead: float = 0, used: tuple[str, ...] = ()
) -> FirewallChange:
    return attribute(change, entries, timedelta(seconds=ahead), used, seconds(at))


def test_the_entry_between_the_two_readings_names_who() -> None:
    """Same resource, a method that does what was done, in the time in which it must have happened."""
    found = made(CHANGE, ENTRY)
    assert (found.difference.edits[0].by, found.attribution, found.why) == ((ENTRY,), Attribution.COMPLETE, "")


@pytest.mark.parametrize(
    ("sentence", "entry"),
    [
        ("another resource", replace(ENTRY, resource="projects/p/global/firewalls/other-web")),
        ("another deed", replace(ENTRY, method="v1.compute.firewalls.insert")),
        ("another kind", replace(ENTRY, method="v1.compute.routes.delete")),
        ("long before the reading that does not show it", replace(ENTRY, time=seconds(-11))),
        ("long after the reading that shows it", replace(ENTRY, time=seconds(21))),
    ],
)
def test_anybody_else_is_not_accused(sentence: str, entry: Entry) -> None:
    """A wrong name would be worse than none; it stays pending, and says so."""
    found = made(CHANGE, entry)
    assert (found.difference.edits, found.attribution, found.why) == (
        (DELETED,),
        Attribution.PENDING,
        "the audit log has no entry for web yet",
    ), sentence


def test_an_entry_that_explains_an_earlier_change_does_not_explain_another() -> None:
    """Deleted, made again and deleted once more within seconds: the second time it may have been somebody else."""
    assert made(CHANGE, ENTRY, used=("id-1",)).attribution is Attribution.PENDING


def test_the_clouds_clock_is_its_own() -> None:
    """An entry of ten minutes ahead is that of a clock which is ten minutes ahead, and not otherwise."""
    ahead = replace(ENTRY, time=seconds(603))
    assert made(CHANGE, ahead, ahead=600).attribution is Attribution.COMPLETE
    assert made(CHANGE, ahead).attribution is Attribution.PENDING


def test_two_edits_between_two_readings_have_two_authors() -> None:
    """Each edit has its own; what is known already stays while the other one is waited for."""
    change = replace(CHANGE, difference=Difference((DELETED, CREATED)))
    half = made(change, ENTRY)
    assert (half.attribution, half.why) == (Attribution.PENDING, "the audit log has no entry for dns yet")
    other = replace(
        ENTRY, id="id-2", principal="eve@example.com", method="v1.compute.firewalls.insert", resource="x/firewalls/dns"
    )
    whole = made(half, other)
    assert [e.by[0].principal for e in whole.difference.edits] == ["dana@example.com", "eve@example.com"]
    assert whole.attribution is Attribution.COMPLETE


def test_several_calls_on_one_rule_are_all_kept_the_latest_last() -> None:
    """Deleted and made anew within one poll is a change by two calls."""
    change = replace(CHANGE, difference=Difference((replace(DELETED, deed=Deed.CHANGED),)))
    again = replace(
        ENTRY, id="id-2", time=seconds(4), method="v1.compute.firewalls.insert", principal="eve@example.com"
    )
    assert made(change, again, ENTRY).difference.edits[0].by == (ENTRY, again)


def test_after_a_while_it_is_said_that_nobody_knows() -> None:
    """The log is not asked for ever."""
    found = made(CHANGE, at=5 + PATIENCE.total_seconds())
    assert (found.attribution, found.why) == (
        Attribution.MISSING,
        "the audit log has no entry for web, 15 minutes later",
    )


def test_a_log_that_cannot_be_read_says_why() -> None:
    """The missing permission, not that there was no entry."""
    found = attribute(CHANGE, (), NOTHING, (), seconds(6), "may not be read")
    assert (found.attribution, found.why) == (Attribution.PENDING, "may not be read")


@pytest.mark.parametrize("kind", ["networkFirewallPolicies", "regionNetworkFirewallPolicies", "firewallPolicies"])
def test_rules_of_policies_are_called_upon_by_their_policy(kind: str) -> None:
    """All three kinds of policies call their resources firewallPolicies."""
    edit = Edit("policy:p/10", Deed.DELETED, "p/10 deleted", "firewallPolicies/p")
    entry = replace(ENTRY, method=f"v1.compute.{kind}.removeRule", resource="projects/x/global/firewallPolicies/p")
    assert made(replace(CHANGE, difference=Difference((edit,))), entry).attribution is Attribution.COMPLETE
