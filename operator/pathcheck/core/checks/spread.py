"""Which sets of flows does a check ask about that the firewall alone answers?

Ends are whole pod ranges, not the pods that happen to run: what will be scheduled tomorrow must get through as well. Nothing is
dialled, so no node needs a probe and there is no limit to the pairs. Pairs on one node are not asked, since their packets meet no firewall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network

from pathcheck.core.checks.choose import choose
from pathcheck.model.checks import PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, Service
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4
from pathcheck.model.plans import Bundle, Objection, Plan
from pathcheck.model.proofs import Span
from pathcheck.model.words import Reason


def spread(
    check: PathCheck,
    nodes: Mapping[str, Node],
    services: Mapping[tuple[str, str], Service],
    backends: Mapping[tuple[str, str], tuple[Backend, ...]],
) -> Plan:
    """A plan of bundles. Total: what is wrong comes back as objections beside what can still be asked."""
    names, objections = choose(check.source, "spec.from.nodes", nodes)
    sources, rangeless = _spans(names, "spec.from.nodes", nodes)
    objections += rangeless
    if isinstance(check.to, ServiceChoice):
        bundles, more = _to_service(check, check.to, sources, nodes, services, backends)
    else:
        targets, more = choose(check.to, "spec.to.nodes", nodes)
        destinations, rangeless = _spans(targets, "spec.to.nodes", nodes)
        more += rangeless if targets != names else ()
        bundles = [Bundle(sources, destinations, check.traffic)] if sources and destinations else []
    kept = tuple(bundle for bundle in bundles if bundle.pairs)
    if bundles and not kept and not more:
        problem = Problem("spec.to", "leads only to the node that spec.from.nodes chooses; a path needs two")
        more += (Objection(Reason.NO_NODES_SELECTED, problem),)
    return Plan(objections=objections + more, sources=tuple(names), bundles=kept)


def _to_service(
    check: PathCheck,
    to: ServiceChoice,
    sources: tuple[Span, ...],
    nodes: Mapping[str, Node],
    services: Mapping[tuple[str, str], Service],
    backends: Mapping[tuple[str, str], tuple[Backend, ...]],
) -> tuple[list[Bundle], tuple[Objection, ...]]:
    """A bundle for every entry of the traffic: behind each port of a Service other backends, on other ports, may stand."""
    service = services.get((to.namespace, to.name))
    if service is None:
        problem = Problem("spec.to.service", f"Service {to.namespace}/{to.name} does not exist")
        return [], (Objection(Reason.SERVICE_NOT_FOUND, problem),)
    behind = backends.get((to.namespace, to.name), ())
    bundles: list[Bundle] = []
    objections: tuple[Objection, ...] = ()
    for index, l4 in enumerate(check.traffic):
        # What has no port is asked of the backends as it is: a Service leads ports, not protocols.
        port = next((p for p in service.ports if p.l4 == l4), None) if l4.port is not None else None
        if l4.port is not None and port is None:
            has = ", ".join(str(p.l4) for p in service.ports)
            problem = Problem(f"spec.traffic[{index}]", f"Service {service} has no port {l4}; it has {has}")
            objections += (Objection(Reason.PORT_NOT_FOUND, problem),)
            continue
        leads: dict[L4, list[Backend]] = {}
        for backend in behind:
            for own in backend.ports if port is not None else ():
                if port is not None and (own.name, own.l4.protocol) == (port.name, l4.protocol):
                    leads.setdefault(own.l4, []).append(backend)
            if port is None:
                leads.setdefault(l4, []).append(backend)
        if not leads:
            problem = Problem("spec.to.service", f"Service {service} has no ready endpoint behind {l4}")
            objections += (Objection(Reason.NO_ENDPOINTS, problem),)
        bundles += [Bundle(sources, _backend_spans(found, nodes), (own,)) for own, found in leads.items() if sources]
    return bundles, objections


def _backend_spans(backends: Iterable[Backend], nodes: Mapping[str, Node]) -> tuple[Span, ...]:
    found = ((b, nodes.get(b.node) if b.node else None) for b in backends)
    return tuple(
        Span((ip_network(b.address),), b.node or "", node.instance if node is not None else None) for b, node in found
    )


def _spans(
    names: Sequence[str], field: str, nodes: Mapping[str, Node]
) -> tuple[tuple[Span, ...], tuple[Objection, ...]]:
    spans = tuple(Span(nodes[n].pod_ranges, n, nodes[n].instance) for n in names if nodes[n].pod_ranges)
    # A node that is just being made gets its range within seconds; until then it has no pods either.
    without = [n for n in names if nodes[n].ready and not nodes[n].pod_ranges]
    if not without:
        return spans, ()
    many = f"{len(without)} nodes, such as {without[0]}, have" if len(without) > 1 else f"node {without[0]} has"
    problem = Problem(field, f"{many} no pod range (spec.podCIDRs), so there is nothing to predict")
    return spans, (Objection(Reason.NO_POD_RANGE, problem),)
