"""core/ways/route.py: what is wrong with the way, whatever the firewall says."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from pathcheck.core.rules.predict import predict
from pathcheck.core.ways.route import route_troubles, with_routes
from pathcheck.model.firewall import Firewall, Obstacle
from pathcheck.model.words import Direction, Reason
from tests.recordings import PROJECT, asked, firewall, machine, rule

API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
RANGES = (ip_network("10.24.9.0/24"), ip_network("10.24.12.0/24"))
FLOW = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
DEFAULT = {"name": "out", "destRange": "0.0.0.0/0", "nextHopGateway": f"{API}/global/gateways/default-internet-gateway"}


def route(name: str, to: str, instance: str = "", **more: Any) -> dict[str, Any]:
    """A static route, to an instance or to what else is said."""
    hop = {"nextHopInstance": f"{API}/zones/us-east1-b/instances/{instance}"} if instance else {}
    return {"name": name, "network": f"{API}/global/networks/default", "destRange": to, "priority": 1000} | hop | more


TWO = [route("to-node-1", "10.24.9.0/24", "node-1"), route("to-node-2", "10.24.12.0/24", "node-2")]


def read(*routes: dict[str, Any], **changes: Any) -> Firewall:
    """The story's machines and these routes."""
    return firewall(rule("a"), routes=[DEFAULT, *routes], **changes)


def instances(**changes: Any) -> list[dict[str, Any]]:
    """node-1 with these changes, and node-2."""
    return [machine("node-1", "10.142.15.205", **changes), machine("node-2", "10.142.15.206")]


def trouble(read: Firewall, ranges: Any = RANGES) -> tuple[Obstacle, ...]:
    """For the one flow from node-2 to node-1."""
    return route_troubles(FLOW, read, ranges)


def test_routes_that_serve() -> None:
    """Each pod range has its route to its machine, which forwards and runs; by instance or by its primary address."""
    assert trouble(read(*TWO)) == ()
    assert trouble(read(TWO[1], route("to-node-1", "10.24.9.0/24", nextHopIp="10.142.15.205"))) == ()
    assert trouble(read(TWO[1], route("to-node-1", "10.24.0.0/14", "node-1"))) == ()


@pytest.mark.parametrize(
    ("routes", "machines", "name", "reason", "sentence"),
    [
        (
            [TWO[1]],
            {},
            "route:missing:10.24.9.0/24",
            Reason.NO_ROUTE_TO_POD_RANGE,
            "packets to 10.24.9.0/24 do not reach node-1: no route and no alias range delivers them there",
        ),
        (
            [TWO[1], route("to-vpn", "10.0.0.0/8", nextHopVpnTunnel=f"{API}/regions/us-east1/vpnTunnels/office")],
            {},
            "route:missing:10.24.9.0/24",
            Reason.NO_ROUTE_TO_POD_RANGE,
            "packets to 10.24.9.0/24 do not reach node-1: no route and no alias range delivers them there; "
            "they take route to-vpn to office",
        ),
        (
            [TWO[1], route("to-node-1", "10.24.9.0/24", "node-2")],
            {},
            "route:missing:10.24.9.0/24",
            Reason.NO_ROUTE_TO_POD_RANGE,
            "packets to 10.24.9.0/24 do not reach node-1: no route and no alias range delivers them there; "
            "they take route to-node-1 to node-2",
        ),
        (
            [*TWO, route("narrow", "10.24.9.0/25", "node-2")],
            {},
            "route:narrow",
            Reason.ROUTE_SHADOWED,
            "packets to 10.24.9.0/24 do not reach node-1: route narrow (10.24.9.0/25, priority 1000) leads to node-2 "
            "and goes before route to-node-1",
        ),
        (
            [*TWO, route("eager", "10.24.9.0/24", "node-2", priority=999)],
            {},
            "route:eager",
            Reason.ROUTE_SHADOWED,
            "packets to 10.24.9.0/24 do not reach node-1: route eager (10.24.9.0/24, priority 999) leads to node-2 "
            "and goes before route to-node-1",
        ),
        (
            [*TWO, route("twin", "10.24.9.0/24", "node-2")],
            {},
            "route:twin",
            Reason.ROUTE_SHADOWED,
            "packets to 10.24.9.0/24 do not all reach node-1: route twin (10.24.9.0/24, priority 1000) leads to node-2 "
            "and ties with route to-node-1",
        ),
        (
            TWO,
            {"canIpForward": False},
            "route:to-node-1",
            Reason.ROUTE_NEXT_HOP_NOT_FORWARDING,
            "packets to 10.24.9.0/24 are dropped: route to-node-1 leads to node-1, which may not take what is not for its own "
            "address (canIpForward is false)",
        ),
        (
            TWO,
            {"status": "TERMINATED"},
            "route:to-node-1",
            Reason.ROUTE_BLACKHOLED,
            "packets to 10.24.9.0/24 are dropped: route to-node-1 leads to node-1, which is not running",
        ),
        (
            [TWO[1], route("to-node-1", "10.24.9.0/24", "gone")],
            {},
            "route:to-node-1",
            Reason.ROUTE_BLACKHOLED,
            "packets to 10.24.9.0/24 are dropped: route to-node-1 leads to gone, which does not exist",
        ),
        (
            [TWO[1], route("to-node-1", "10.24.9.0/24", nextHopIp="10.24.9.1")],
            {},
            "route:to-node-1",
            Reason.ROUTE_BLACKHOLED,
            "packets to 10.24.9.0/24 are dropped: route to-node-1 leads to 10.24.9.1, which is no machine's primary address",
        ),
        (
            [TWO[1], route("to-node-1", "10.24.9.0/24", "node-1", warnings=[{"code": "NEXT_HOP_NOT_RUNNING"}])],
            {},
            "route:to-node-1",
            Reason.ROUTE_BLACKHOLED,
            "packets to 10.24.9.0/24 are dropped: route to-node-1 leads to node-1, and the cloud warns of it: NEXT_HOP_NOT_RUNNING",
        ),
    ],
)
def test_troubles(
    routes: list[dict[str, Any]], machines: dict[str, Any], name: str, reason: Reason, sentence: str
) -> None:
    """Each way of going wrong has its reason, names the route and the range, and says where the packets go."""
    found = trouble(read(*routes, instances=instances(**machines)))
    assert found == (Obstacle(name, "route", Direction.INGRESS, sentence, reason),)


