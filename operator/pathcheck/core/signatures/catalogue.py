"""Which rules does everybody have? Those that Google Cloud and GKE write themselves, as shapes: `…` stands for a cluster's name and hash.

| whose | source |
|---|---|
| the default network's | https://cloud.google.com/firewall/docs/firewalls#more_rules_default_vpc |
| -http, -https | the console's boxes "Allow HTTP traffic": https://cloud.google.com/vpc/docs/using-firewalls#serviceaccounts-tags |
| `gke-…`, `k8s-…` | https://cloud.google.com/kubernetes-engine/docs/concepts/firewall-rules |
| health checks' ranges | https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges |

A cluster's ranges, node tag and Services' ports are its own: rules that depend on them may be about any two ends, and rules of load
balancers may admit any ports. Only ingress rules are among them: GKE leaves egress to the implied rule that allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network

from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import PROTOCOL_NUMBERS, Endpoint, Range
from pathcheck.model.rules import L4Match, PortRange, Rule
from pathcheck.model.words import Action, Direction, Vantage

_ANY: tuple[Range, ...] = (ip_network("0.0.0.0/0"),)
_AUTO: tuple[Range, ...] = (ip_network("10.128.0.0/9"),)
_HEALTH_CHECKS: tuple[Range, ...] = tuple(
    ip_network(r) for r in ("35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22")
)
_NODES = frozenset({"gke-…-node"})
_PODS, _HOSTS, _CONTROL_PLANE = "pods", "nodes", "the control plane"


@dataclass(frozen=True, slots=True)
class Shape:
    """One such rule. `sender` says who sends where the ranges do not, `version` of which family where they do not.

    `some_ports`: of the ports of its protocols it admits some, and nobody knows which.
    """

    rule: Rule
    sender: str = ""
    version: int | None = None
    some_ports: bool = False


def _shape(
    name: str,
    traffic: str,
    remote: tuple[Range, ...] = (),
    sender: str = "",
    tags: frozenset[str] = frozenset(),
    priority: int = 1000,
    action: Action = Action.ALLOW,
    version: int | None = None,
    some_ports: bool = False,
) -> Shape:
    unsure = "" if remote else f"the addresses of {sender or 'clients'} are not known"
    rule = Rule(
        name,
        "",
        Direction.INGRESS,
        priority,
        action,
        tuple(map(_l4, traffic.split())),
        remote_ranges=remote,
        target_tags=tags,
        remote_unsure=unsure,
    )
    return Shape(rule, sender, version, some_ports)


def _l4(text: str) -> L4Match:
    name, _, ports = text.partition(":")
    first, _, last = ports.partition("-")
    return L4Match(PROTOCOL_NUMBERS[name], (PortRange(int(first), int(last or first)),) if ports else ())


SHAPES = (
    _shape("default-allow-icmp", "icmp", _ANY, priority=65534),
    _shape("default-allow-internal", "tcp:0-65535 udp:0-65535 icmp", _AUTO, priority=65534),
    _shape("default-allow-ssh", "tcp:22", _ANY, priority=65534),
    _shape("default-allow-rdp", "tcp:3389", _ANY, priority=65534),
    _shape("default-allow-http", "tcp:80", _ANY, tags=frozenset({"http-server"})),
    _shape("default-allow-https", "tcp:443", _ANY, tags=frozenset({"https-server"})),
    _shape("gke-…-all", "tcp udp icmp esp ah sctp", (), _PODS, _NODES, version=4),
    _shape("gke-…-ipv6-all", "tcp udp icmpv6 esp ah sctp", (), _PODS, _NODES, version=6),
    _shape("gke-…-vms", "icmp tcp:1-65535 udp:1-65535", (), _HOSTS, _NODES),
    _shape("gke-…-inkubelet", "tcp:10255", (), _PODS, _NODES, priority=999),
    _shape("gke-…-exkubelet", "tcp:10255", _ANY, "", _NODES, action=Action.DENY),
    _shape("gke-…-master", "tcp:443 tcp:10250", (), _CONTROL_PLANE, _NODES),
    _shape("gke-…-ssh", "tcp:22", (), _CONTROL_PLANE, _NODES),
    _shape("k8s-fw-…", "tcp udp", (), "", _NODES, some_ports=True),
    _shape("k8s-fw-l7-…", "tcp", _HEALTH_CHECKS, "", _NODES, some_ports=True),
    _shape("k8s-…-node-http-hc", "tcp:10256", _HEALTH_CHECKS, "", _NODES),
)
POD_RULES = tuple(s.rule for s in SHAPES if s.rule.name in ("gke-…-all", "gke-…-ipv6-all"))
SOME_PORTS = frozenset(shape.rule for shape in SHAPES if shape.some_ports)
"""Rules of which nobody knows the ports."""


def catalogue(sender: Endpoint | None, version: int) -> Firewall:
    """A firewall with these rules and no machines, but for rules that cannot be about this sender, or about this family."""
    checks = sender is not None and any(sender.address in r for r in _HEALTH_CHECKS)
    return _of(sender.vantage if sender is not None else None, version, checks)


@lru_cache
def _of(vantage: Vantage | None, version: int, health_checks: bool) -> Firewall:
    senders = {Vantage.POD: {"", _PODS}, Vantage.HOST: {"", _HOSTS}, None: {"", _PODS, _HOSTS, _CONTROL_PLANE}}[vantage]
    fitting = (s.rule for s in SHAPES if s.sender in senders and s.version in (None, version))
    rules = tuple(r for r in fitting if health_checks or r.remote_ranges != _HEALTH_CHECKS)
    return Firewall(project="", revision="well known", rules=rules)
