"""Nouns for tests, with the story's names: one line each, everything but what matters left to a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, ProbePod, Service, ServicePort
from pathcheck.model.flows import L4, PROTOCOL_NUMBERS, Endpoint, Flow
from pathcheck.model.probing import Assignment, ListenerState, PathProbe, Report, Result
from pathcheck.model.words import Observation, Vantage

NOON = datetime(2026, 1, 26, 12, tzinfo=UTC)
POD_RANGES = {"node-1": "10.24.9.0/24", "node-2": "10.24.12.0/24", "node-3": "10.24.13.0/24"}
POD_ADDRESSES = {"node-1": "10.24.9.32", "node-2": "10.24.12.41", "node-3": "10.24.13.7"}
EVERY_NODE = NodeChoice(match_labels={})


def seconds(n: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=n)


def l4(text: str) -> L4:
    """`udp/53`, `icmp`."""
    name, _, port = text.partition("/")
    return L4(PROTOCOL_NUMBERS[name], int(port) if port else None)


def node(name: str, **changes: object) -> Node:
    """A node of the story, on the machine of the same name."""
    labels = {"kubernetes.io/hostname": name}
    pod_ranges = (ip_network(POD_RANGES.get(name, "10.24.99.0/24")),)
    defaults = {"labels": labels, "pod_ranges": pod_ranges, "instance": name, "project": "august-period-234610"}
    return Node(name, **(defaults | changes))  # type: ignore[arg-type]


def nodes(*names: str) -> dict[str, Node]:
    """Several of them, by name."""
    return {name: node(name) for name in names or POD_RANGES}


def pod(name: str, **changes: object) -> ProbePod:
    """The probe pod that runs on this node."""
    address = ip_address(POD_ADDRESSES.get(name, "10.24.99.9"))
    return replace(ProbePod(name, f"pathcheck-probe-{name}", f"uid-{name}", address, ready=True), **changes)  # type: ignore[arg-type]


def pods(*names: str) -> dict[str, ProbePod]:
    """Several of them, by node."""
    return {name: pod(name) for name in names or POD_RANGES}


def kube_dns() -> tuple[dict[tuple[str, str], Service], dict[tuple[str, str], tuple[Backend, ...]]]:
    """The Service kube-dns and its one backend, on node-1."""
    key = ("kube-system", "kube-dns")
    ports = (ServicePort("dns", l4("udp/53")), ServicePort("dns-tcp", l4("tcp/53")))
    service = Service(*key, ip_address("10.27.240.10"), ports)
    return {key: service}, {key: (Backend(*key, ip_address("10.24.9.31"), "node-1", ports),)}


def check(**changes: object) -> PathCheck:
    """Every node to every other, udp/53, unless said otherwise."""
    defaults = {
        "name": "kube-dns",
        "uid": "uid-kube-dns",
        "generation": 1,
        "source": EVERY_NODE,
        "to": EVERY_NODE,
        "traffic": (l4("udp/53"),),
    }
    return PathCheck(**(defaults | changes))  # type: ignore[arg-type]


TO_KUBE_DNS = ServiceChoice("kube-system", "kube-dns")


def flow(source: str, destination: str, traffic: str = "udp/53") -> Flow:
    """Between the probe pods of two nodes."""
    start, end = (Endpoint(ip_address(POD_ADDRESSES[n]), n, Vantage.POD, n) for n in (source, destination))
    return Flow(start, end, l4(traffic))


def result(id_: str, observation: Observation, since: float = 0, at: float | None = None, detail: str = "") -> Result:
    """Times in seconds after noon."""
    return Result(id_, observation, seconds(since), seconds(since if at is None else at), detail)


def path_probe(name: str, *results: Result, time: float = 0, **changes: object) -> PathProbe:
    """A probe that reaches itself and reported these results."""
    results = (result("self", Observation.REACHED, at=time), *results)
    defaults = {
        "node": name,
        "pod_uid": f"uid-{name}",
        "address": ip_address(POD_ADDRESSES[name]),
        "time": seconds(time),
    }
    report = Report(**(defaults | {"results": results} | changes))  # type: ignore[arg-type]
    return PathProbe(name, f"probe-uid-{name}", Assignment(name), report)


def bound(*traffic: str) -> tuple[ListenerState, ...]:
    """Listeners that are up."""
    return tuple(ListenerState(l4(t), True) for t in traffic)
