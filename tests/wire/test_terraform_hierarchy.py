"""Hierarchical policies in a plan: where they apply, which is asked first, and where nobody can tell.

The plans are hand-written, as tests/terraform.py says. Numbers of policies are the API's, so that of a new one is known after apply.
"""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.wire.terraform_hierarchy import Hierarchy
from pathcheck.wire.terraform_plan import changed
from pathcheck.wire.terraform_resources import plan_of
from tests.recordings import PROJECT, Raw
from tests.terraform import change, decided, explained, in_state, plan, policy_rule, reference, told, written
from tests.wire.test_terraform_associations import ALLOWED, before
from tests.wire.test_terraform_policies import API_RULE

HAND_ON: Raw = {**API_RULE, "action": "goto_next"}
TOP = "google_compute_firewall_policy"
ORGANIZATION = "organizations/1"


def hierarchical(name: str, *rules: Raw) -> Raw:
    return {"name": name, "displayName": f"policy {name}", "type": "HIERARCHY", "rules": list(rules)}


def attached(policy_name: str | None, target: str, name: str = "a") -> Raw:
    """A google_compute_firewall_policy_association."""
    values = {"name": name, "attachment_target": target, "firewall_policy": policy_name}
    return {key: value for key, value in values.items() if value is not None}


def top_rule(priority: int, **more: Any) -> Raw:
    """A rule of a hierarchical policy; its policy is by reference where none is said."""
    values = policy_rule(priority) | more
    return {
        key: value for key, value in values.items() if key != "project" and (key != "firewall_policy" or key in more)
    }


def new_on_top(target: str, *more: Raw, state: list[Raw] | None = None) -> Raw:
    """A hierarchical policy, its rule and its association, all made by the plan."""
    meant = reference(f"{TOP}.new.name")
    policy_values = {"short_name": "no-dns", "parent": ORGANIZATION}
    link = attached(None, target)
    resources = [
        written(f"{TOP}.new", **policy_values),
        written(f"{TOP}_rule.new", **top_rule(1), firewall_policy=meant),
        written(f"{TOP}_association.new", **link, firewall_policy=meant),
    ]
    return plan(
        change(f"{TOP}.new", "create", None, policy_values, {"name": True, "id": True}),
        change(f"{TOP}_rule.new", "create", None, top_rule(1), {"firewall_policy": True}),
        change(f"{TOP}_association.new", "create", None, link, {"firewall_policy": True}),
        *more,
        root={"resources": resources},
        state=state,
    )


IN_FOLDER = [
    in_state("google_project.p", project_id=PROJECT, folder_id="22"),
    in_state("data.google_folder.low", name="folders/22", parent="folders/2"),
    in_state("google_folder.high", name="folders/2", parent=ORGANIZATION),
]
NEW_RULE = (f"policy:{TOP}.new/1",)
PASSES = hierarchical("7", {**API_RULE, "action": "allow"})


@pytest.mark.parametrize(
    ("target", "decider"),
    [(ORGANIZATION, NEW_RULE), ("folders/2", NEW_RULE), ("folders/22", NEW_RULE), ("folders/3", ALLOWED)],
)
def test_a_hierarchical_policy_where_the_hierarchy_is_known(target: str, decider: tuple[str, ...]) -> None:
    """It applies below the organization or folder with which it is associated, and nowhere else."""
    planned = new_on_top(target, state=IN_FOLDER)
    assert (decided(before(), planned), told(before(), planned)) == (decider, ())


def test_a_hierarchical_policy_that_may_not_be_above() -> None:
    """A recording does not say in which organization and folders its projects are."""
    doubt = f"whether {ORGANIZATION} is above project {PROJECT} is not known"
    assert told(before(), new_on_top(ORGANIZATION)) == (f"{TOP}_association.new: {doubt}",)
    found = explained(before(), new_on_top(ORGANIZATION))
    assert found.decided_by == (f"undecided:policy:{TOP}.new/1",)
    assert found.why.endswith(doubt)


def test_what_is_recorded_shows_what_is_above() -> None:
    """A policy that applies, and is associated with one folder only, proves that folder to be above; the new one takes its place."""
    was = attached("7", "folders/2", "old")
    there = before(hierarchical("6", HAND_ON), PASSES)
    planned = new_on_top("folders/2", change(f"{TOP}_association.old", "delete", was))
    assert (decided(there, planned), told(there, planned)) == (NEW_RULE, ())
    names = [p["name"] for p in changed(there, planned)[0]["effectiveFirewalls"][0]["answer"]["firewallPolicys"]]
    assert names == ["6", f"{TOP}.new"]


def test_an_association_that_is_handed_over() -> None:
    """Of hierarchical ones the policy may be changed in place: one goes, the other stands where it was."""
    meant = reference(f"{TOP}.new.name")
    entry = change(
        f"{TOP}_association.it",
        "update",
        attached("7", "folders/2"),
        attached(None, "folders/2"),
        {"firewall_policy": True},
    )
    planned = new_on_top("folders/3", entry, state=IN_FOLDER)
    planned["configuration"]["root_module"]["resources"].append(written(f"{TOP}_association.it", firewall_policy=meant))
    there = before(hierarchical("6", HAND_ON), PASSES, hierarchical("8", {**API_RULE, "action": "allow"}))
    assert (decided(there, planned), told(there, planned)) == (NEW_RULE, ())
    names = [p["name"] for p in changed(there, planned)[0]["effectiveFirewalls"][0]["answer"]["firewallPolicys"]]
    assert names == ["6", f"{TOP}.new", "8"]


