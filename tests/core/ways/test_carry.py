"""core/ways/carry.py and core/ways/datapath.py: what the firewall sees of a flow between pods."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from pathcheck.core.checks.plan import plan
from pathcheck.core.ways.carry import carry, on_the_wire, senders
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.model.datapath import Datapath, Kind, Masquerade, Shown, Way
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.words import Vantage
from tests.builders import TO_KUBE_DNS, check, flow, kube_dns, l4, node, nodes, pods
from tests.recordings import firewall, machine, rule

FIREWALL = firewall(rule("a"))
NODES = nodes()
DNS = flow("node-2", "node-1")
NODE_1, NODE_2 = "10.142.15.205", "10.142.15.206"
VXLAN = Datapath(Kind.VXLAN, 8472, evidence="DaemonSet kube-flannel-ds", masquerade=Masquerade((), True))
NATIVE = Datapath(Kind.NATIVE, masquerade=Masquerade())


def end(address: str, name: str, vantage: Vantage | None = Vantage.HOST) -> Endpoint:
    """An end on the machine of this name."""
    return Endpoint(ip_address(address), name, vantage, name if name in NODES else None)


def outer(traffic: str) -> Flow:
    """From node-2 to node-1."""
    return Flow(end(NODE_2, "node-2"), end(NODE_1, "node-1"), l4(traffic))


@pytest.mark.parametrize(
    ("datapath", "traffic", "carried"),
    [
        (VXLAN, "udp/8472", "udp/8472 from 10.142.15.206 to 10.142.15.205 (VXLAN, seen in DaemonSet kube-flannel-ds)"),
        (
            Datapath(Kind.GENEVE, 6081, evidence="DaemonSet antrea-agent"),
            "udp/6081",
            "udp/6081 from 10.142.15.206 to 10.142.15.205 (Geneve, seen in DaemonSet antrea-agent)",
        ),
        (
            Datapath(Kind.IPIP, evidence="DaemonSet calico-node"),
            "ipip",
            "ipip from 10.142.15.206 to 10.142.15.205 (IP in IP, seen in DaemonSet calico-node)",
        ),
        (
            Datapath(Kind.WIREGUARD, 51871, evidence="PATHCHECK_DATAPATH"),
            "udp/51871",
            "udp/51871 from 10.142.15.206 to 10.142.15.205 (WireGuard, seen in PATHCHECK_DATAPATH)",
        ),
    ],
)
def test_overlays(datapath: Datapath, traffic: str, carried: str) -> None:
    """What pods send each other travels between their nodes, and the firewall sees nothing else."""
    assert carry(DNS, datapath, NODES, FIREWALL) == Way((outer(traffic),), carried=carried)


def test_native() -> None:
    """Pods' own addresses, and nothing to be said."""
    assert carry(DNS, NATIVE, NODES, FIREWALL) == Way((DNS,))


def test_within_one_node() -> None:
    """Nothing is carried anywhere, whatever the data path; and what has no address yet is left alone."""
    home = Flow(DNS.source, replace(DNS.destination, instance="node-2"), DNS.l4)
    assert carry(home, VXLAN, NODES, FIREWALL) == Way((home,))
    nowhere = replace(DNS, source=replace(DNS.source, address=ip_address(0)))
    assert carry(nowhere, VXLAN, NODES, FIREWALL) == Way((nowhere,))


@pytest.mark.parametrize(
    ("destination", "masquerade", "expected"),
    [
        ("10.142.15.205", Masquerade(), ["10.24.12.41"]),
        ("203.0.113.7", Masquerade((ip_network("10.0.0.0/8"),), True), [NODE_2]),
        ("203.0.113.7", Masquerade((), False), ["10.24.12.41"]),
        ("8.8.8.8", Masquerade(), ["10.24.12.41", NODE_2]),
        ("10.142.15.205", Masquerade((), True), [NODE_2]),
    ],
)
def test_masquerading(destination: str, masquerade: Masquerade, expected: list[str]) -> None:
    """Towards what is kept with the pod's address, elsewhere with the node's; both are asked where nobody knows."""
    to = end(destination, "somewhere", None)
    way = carry(Flow(DNS.source, to, DNS.l4), replace(NATIVE, masquerade=masquerade), NODES, FIREWALL)
    assert [str(f.source.address) for f in way.flows] == expected
    assert bool(way.doubt) == (len(expected) == 2)


def test_masquerading_is_said() -> None:
    """Who reads of a node's address wants to know why."""
    to = end("203.0.113.7", "somewhere", None)
    way = carry(Flow(DNS.source, to, DNS.l4), replace(NATIVE, masquerade=Masquerade((), True)), NODES, FIREWALL)
    assert way.carried == "udp/53 from 10.142.15.206 to 203.0.113.7 (masqueraded by the node)"


