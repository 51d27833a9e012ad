"""Which flows does a check ask about, and how could each be measured?

Every ordered pair of different nodes for `to.nodes`; every dialling node for `to.service`, whose firewall flows are those to the
backends behind its virtual address. What cannot be measured now (a probe pod that has no address yet) is still asked and counted.
What is answered without measuring has a plan of its own: core/checks/spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from itertools import islice

from pathcheck.core.checks.choose import choose
from pathcheck.core.checks.spread import spread
from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, ProbePod, Service
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4, Address, Endpoint, Flow
from pathcheck.model.plans import Asked, Objection, Plan, Witness
from pathcheck.model.probing import Dial
from pathcheck.model.words import Evidence, Manner, Reason, Vantage

DNS_PORT = 53
# Silence on a virtual address counts only when the backends behind it are proven up; a witness for each of very many would cost
# more probe pods than it tells.
MAX_WITNESSED_BACKENDS = 8
# A check is decided in one go on the operator's only thread: so many flows take it half a second at rest and some seconds while all of
# them are blocked; sixteen times as many would take its memory.
MAX_FLOWS = 20_000
_NO_ADDRESS_YET = IPv4Address(0)


def plan(
    check: PathCheck,
    nodes: Mapping[str, Node],
    services: Mapping[tuple[str, str], Service],
    backends: Mapping[tuple[str, str], tuple[Backend, ...]],
    pods: Mapping[str, ProbePod],
) -> Plan:
    """Total: whatever is wrong with the spec comes back as objections beside what can still be asked."""
    if check.problems:
        return Plan(objections=tuple(Objection(Reason.INVALID_SPEC, problem) for problem in check.problems))
    if check.evidence is Evidence.PREDICTED:
        return spread(check, nodes, services, backends)
    sources, objections = choose(check.source, "spec.from.nodes", nodes)
    if isinstance(check.to, ServiceChoice):
        rest = _to_service(check, check.to, sources, nodes, services, backends, pods)
    else:
        rest = _to_nodes(check, check.to, sources, nodes, pods)
    return Plan(rest.asked, rest.beyond, objections + rest.objections, rest.nodes, tuple(sources))


def _to_nodes(
    check: PathCheck, to: NodeChoice, sources: list[str], nodes: Mapping[str, Node], pods: Mapping[str, ProbePod]
) -> Plan:
    targets, objections = choose(to, "spec.to.nodes", nodes)
    count = len(sources) * len(targets) - len(set(sources) & set(targets))
    if not count and sources and targets:
        problem = Problem("spec.to.nodes", "chooses only the node that spec.from.nodes chooses; a path needs two")
        objections += (Objection(Reason.NO_NODES_SELECTED, problem),)
    most, too_many = _limit(count, check)
    pairs = list(islice(((a, b) for a in sources for b in targets if a != b), most))
    asked = tuple(_pair(check, l4, nodes[a], nodes[b], pods) for a, b in pairs for l4 in check.traffic)
    beyond = (count - len(pairs)) * len(check.traffic)
    return Plan(asked, beyond, objections + too_many, frozenset(node for pair in pairs for node in pair))


def _pair(check: PathCheck, l4: L4, source: Node, target: Node, pods: Mapping[str, ProbePod]) -> Asked:
    flow = Flow(_end(source, pods), _end(target, pods), l4)
    trouble = _trouble(source, pods) or _trouble(target, pods)
    manner = Manner.ECHO if l4.port is not None else Manner.PING
    dial = None if trouble else Dial(flow.destination.address, l4, manner, check.cadence)
    return Asked(
        flow=flow,
        at_firewall=(flow,),
        dialer=source.name,
        dial=dial,
        witnesses=(Witness(target.name, f"self {l4}", flow.destination.address),),
        trouble=trouble,
    )


def _to_service(
    check: PathCheck,
    to: ServiceChoice,
    sources: list[str],
    nodes: Mapping[str, Node],
    services: Mapping[tuple[str, str], Service],
    backends: Mapping[tuple[str, str], tuple[Backend, ...]],
    pods: Mapping[str, ProbePod],
) -> Plan:
    service = services.get((to.namespace, to.name))
    if service is None:
        problem = Problem("spec.to.service", f"Service {to.namespace}/{to.name} does not exist")
        return Plan(objections=(Objection(Reason.SERVICE_NOT_FOUND, problem),))
    if service.cluster_ip is None:
        problem = Problem(
            "spec.to.service", f"Service {service} has no virtual address to dial: it is headless or an ExternalName"
        )
        return Plan(objections=(Objection(Reason.SERVICE_WITHOUT_ADDRESS, problem),))
    behind = backends.get((to.namespace, to.name), ())
    most, objections = _limit(len(sources), check)
    beyond = max(0, len(sources) - most)
    sources = sources[:most]
    asked: list[Asked] = []
    witnesses_needed: set[str] = set()
    for index, l4 in enumerate(check.traffic):
        port = next((p for p in service.ports if p.l4 == l4), None)
        if port is None:
            has = ", ".join(str(p.l4) for p in service.ports)
            problem = Problem(f"spec.traffic[{index}]", f"Service {service} has no port {l4}; it has {has}")
            objections += (Objection(Reason.PORT_NOT_FOUND, problem),)
            continue
        targets = [(b, p.l4) for b in behind for p in b.ports if p.name == port.name and p.l4.protocol == l4.protocol]
        if not targets:
            problem = Problem("spec.to.service", f"Service {service} has no ready endpoint behind {l4}")
            objections += (Objection(Reason.NO_ENDPOINTS, problem),)
        witnesses = tuple(_witnesses(check, l4, targets, nodes))
        witnesses_needed.update(w.node for w in witnesses)
        virtual = Endpoint(service.cluster_ip, str(service))
        manner = _service_manner(l4)
        for source in (nodes[name] for name in sources):
            start = _end(source, pods)
            trouble = _trouble(source, pods) or (
                "" if targets else f"Service {service} has no ready endpoint behind {l4}"
            )
            asked.append(
                Asked(
                    flow=Flow(start, virtual, l4),
                    at_firewall=tuple(Flow(start, _backend_end(b, nodes), behind_l4) for b, behind_l4 in targets),
                    dialer=source.name,
                    dial=None if trouble else Dial(virtual.address, l4, manner, check.cadence),
                    witnesses=witnesses,
                    trouble=trouble,
                )
            )
    return Plan(tuple(asked), beyond * len(check.traffic), objections, frozenset(sources) | witnesses_needed)


def _witnesses(
    check: PathCheck, l4: L4, targets: list[tuple[Backend, L4]], nodes: Mapping[str, Node]
) -> Iterator[Witness]:
    """A dial to each backend from its own node: that never crosses the firewall, so it tells a dead backend from a dead path."""
    placed = [(b, behind_l4) for b, behind_l4 in targets if b.node in nodes]
    for backend, behind_l4 in placed[:MAX_WITNESSED_BACKENDS]:
        dial = Dial(backend.address, behind_l4, _service_manner(l4), check.cadence)
        assert backend.node is not None  # it is a key of nodes
        yield Witness(backend.node, dial.id, None, dial)


def _service_manner(l4: L4) -> Manner:
    return Manner.DNS if l4.port == DNS_PORT else Manner.CONNECT


def _end(node: Node, pods: Mapping[str, ProbePod]) -> Endpoint:
    pod = pods.get(node.name)
    address: Address = pod.address if pod is not None and pod.address is not None else _NO_ADDRESS_YET
    return Endpoint(address, node.name, Vantage.POD, node.instance)


def _backend_end(backend: Backend, nodes: Mapping[str, Node]) -> Endpoint:
    node = nodes.get(backend.node) if backend.node else None
    if node is None:
        return Endpoint(backend.address, backend.node or "")
    in_pod_range = any(backend.address in pod_range for pod_range in node.pod_ranges)
    # A backend on its node's own address is a hostNetwork pod: to the firewall it is the machine itself.
    vantage = Vantage.POD if in_pod_range or not node.pod_ranges else Vantage.HOST
    return Endpoint(backend.address, node.name, vantage, node.instance)


def _trouble(node: Node, pods: Mapping[str, ProbePod]) -> str:
    pod = pods.get(node.name)
    if pod is None:
        return f"{node.name} has no probe pod yet"
    if pod.deleting:
        return f"the probe pod on {node.name} is being deleted"
    if pod.trouble:
        return f"the probe pod on {node.name} does not run: {pod.trouble}"
    if pod.address is None:
        return f"the probe pod on {node.name} has no address yet"
    return ""


def _limit(count: int, check: PathCheck) -> tuple[int, tuple[Objection, ...]]:
    """How many of so many pairs are measured, and what stands against the rest."""
    affordable = MAX_FLOWS // len(check.traffic)
    most = min(check.limit, affordable)
    if count <= most:
        return most, ()
    field, limit = "spec.pairs.limit", f"the limit is {check.limit}"
    if affordable < check.limit:
        field, limit = "spec.traffic", f"with {len(check.traffic)} entries a check measures at most {affordable}"
    problem = Problem(field, f"{count} pairs are asked, {limit}: {count - most} are not measured")
    return most, (Objection(Reason.LIMIT_EXCEEDED, problem),)