def test_the_way_back() -> None:
    """Replies need a route to the sender's pod range; without it the flow dies as well."""
    (found,) = trouble(read(TWO[0]))
    assert (found.name, found.direction) == ("route:missing:10.24.12.0/24", Direction.EGRESS)


def test_alias_ranges_need_no_route() -> None:
    """The cloud makes the routes of primary addresses and alias ranges itself."""
    nic = {"aliasIpRanges": [{"ipCidrRange": "10.24.9.0/24"}]}
    alias = machine("node-1", "10.142.15.205", canIpForward=False)
    alias["networkInterfaces"][0] |= nic
    assert trouble(read(TWO[1], instances=[alias, machine("node-2", "10.142.15.206")])) == ()
    between_nodes = asked("10.142.15.206@node-2", "10.142.15.205@node-1", "udp/8472")
    assert route_troubles(between_nodes, read(), RANGES) == ()


def test_tags() -> None:
    """A route with tags is for senders with one of them only."""
    others = route("tagged", "10.24.9.0/25", "node-2", tags=["vpn-client"])
    assert trouble(read(*TWO, others)) == ()
    own = route("to-node-1", "10.24.9.0/24", "node-1", tags=["vpn-client"])
    assert [o.reason for o in trouble(read(TWO[1], own))] == [Reason.NO_ROUTE_TO_POD_RANGE]


def test_nothing_is_claimed_where_it_is_not_known() -> None:
    """Routes that were not read, machines that are not recorded, other networks, and one machine with itself."""
    unread = firewall(rule("a"), routes=[], unavailable={"routes": "403"})
    assert trouble(unread) == ()
    assert route_troubles(asked("10.24.12.40@node-9", "10.24.9.31@node-8", "udp/53"), read(), RANGES) == ()
    elsewhere = machine("node-2", "10.142.15.206")
    elsewhere["networkInterfaces"][0]["network"] = f"{API}/global/networks/other"
    assert trouble(read(instances=[instances()[0], elsewhere])) == ()
    assert route_troubles(asked("10.24.9.30@node-1", "10.24.9.31@node-1", "udp/53"), read(), RANGES) == ()


def test_an_address_of_a_subnet_is_a_pods_only_if_somebody_says_so() -> None:
    """A load balancer's address is in a subnet too, and on no machine; a pod's range of which the alias is gone is named."""
    subnet = route("subnet", "10.24.0.0/14", nextHopNetwork=f"{API}/global/networks/default")
    assert trouble(read(subnet), ranges=()) == ()
    assert [o.name for o in trouble(read(subnet))] == ["route:missing:10.24.9.0/24", "route:missing:10.24.12.0/24"]


def test_without_pod_ranges_the_address_is_named() -> None:
    """Offline nobody says which range a pod's address is from."""
    assert [o.name for o in trouble(read(TWO[1]), ranges=())] == ["route:missing:10.24.9.31/32"]


def test_a_prediction_keeps_its_word() -> None:
    """Routes are one more obstacle, behind the firewall's own; the prediction is the firewall's."""
    whole, broken = read(*TWO), read(TWO[1])
    said = predict(FLOW, broken)
    assert with_routes(predict(FLOW, whole), FLOW, whole, RANGES) == predict(FLOW, whole)
    assert with_routes(said, FLOW, broken, RANGES) == replace(said, obstacles=trouble(broken))


def test_many_routes() -> None:
    """Each address finds its own route among those of many nodes."""
    routes = [route(f"r{i}", f"10.{24 + i // 256}.{i % 256}.0/24", f"node-{1 + i % 2}") for i in range(600)]
    whole = read(*routes, instances=instances())
    assert route_troubles(asked("10.24.1.5@node-2", "10.25.2.9@node-1", "udp/53"), whole) == ()
    (found,) = route_troubles(asked("10.24.1.5@node-2", "10.25.3.9@node-1", "udp/53"), whole)
    assert found.sentence.endswith("they take route r259 to node-2")