def test_host_vantage() -> None:
    """A node's own packets have its address; to pods they go through the overlay, and of WireGuard that is not known."""
    to_node = Flow(end(NODE_2, "node-2"), end(NODE_1, "node-1"), l4("tcp/443"))
    assert carry(to_node, VXLAN, NODES, FIREWALL) == Way((to_node,))
    to_pod = Flow(end(NODE_2, "node-2"), DNS.destination, DNS.l4)
    assert carry(to_pod, VXLAN, NODES, FIREWALL).flows == (outer("udp/8472"),)
    wireguard = Datapath(Kind.WIREGUARD, 51820, evidence="DaemonSet calico-node")
    assert carry(to_pod, wireguard, NODES, FIREWALL) == Way(
        (), "whether WireGuard carries what a node itself sends to pods is not known (DaemonSet calico-node)"
    )


def test_a_pod_from_another_range() -> None:
    """Who is on a node but has not its address is a pod, though spec.podCIDRs do not know it: Calico has ranges of its own."""
    backend = end("192.168.7.9", "node-1")
    assert carry(Flow(DNS.source, backend, DNS.l4), VXLAN, NODES, FIREWALL).flows == (outer("udp/8472"),)
    assert carry(Flow(DNS.source, backend, DNS.l4), NATIVE, NODES, FIREWALL) == Way(
        (Flow(DNS.source, backend, DNS.l4),)
    )


def test_between_subnets_only() -> None:
    """Nodes that share a subnet spare themselves the overlay; where nobody knows whether they do, both are asked."""
    across = replace(VXLAN, across_subnets_only=True)
    alike = NODES | {"node-2": node("node-2", subnet=ip_network("10.142.0.0/20"))}
    apart = NODES | {"node-2": node("node-2", subnet=ip_network("10.142.15.206/32"))}
    assert carry(DNS, across, alike, FIREWALL) == Way((DNS,))
    assert carry(DNS, across, apart, FIREWALL).flows == (outer("udp/8472"),)
    way = carry(DNS, across, NODES, FIREWALL)
    assert (way.flows, way.doubt) == (
        (outer("udp/8472"), DNS),
        "VXLAN runs between subnets only, and whether these nodes share one is not known",
    )


def test_unknown() -> None:
    """No address is claimed; packets of nodes to nodes are not in doubt."""
    unknown = Datapath(Kind.UNKNOWN, why="DaemonSet weave-net carries packets, and more")
    assert carry(DNS, unknown, NODES, FIREWALL) == Way(
        (), "which addresses the firewall sees is not known: DaemonSet weave-net carries packets, and more"
    )
    to_node = Flow(end(NODE_2, "node-2"), end(NODE_1, "node-1"), l4("tcp/443"))
    assert carry(to_node, unknown, NODES, FIREWALL) == Way((to_node,))


def test_overlay_between_machines_that_are_not_recorded() -> None:
    """Their addresses are not known, so neither is the flow."""
    assert carry(DNS, VXLAN, NODES, firewall(rule("a"), instances=[])) == Way(
        (), "the nodes' addresses, between which VXLAN runs, are not in the firewall recording"
    )


def test_on_the_wire() -> None:
    """A plan's flows at the firewall are those on the wire; of a native network it stays the very same plan."""
    services, backends = kube_dns()
    planned = plan(check(to=TO_KUBE_DNS), NODES, services, backends, pods())
    assert on_the_wire(planned, NATIVE, NODES, FIREWALL) == planned
    carried = on_the_wire(planned, VXLAN, NODES, FIREWALL)
    assert [str(f) for asked in carried.asked for f in asked.at_firewall] == [
        "node-1[pod 10.24.9.32] → node-1[pod 10.24.9.31] udp/53",
        "node-2[host 10.142.15.206] → node-1[host 10.142.15.205] udp/8472",
        "node-3[host 10.142.15.207] → node-1[host 10.142.15.205] udp/8472",
    ]
    assert [asked.flow for asked in carried.asked] == [asked.flow for asked in planned.asked]
    unknown = on_the_wire(planned, Datapath(Kind.UNKNOWN, why="x"), NODES, FIREWALL)
    assert [len(asked.at_firewall) for asked in unknown.asked] == [1, 0, 0]


def test_senders() -> None:
    """Whom a rule would have to admit: pods' ranges as they are, or the nodes in their place; a node's own backend is no sender."""
    services, backends = kube_dns()
    planned = plan(check(to=TO_KUBE_DNS), NODES, services, backends, pods())
    ranges = [r for n in NODES.values() for r in n.pod_ranges]
    assert senders(on_the_wire(planned, NATIVE, NODES, FIREWALL), ranges) == tuple(ranges)
    assert [str(r) for r in senders(on_the_wire(planned, VXLAN, NODES, FIREWALL), ranges)] == [
        "10.142.15.206/32",
        "10.142.15.207/32",
    ]


# core/ways/datapath.py


