"""Instances translated: what decides packets at a machine beside its addresses and tags."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from pathcheck.model.firewall import Problem
from pathcheck.model.machines import Instance, Interface
from tests.recordings import NODE_ACCOUNT, NODE_TAG, PROJECT, Raw, firewall, machine


def the_machine(raw: Raw, **changes: Any) -> Instance:
    """What becomes of one instance."""
    (found,) = firewall(instances=[raw], **changes).instances
    return found


def expected(**changes: Any) -> Instance:
    """`machine("m", "10.0.0.1")`, translated."""
    nic = Interface("nic0", "default", "us-east1", (ip_network("10.0.0.1/32"),))
    fields: dict[str, Any] = {"interfaces": (nic,), "tags": frozenset({NODE_TAG})}
    return Instance("m", "us-east1-b", **fields | {"service_accounts": frozenset({NODE_ACCOUNT})} | changes)


@pytest.mark.parametrize(
    ("changes", "becomes"),
    [
        ({}, {}),
        ({"status": "RUNNING", "canIpForward": False}, {"can_ip_forward": False}),
        ({"status": "TERMINATED"}, {"running": False}),
        ({"canIpForward": True}, {"can_ip_forward": True}),
    ],
)
def test_whether_it_runs_and_forwards(changes: Raw, becomes: dict[str, Any]) -> None:
    """A recording that does not say so shows a running machine that forwards nothing."""
    assert the_machine(machine("m", "10.0.0.1", **changes)) == expected(**becomes)


@pytest.mark.parametrize(
    ("changes", "tags"),
    [
        ({"secureTagBindings": {"m": ["tagValues/1", "tagValues/2"]}}, frozenset({"tagValues/1", "tagValues/2"})),
        ({"secureTagBindings": {"us-east1-b/m": ["tagValues/1"], "m": []}}, frozenset({"tagValues/1"})),
        ({"secureTagBindings": {"other": ["tagValues/1"]}}, frozenset()),
        ({"secureTagBindings": {"m": None}}, None),
        ({"secureTagBindings": None}, None),
        ({"unavailable": {"secureTagBindings": "no permission"}}, None),
        ({"secureTagBindings": {"m": "tagValues/1"}}, None),
        ({"secureTagBindings": []}, None),
    ],
)
def test_secure_tags(changes: Raw, tags: frozenset[str] | None) -> None:
    """Of an instance that is not listed there are none; where the list is missing or wrong, nobody knows."""
    assert the_machine(machine("m", "10.0.0.1"), **changes) == expected(secure_tags=tags)


@pytest.mark.parametrize(
    ("bindings", "problem"),
    [
        ({"m": "t"}, Problem("secureTagBindings", "m: must be a list of texts that can be printed")),
        (7, Problem("secureTagBindings", "maps an instance to its tags")),
    ],
)
def test_wrong_bindings_are_a_problem(bindings: Any, problem: Problem) -> None:
    """It names the instance."""
    assert firewall(secureTagBindings=bindings).problems == (problem,)


def test_a_flag_that_is_none() -> None:
    """Nothing but its name is left of the machine, and it is said why."""
    fw = firewall(instances=[machine("m", "10.0.0.1", canIpForward="yes")])
    why = "canIpForward: must be true or false; what it sends and receives is undetermined"
    assert (fw.instances, fw.problems) == ((Instance("m", "us-east1-b", ()),), (Problem("m", why),))


def test_a_route_delivers_to_the_interface_in_its_network() -> None:
    """A machine has at most one interface in each network."""
    raw = machine("m", "10.0.0.1", [{"network": "inner", "networkIP": "10.9.0.1"}])
    route = {
        "name": "r",
        "destRange": "10.24.9.0/24",
        "network": f"projects/{PROJECT}/global/networks/inner",
        "nextHopInstance": "zones/us-east1-b/instances/m",
    }
    found = the_machine(raw, routes=[route])
    assert [nic.routed_ranges for nic in found.interfaces] == [(), (ip_network("10.24.9.0/24"),)]
