"""A Terraform plan becomes the recording as it will be; what is not known yet is never a rule without it.

The plans here are written by hand after https://developer.hashicorp.com/terraform/internals/json-format and the provider's pages;
tests/terraform.py says more.
"""

from __future__ import annotations

import pytest

from pathcheck.wire.terraform_plan import changed
from tests.recordings import PROJECT, Raw, recording, rule
from tests.terraform import change, decided, explained, firewall, plan, reference, told, written

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
    values = firewall() | {"name": None}
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
    other = change("google_project.p", "update", was | {"project_id": "x"}, was | {"project_id": "x", "folder_id": "2"})
    assert told(recording(), plan(other)) == ()


def test_sentences_stand_in_the_order_of_the_plan() -> None:
    """Whatever part of it they are about."""
    entries = [
        change("google_compute_subnetwork.a", "create", None, {}),
        change(IT, "delete", firewall()),
        change("google_compute_subnetwork.b", "create", None, {}),
    ]
    names = [sentence.partition(":")[0] for sentence in told(recording(), plan(*entries))]
    assert names == ["google_compute_subnetwork.a", IT, "google_compute_subnetwork.b"]
