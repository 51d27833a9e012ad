"""How a change is told, to whom, and when."""

from __future__ import annotations

from dataclasses import replace

from pathcheck.core.checks.recount import last_change, sentence, waits, who
from pathcheck.model.drift import Affected, Attribution, Deed, Difference, Edit, Entry, FirewallChange
from pathcheck.model.findings import LastChange
from tests.builders import seconds

CALL = Entry("1", seconds(3), "dana@example.com", "v1.compute.firewalls.delete", "firewalls/web", "gcloud")
EDIT = Edit("firewall:web", Deed.DELETED, "web deleted (admitted tcp/80 from 0.0.0.0/0)", "firewalls/web", (CALL,))
LINE = "0.0.0.0/0 → tcp/80 on machines tagged web: no longer permitted"
CHANGE = FirewallChange(
    7,
    "a",
    "b",
    seconds(0),
    seconds(5.5),
    Difference((EDIT,), (LINE,)),
    (Affected("kube-dns", 4, 0),),
    Attribution.COMPLETE,
)
PENDING = replace(
    CHANGE,
    difference=Difference((replace(EDIT, by=()),), (LINE,)),
    attribution=Attribution.PENDING,
    why="the audit log has no entry for web yet",
)
TOLD = LastChange(
    7,
    seconds(5),
    "dana@example.com",
    "web deleted (admitted tcp/80 from 0.0.0.0/0) by dana@example.com at 2026-01-26 12:00:03 UTC with gcloud: " + LINE,
    4,
    0,
)


def test_a_check_is_told_the_latest_change_that_flips_it() -> None:
    """What, by whom, when and with which program; what it closes; how many of the flows."""
    other = replace(CHANGE, number=8, noticed=seconds(9), affected=(Affected("web", 1, 0),))
    assert last_change("kube-dns", (CHANGE, other), None, seconds(20)) == TOLD
    assert last_change("nobody", (CHANGE, other), None, seconds(20)) is None


def test_a_name_is_waited_for_a_moment_and_no_longer() -> None:
    """Without one after ten seconds it is told that nobody knows yet; the check looks again until then."""
    assert last_change("kube-dns", (PENDING,), None, seconds(15)) is None
    assert waits("kube-dns", (PENDING,), seconds(15))
    told = last_change("kube-dns", (PENDING,), None, seconds(15.5))
    assert told is not None
    assert (told.who, told.sentence) == (
        "",
        "web deleted (admitted tcp/80 from 0.0.0.0/0) (by whom is not known: the audit log has no entry for web yet): "
        + LINE,
    )
    assert not waits("kube-dns", (PENDING,), seconds(15.5))


def test_what_was_told_stays_when_the_history_has_forgotten_it() -> None:
    """The history is bounded, a status is not shortened by that; nor does an earlier change take a later one's place."""
    assert last_change("kube-dns", (), TOLD, seconds(20)) == TOLD
    later = replace(TOLD, number=9, noticed=seconds(60))
    assert last_change("kube-dns", (CHANGE,), later, seconds(70)) == later


def test_everybody_who_had_a_hand_in_it_is_named_once() -> None:
    """The latest caller of each edit."""
    eve = replace(CALL, id="2", principal="eve@example.com")
    edits = (EDIT, replace(EDIT, by=(CALL, eve)), replace(EDIT, by=()))
    assert who(replace(CHANGE, difference=Difference(edits))) == "dana@example.com, eve@example.com"


def test_many_edits_are_counted() -> None:
    """Three are told, the rest is a number, those that were not even kept included."""
    many = replace(CHANGE, difference=Difference((replace(EDIT, by=()),) * 5, edits_beyond=2))
    assert sentence(many).endswith("; 4 more edits")