def test_two_that_are_handed_over_at_once() -> None:
    """Each stands where its predecessor stood."""
    entries = [
        change(f"{TOP}_association.{to}", "update", attached(was, target), attached(to, target))
        for was, to, target in (("7", "70", "folders/2"), ("6", "60", ORGANIZATION))
    ]
    known = [in_state(f"{TOP}.p{number}", name=number, short_name=f"p{number}") for number in ("60", "70")]
    there = before(hierarchical("6"), hierarchical("7"), hierarchical("8"))
    planned = plan(*entries, state=[*known, *IN_FOLDER])
    names = [p["name"] for p in changed(there, planned)[0]["effectiveFirewalls"][0]["answer"]["firewallPolicys"]]
    assert (names, told(there, planned)) == (["60", "70", "8"], ())


@pytest.mark.parametrize(
    ("target", "first"), [(ORGANIZATION, NEW_RULE), ("folders/22", ("policy:7/10",))], ids=["above", "below"]
)
def test_the_order_of_hierarchical_policies(target: str, first: tuple[str, ...]) -> None:
    """The organization's first, then those of its folders on the way down."""
    where = in_state(f"{TOP}_association.old", **attached("7", "folders/2"))
    planned = new_on_top(target, state=[*IN_FOLDER, where])
    assert (decided(before(PASSES), planned), told(before(PASSES), planned)) == (first, ())


def test_a_place_among_hierarchical_policies_that_is_not_known() -> None:
    """Of the one that is recorded nobody knows whose it is."""
    planned = new_on_top("folders/22", state=IN_FOLDER)
    doubt = "which hierarchical policies are asked before that of folders/22 is not known"
    assert told(before(PASSES), planned) == (f"{TOP}_association.new: {doubt}",)
    assert decided(before(PASSES), planned) == (f"undecided:policy:{TOP}.new/1",)


DENIES = hierarchical("7", API_RULE)


@pytest.mark.parametrize(
    ("changes", "state", "decider", "sentences"),
    [
        ([change(f"{TOP}_association.it", "delete", attached("7", "folders/2"))], [], ALLOWED, 0),
        ([change(f"{TOP}_association.it", "delete", attached("7", "folders/9"))], IN_FOLDER, ("policy:7/10",), 0),
        ([change(f"{TOP}_association.it", "forget", attached("7", "folders/2"))], [], ("policy:7/10",), 0),
        ([change(f"{TOP}.it", "delete", {"name": "7", "short_name": "x"})], [], ALLOWED, 0),
        (
            [change(f"{TOP}_association.it", "delete", attached("7", "folders/2"))],
            [*IN_FOLDER, in_state(f"{TOP}_association.b", **attached("7", ORGANIZATION))],
            ("policy:7/10",),
            0,
        ),
        (
            [change(f"{TOP}_association.it", "delete", attached("7", "folders/2"))],
            [in_state(f"{TOP}_association.b", **attached("7", "folders/3"))],
            ("undecided:policy:7/10",),
            1,
        ),
    ],
)  # fmt: skip
def test_a_hierarchical_policy_that_goes(
    changes: list[Raw], state: list[Raw], decider: tuple[str, ...], sentences: int
) -> None:
    """Everywhere where it applied, unless it is associated with something else above as well; where that is not known, it may stay."""
    planned = plan(*changes, state=state)
    assert (decided(before(DENIES), planned), len(told(before(DENIES), planned))) == (decider, sentences)


UNSAID = (f"{TOP}_association.it: with what it associates the policy is not known before apply",)


def test_a_folder_that_the_plan_makes() -> None:
    """No recorded project is in it; one that nobody knows is said."""
    folder = change("google_folder.new", "create", None, {"display_name": "x", "parent": ORGANIZATION}, {"name": True})
    values = {"name": "a", "firewall_policy": "7"}
    entry = change(f"{TOP}_association.it", "create", None, values, {"attachment_target": True})
    for expression, sentences in (
        (reference("google_folder.new.name"), ()),
        (reference("google_project.new.name"), UNSAID),
        (reference("local.folder"), UNSAID),
    ):
        root = {"resources": [written(f"{TOP}_association.it", **values, attachment_target=expression)]}
        project = change("google_project.new", "create", None, {"project_id": "x", "name": "x"})
        assert told(before(), plan(folder, project, entry, root=root)) == sentences


def test_a_target_that_is_neither_organization_nor_folder() -> None:
    """Nobody knows what that is."""
    entry = change(f"{TOP}_association.it", "create", None, attached("7", "everything"))
    assert told(before(), plan(entry)) == UNSAID


@pytest.mark.parametrize(
    ("state", "path", "holds"),
    [
        ([], [], None),
        ([in_state("google_project.p", project_id="p", org_id="1", folder_id=None)], ["organizations/1"], False),
        ([in_state("data.google_project.p", project_id="p", org_id="1", folder_id="22")], ["folders/22"], None),
        (IN_FOLDER, ["folders/22", "folders/2", ORGANIZATION], False),
        ([*IN_FOLDER[:2], in_state("google_folder.x", name="folders/2", parent="folders/22")], ["folders/22", "folders/2"], None),
    ],
    ids=["nothing", "in the organization", "in a folder", "in a folder of one", "in circles"],
)  # fmt: skip
def test_what_is_above_a_project(state: list[Raw], path: list[str], holds: bool | None) -> None:
    """From below; that something else is not above is known where all is known up to the organization."""
    projects = [
        {**r, "values": r["values"] | ({"project_id": "p"} if "project" in r["address"] else {})} for r in state
    ]
    hierarchy = Hierarchy(plan_of(plan(state=projects)).resources)
    assert hierarchy.path("p") == path
    assert [hierarchy.holds(target, "p") for target in (*path, "folders/3")] == [*[True] * len(path), holds]
