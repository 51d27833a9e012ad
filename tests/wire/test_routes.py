"""Routes translated: where they lead, for whom, and what the API itself warns of."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from pathcheck.model.firewall import Problem
from pathcheck.model.machines import Route
from pathcheck.wire.routes import routed_ranges, routes_of
from tests.recordings import PROJECT, Raw, machine

API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
MACHINES = [machine("node-1", "10.142.15.205")]
PODS = ip_network("10.24.9.0/24")


def route(**changes: Any) -> Raw:
    """A route of the network `default` to the pods of node-1."""
    return {"name": "r", "network": f"{API}/global/networks/default", "destRange": "10.24.9.0/24"} | changes


def translated(*raw: Any, **changes: Any) -> tuple[tuple[tuple[Route, ...], bool], list[Problem]]:
    """Routes, whether these are all, and what could not be read."""
    problems: list[Problem] = []
    unavailable = changes.get("unavailable", {})
    return routes_of({"routes": list(raw)} | changes, unavailable, MACHINES, PROJECT, problems), problems


@pytest.mark.parametrize(
    ("changes", "becomes"),
    [
        ({"nextHopInstance": f"{API}/zones/us-east1-b/instances/node-1"}, {"instance": "us-east1-b/node-1"}),
        ({"nextHopInstance": f"{API}/zones/us-east1-b/instances/gone"}, {"instance": "us-east1-b/gone"}),
        ({"nextHopIp": "10.142.15.205", "priority": 0}, {"instance": "us-east1-b/node-1", "priority": 0}),
        ({"nextHopIp": "10.142.15.9"}, {"hop": "nextHopIp 10.142.15.9"}),
        (
            {"nextHopGateway": f"{API}/global/gateways/g", "tags": ["t"]},
            {"hop": "nextHopGateway g", "tags": frozenset("t")},
        ),
        ({"nextHopIlb": f"{API}/regions/r/forwardingRules/lb"}, {"hop": "nextHopIlb lb"}),
        ({"nextHopPeering": "peer", "nextHopMed": 3, "nextHopOrigin": "IGP"}, {"hop": "nextHopPeering peer"}),
        ({"nextHopFuture": "somewhere"}, {"hop": "nextHopFuture somewhere"}),
        ({"warnings": [{"code": "NEXT_HOP_INSTANCE_NOT_FOUND"}]}, {"trouble": "NEXT_HOP_INSTANCE_NOT_FOUND"}),
        ({"warnings": [{"code": "X"}], "routeStatus": "DROPPED"}, {"trouble": "X, DROPPED"}),
        ({"routeStatus": "ACTIVE"}, {}),
    ],
)
def test_a_route(changes: Raw, becomes: dict[str, Any]) -> None:
    """Its next hop is a machine, by name or by its primary address in that network, or whatever else the API says."""
    assert translated(route(**changes)) == (((Route("r", "default", PODS, **becomes),), True), [])


def test_an_address_of_another_network_is_no_machine_of_ours() -> None:
    """Addresses repeat from network to network."""
    other = route(network=f"{API}/global/networks/other", nextHopIp="10.142.15.205")
    assert translated(other) == (((Route("r", "other", PODS, hop="nextHopIp 10.142.15.205"),), True), [])


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (7, Problem("routes[0]", "is no route")),
        (route(destRange="10/8"), Problem("r", "destRange: '10/8' does not appear to be an IPv4 or IPv6 network")),
        (route(priority="low"), Problem("r", "priority: 'low' is no number")),
        (route(tags="t"), Problem("r", "tags: must be a list of texts that can be printed")),
        (route(warnings=[7]), Problem("r", "warnings: must be an object")),
    ],
)
def test_a_route_that_cannot_be_read(raw: Any, problem: Problem) -> None:
    """The others are kept, and nobody takes them for all."""
    found, problems = translated(raw, route())
    assert (found, problems) == (((Route("r", "default", PODS),), False), [problem])


def test_routes_that_were_not_read() -> None:
    """What is missing is not none."""
    assert translated(unavailable={"routes": "no permission"}) == (((), False), [])
    assert routes_of({}, {}, [], PROJECT, []) == ((), False)


def test_what_routes_deliver() -> None:
    """To each machine its ranges, but never the whole internet."""
    routes = [
        Route("pods", "default", PODS, instance="z/node-1"),
        Route("nat", "default", ip_network("0.0.0.0/0"), instance="z/nat"),
        Route("out", "default", ip_network("10.0.0.0/8"), hop="nextHopVpnTunnel t"),
    ]
    assert routed_ranges(routes) == {"z/node-1": [("default", PODS)]}