def kind(shown: Shown, **changes: object) -> tuple[Kind, str]:
    """The kind, and the evidence for it or the reason why it is unknown."""
    found = datapath_of(shown, changes.pop("nodes", NODES), firewall(rule("a"), **changes))  # type: ignore[arg-type]
    return found.kind, found.why or found.evidence


def test_routes_tell() -> None:
    """Where no program is known and every pod range is delivered, by routes or alias ranges, the path is native."""
    assert kind(Shown()) == (Kind.NATIVE, "every node's pod range is delivered to its machine")
    shown = Shown(unread="DaemonSets could not be read: 403")
    assert kind(shown) == (
        Kind.NATIVE,
        "every node's pod range is delivered to its machine (DaemonSets could not be read: 403)",
    )


def test_one_missing_route_is_a_missing_route() -> None:
    """Other nodes' ranges are delivered: that is not another data path, and a route that leads astray is none either."""
    two = [
        {"name": f"r{n}", "destRange": f"10.24.{n}.0/24", "nextHopIp": f"10.142.15.{ip}"}
        for n, ip in ((9, 205), (12, 206))
    ]
    assert kind(Shown(), routes=two) == (Kind.NATIVE, "other nodes' pod ranges are delivered to their machines")
    astray = {"name": "r13", "destRange": "10.24.13.0/24", "nextHopIp": "10.24.13.1"}
    assert kind(Shown(), routes=[*two, astray]) == (
        Kind.NATIVE,
        "every node's pod range is delivered to its machine",
    )


def test_neither_program_nor_route() -> None:
    """An overlay that nobody knows, or all routes gone: it is not known which."""
    assert kind(Shown(), routes=[]) == (
        Kind.UNKNOWN,
        "no program that carries packets is known here, and no node's pod range is delivered to a machine",
    )
    assert kind(Shown(), routes=[], unavailable={"routes": "403"}) == (
        Kind.UNKNOWN,
        "no program that carries packets is known here, and the routes, which would tell, could not be read: 403",
    )


def test_machines_that_are_not_recorded() -> None:
    """There is nothing to compare; that the machines are not known is said by whoever asks the firewall."""
    assert kind(Shown(), instances=[machine("other", "10.142.15.9")])[0] is Kind.NATIVE


def test_programs_tell() -> None:
    """A program's configuration is believed before the routes, and has the port where an annotation agrees on the kind."""
    custom = replace(VXLAN, port=4789)
    noted = {n: node(n, datapath=replace(VXLAN, evidence="annotation")) for n in NODES}
    assert datapath_of(Shown(programs=(custom,)), noted, FIREWALL) == custom
    assert kind(Shown(), nodes=noted) == (Kind.VXLAN, "annotation")


def test_conflicts() -> None:
    """Two that say different things are not believed; neither are keys that only some nodes have."""
    geneve = Datapath(Kind.GENEVE, 6081, evidence="DaemonSet antrea-agent")
    assert kind(Shown(programs=(VXLAN, geneve))) == (
        Kind.UNKNOWN,
        "DaemonSet kube-flannel-ds says VXLAN, but DaemonSet antrea-agent says Geneve",
    )
    key = Datapath(Kind.WIREGUARD, 51820, 51821, evidence="annotation K")
    ipip = Datapath(Kind.IPIP, evidence="DaemonSet calico-node")
    everywhere = {n: node(n, datapath=key) for n in NODES}
    assert kind(Shown(programs=(ipip,)), nodes=everywhere) == (Kind.WIREGUARD, "annotation K")
    assert kind(Shown(programs=(ipip,)), nodes=everywhere | {"node-1": node("node-1")}) == (
        Kind.UNKNOWN,
        "not every node has what annotation K has, so not every pair uses it",
    )


def test_unreadable() -> None:
    """A program that carries packets one does not know how is not outvoted by routes."""
    weave = Datapath(Kind.UNKNOWN, evidence="DaemonSet weave-net", why="DaemonSet weave-net carries packets, and more")
    assert kind(Shown(programs=(weave,))) == (Kind.UNKNOWN, "DaemonSet weave-net carries packets, and more")


def test_setting() -> None:
    """What is set is believed; how pods are masqueraded is still what was shown."""
    masquerade = Masquerade((ip_network("10.0.0.0/8"),), True)
    chosen = Datapath(Kind.NATIVE, evidence="PATHCHECK_DATAPATH")
    assert datapath_of(Shown(chosen, (VXLAN,), masquerade), NODES, FIREWALL) == replace(chosen, masquerade=masquerade)


def test_masquerading_by_default() -> None:
    """Native: as GKE does it; from an overlay no pod's address gets out."""
    assert datapath_of(Shown(), NODES, FIREWALL).masquerade == Masquerade()
    bare = replace(VXLAN, masquerade=None)
    assert datapath_of(Shown(programs=(bare,)), NODES, FIREWALL).masquerade == Masquerade((), True)
