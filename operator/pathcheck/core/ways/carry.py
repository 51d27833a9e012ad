"""Which addresses does the firewall see? A flow between pods, turned into the packet that crosses the cloud.

    native      the pods' own addresses; towards an address that is not kept, the node's in place of the sender's (masquerading)
    an overlay  from node to node: udp/8472 and the like, or protocol 4; what leaves the pod network leaves it with the node's address

Where one of two things is so and nobody knows which (masquerading that no object shows, an overlay between subnets that no object
shows), both are asked. If the firewall says the same of both, that is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network

from pathcheck.model.cluster import Node
from pathcheck.model.datapath import Datapath, Kind, Masquerade, Way
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Address, Endpoint, Flow, Range
from pathcheck.model.plans import Asked, Plan
from pathcheck.model.words import Vantage

_UDP, _IPIP = 17, 4


def carry(flow: Flow, datapath: Datapath, nodes: Mapping[str, Node], firewall: Firewall) -> Way:
    """The way of one flow. Total: what is not known is said in the way's `doubt`."""
    if _at_home(flow) or not (flow.source.known and flow.destination.known):
        return Way((flow,))
    from_pod, to_pod = _is_pod(flow.source, firewall), _is_pod(flow.destination, firewall)
    if datapath.kind is Kind.UNKNOWN and (from_pod or to_pod):
        return Way((), f"which addresses the firewall sees is not known: {datapath.why}")
    if not to_pod:
        return _masqueraded(flow, datapath, firewall) if from_pod else Way((flow,))
    if datapath.kind is Kind.NATIVE:
        # Pods reach pods without address translation (https://kubernetes.io/docs/concepts/cluster-administration/networking/).
        return Way((flow,))
    if datapath.kind is Kind.WIREGUARD and not from_pod:
        return Way((), f"whether WireGuard carries what a node itself sends to pods is not known ({datapath.evidence})")
    direct = _direct(flow, datapath, nodes, firewall)
    if direct:
        return Way((flow,))
    outer = _outer(flow, datapath, firewall)
    if not outer:
        return Way(
            (), f"the nodes' addresses, between which {datapath.kind.spoken} runs, are not in the firewall recording"
        )
    carried = _said(outer[0], f"{datapath.kind.spoken}, seen in {datapath.evidence}")
    if direct is None:
        doubt = f"{datapath.kind.spoken} runs between subnets only, and whether these nodes share one is not known"
        return Way((*outer, flow), doubt, carried)
    return Way(outer, "which address family carries it is not known" if len(outer) > 1 else "", carried)


def on_the_wire(planned: Plan, datapath: Datapath, nodes: Mapping[str, Node], firewall: Firewall) -> Plan:
    """The same plan, whose flows at the firewall are those on the wire."""
    asked = tuple(_on_the_wire(each, datapath, nodes, firewall) for each in planned.asked)
    return replace(planned, asked=asked)


def _on_the_wire(asked: Asked, datapath: Datapath, nodes: Mapping[str, Node], firewall: Firewall) -> Asked:
    ways = tuple(carry(flow, datapath, nodes, firewall) for flow in asked.at_firewall)
    if all(way.flows == (flow,) for way, flow in zip(ways, asked.at_firewall, strict=True)):
        return asked
    return replace(asked, ways=ways, at_firewall=tuple(way.flows[0] for way in ways if way.flows))


def senders(planned: Plan, pod_ranges: Sequence[Range]) -> tuple[Range, ...]:
    """The ranges that send: these pod ranges of the dialling nodes; where nodes send in place of their pods, their addresses."""
    if not any(asked.ways for asked in planned.asked):
        return tuple(pod_ranges)
    crossing = [flow for asked in planned.asked for flow in asked.at_firewall if not _at_home(flow)]
    addresses = {flow.source.address for flow in crossing}
    pods = [r for r in pod_ranges if any(a in r for a in addresses)]
    nodes = sorted((ip_network(a) for a in addresses if not any(a in r for r in pods)), key=lambda r: (r.version, r))
    return (*pods, *nodes)


def _at_home(flow: Flow) -> bool:
    """Both ends on one machine: nothing is carried anywhere."""
    return flow.source.instance is not None and flow.source.instance == flow.destination.instance


def _is_pod(endpoint: Endpoint, firewall: Firewall) -> bool:
    """Also one that is on a node and has another address than the node: not every program gives pods those of spec.podCIDRs."""
    own = _machine_addresses(endpoint, firewall) if endpoint.vantage is Vantage.HOST else {}
    return endpoint.vantage is Vantage.POD or bool(own and endpoint.address not in own.values())


def _masqueraded(flow: Flow, datapath: Datapath, firewall: Firewall) -> Way:
    """To what is no pod: with the pod's own address, the node's, or one of them."""
    rule = datapath.masquerade or Masquerade()
    kept = any(flow.destination.address in r for r in rule.kept)
    if kept or rule.elsewhere is False:
        return Way((flow,))
    own = _machine_addresses(flow.source, firewall).get(flow.source.address.version)
    if own is None:
        return Way((flow,))  # no machine of ours: the firewall says so itself
    changed = replace(flow, source=replace(flow.source, address=own, vantage=Vantage.HOST))
    if rule.elsewhere:
        return Way((changed,), carried=_said(changed, "masqueraded by the node"))
    doubt = f"whether {flow.source.name or flow.source.address} puts its own address in place of its pods' is not known"
    return Way((flow, changed), doubt)


def _direct(flow: Flow, datapath: Datapath, nodes: Mapping[str, Node], firewall: Firewall) -> bool | None:
    """Whether the nodes share a subnet and the data path spares them the overlay then; None where that is not known."""
    if not datapath.across_subnets_only:
        return False
    node = nodes.get(flow.source.name)
    other = _machine_addresses(flow.destination, firewall)
    if node is None or node.subnet is None or node.subnet.version not in other:
        return None
    return other[node.subnet.version] in node.subnet


def _outer(flow: Flow, datapath: Datapath, firewall: Firewall) -> tuple[Flow, ...]:
    """The packet from node to node; both families where both nodes have both and nothing tells which one carries IPv6."""
    starts, ends = _machine_addresses(flow.source, firewall), _machine_addresses(flow.destination, firewall)
    versions = [v for v in starts if v in ends]
    own = flow.source.address.version
    if own in versions and (own == 4 or datapath.port_v6 is not None):
        versions = [own]
    return tuple(
        Flow(_node_end(flow.source, starts[v]), _node_end(flow.destination, ends[v]), _l4(datapath, v))
        for v in versions
    )


def _l4(datapath: Datapath, version: int) -> L4:
    if datapath.kind is Kind.IPIP:
        return L4(_IPIP)
    port = datapath.port_v6 if version == 6 and datapath.port_v6 is not None else datapath.port
    return L4(_UDP, port)


def _node_end(endpoint: Endpoint, address: Address) -> Endpoint:
    return replace(endpoint, address=address, vantage=Vantage.HOST)


def _machine_addresses(endpoint: Endpoint, firewall: Firewall) -> dict[int, Address]:
    """The primary addresses of the end's machine, by IP version; empty where the recording does not have exactly one such machine."""
    machines = firewall.machines(endpoint.instance) if endpoint.instance else ()
    if len(machines) != 1 or not machines[0].interfaces:
        return {}
    # The first interface is the node's own; others, where there are any, are for pods that ask for them.
    return {r.version: r[0] for r in reversed(machines[0].interfaces[0].primary)}


def _said(flow: Flow, how: str) -> str:
    return f"{flow.l4} from {flow.source.address} to {flow.destination.address} ({how})"
