"""The recording that a plan changes: a copy, in which names are of the project that they are a name in."""

from __future__ import annotations

import pytest

from pathcheck.wire.terraform_recording import Answer, Recorded
from tests.recordings import PROJECT, Raw, recording

SHARED = "projects/host/global/networks/shared"


def shared() -> Raw:
    """A recording whose machines are in the network of a host project."""
    found = recording()
    for machine in found["instances"]:
        machine["networkInterfaces"][0]["network"] = f"https://www.googleapis.com/compute/v1/{SHARED}"
    return found


def test_it_is_a_copy() -> None:
    """What is read stays as it was."""
    before = recording()
    Recorded(before).raw["instances"][0]["tags"] = None
    assert before == recording()


@pytest.mark.parametrize(
    ("project", "ours"), [(None, True), (PROJECT, True), ("host", True), ("elsewhere", False), ({"a": 1}, False)]
)
def test_whose_it_is(project: object, ours: bool) -> None:
    """The machines' project, and the one that owns their network."""
    assert Recorded(shared()).ours(project) is ours


@pytest.mark.parametrize(
    ("text", "project", "network"),
    [
        ("default", None, (PROJECT, "default")),
        ("shared", None, ("host", "shared")),
        (SHARED, None, ("host", "shared")),
        ("shared", PROJECT, (PROJECT, "shared")),
        ("shared", "host", ("host", "shared")),
        (SHARED, PROJECT, ("host", "shared")),
        (f"https://www.googleapis.com/compute/v1/{SHARED}", PROJECT, ("host", "shared")),
    ],
)
def test_networks(text: str, project: str | None, network: tuple[str, str]) -> None:
    """A bare name in a plan is of the project that says it; in a recording it is that of the machines' network, if they are in one."""
    assert Recorded(shared()).network(text, project) == network


@pytest.mark.parametrize(
    ("raw", "identity"),
    [
        ({"name": "a", "network": SHARED}, ("host", "a")),
        ({"name": "a", "network": "default"}, (PROJECT, "a")),
        ({"name": "a"}, (PROJECT, "a")),
        (7, ("", "")),
    ],
)
def test_identities(raw: object, identity: tuple[str, str]) -> None:
    """A rule is of the project of its network."""
    assert Recorded(shared()).identity(raw) == identity


def test_answers() -> None:
    """Those that could be read; of no list at all there is one for each place in which machines are."""
    guard = {"name": "guard", "type": "NETWORK"}
    scopes = [
        {"network": "default", "region": "us-east1", "answer": {"firewallPolicys": [guard]}},
        {"network": "default", "region": "us-east2", "unavailable": "forbidden"},
        {"network": "default", "region": "us-east3", "answer": {"firewallPolicys": [7]}},
        {"network": "default", "region": "us-east4", "answer": {"firewallPolicys": [{"rules": 7}]}},
        {"network": "default", "region": "us-east5", "answer": {}},
    ]
    network = (PROJECT, "default")
    assert Recorded(recording(effectiveFirewalls=scopes)).answers() == [
        Answer(network, "us-east1", [guard]),
        Answer(network, "us-east5", []),
    ]
    assert Recorded(recording(effectiveFirewalls=[])).answers() == [Answer(network, "us-east1", [])]
    unread = recording(effectiveFirewalls=[], unavailable={"effectiveFirewalls": "forbidden"})
    assert Recorded(unread).answers() == []
