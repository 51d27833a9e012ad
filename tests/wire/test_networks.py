"""Networks translated: the order in which their policies are asked, and their peers."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.model.firewall import Problem
from pathcheck.model.machines import Network
from pathcheck.wire.networks import networks_of

HOST = "https://www.googleapis.com/compute/v1/projects/host/global/networks/"


def translated(*raw: Any) -> tuple[tuple[Network, ...], list[Problem]]:
    """As seen from project `p`, with what could not be read."""
    problems: list[Problem] = []
    return networks_of(raw, (), "p", problems), problems


@pytest.mark.parametrize(
    ("order", "before_classic"),
    [
        ({}, False),
        ({"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"}, False),
        ({"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}, True),
    ],
)
def test_a_network_says_when_its_policies_are_asked(order: dict[str, str], before_classic: bool) -> None:
    """After the VPC rules, unless it says otherwise."""
    assert translated({"name": "n"} | order) == ((Network("n", before_classic),), [])


@pytest.mark.parametrize("order", ["SIDEWAYS", 7, ["BEFORE_CLASSIC_FIREWALL"]])
def test_an_order_that_nobody_knows(order: Any) -> None:
    """It is a problem and taken for neither."""
    why = f"networkFirewallPolicyEnforcementOrder: {order!r} is not known to this version"
    found = translated({"name": "n", "networkFirewallPolicyEnforcementOrder": order})
    assert found == ((Network("n", None),), [Problem("n", why)])


def test_peers_and_owners() -> None:
    """Active peers only; a network of another project keeps its path."""
    peerings = [
        {"name": "a", "network": f"{HOST}there", "state": "ACTIVE"},
        {"name": "b", "network": "projects/p/global/networks/here"},
        {"name": "c", "network": f"{HOST}gone", "state": "INACTIVE"},
    ]
    raw = {"name": "shared", "selfLink": f"{HOST}shared", "peerings": peerings}
    peers = frozenset({"projects/host/global/networks/there", "here"})
    assert translated(raw) == ((Network("projects/host/global/networks/shared", False, peers),), [])


def test_what_is_no_network() -> None:
    """It is said, and the others are read."""
    assert translated(7, {"name": "n", "peerings": 7}) == (
        (Network("n", False),),
        [Problem("networks[0]", "is no network"), Problem("n", "peerings: must be a list")],
    )
