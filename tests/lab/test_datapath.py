"""The lab's pods travel natively, and its routes serve: what the operator finds there is what there is."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import permutations

from e2e.lab.cluster import node_object
from e2e.lab.seed import recording
from e2e.lab.topology import topology
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.core.ways.route import route_troubles
from pathcheck.model.datapath import Kind, Shown
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.words import Vantage
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.nodes import node_of


def test_native() -> None:
    """No program of the lab carries packets, every pod range has its route, and no pair of nodes lacks one."""
    lab = topology(9)
    firewall = firewall_of(recording(lab))
    nodes = {node.name: node_of(node_object(node)) for node in lab.nodes}
    found = datapath_of(Shown(), nodes, firewall)
    assert (found.kind, found.evidence) == (Kind.NATIVE, "every node's pod range is delivered to its machine")
    ends = [
        Endpoint(ip_address(node.pods.network_address + 7), node.name, Vantage.POD, nodes[node.name].instance)
        for node in lab.nodes
    ]
    flows = [Flow(a, b, L4(17, 53)) for a, b in permutations(ends, 2)]
    assert [o for flow in flows for o in route_troubles(flow, firewall)] == []
