"""Which sets of flows a check asks about that is answered by prediction alone."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pathcheck.core.checks.assign import assign
from pathcheck.core.checks.plan import plan
from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, ServicePort
from pathcheck.model.plans import Bundle, Plan
from pathcheck.model.proofs import Span
from pathcheck.model.words import Evidence
from tests.builders import POD_RANGES, TO_KUBE_DNS, check, kube_dns, l4, node, nodes

SPANS = tuple(Span((ip_network(r),), name, name) for name, r in POD_RANGES.items())


def planned(of: PathCheck, **changed: Node) -> Plan:
    services, backends = kube_dns()
    return plan(of, nodes() | {n.name: n for n in changed.values()}, services, backends, {})


def predicted(**changes: object) -> PathCheck:
    return check(evidence=Evidence.PREDICTED, **changes)


def said(plan_: Plan) -> list[str]:
    return [f"{o.reason}: {o.problem}" for o in plan_.objections]


def test_pod_ranges_are_asked_and_nobody_dials() -> None:
    """One bundle for all pairs; no probe is needed, no pod either, and no limit applies."""
    plan_ = planned(predicted(traffic=(l4("esp"), l4("tcp")), limit=1))
    bundle = Bundle(SPANS, SPANS, (l4("esp"), l4("tcp")))
    assert plan_ == Plan(sources=("node-1", "node-2", "node-3"), bundles=(bundle,))
    assert bundle.pairs == 6
    assert assign([plan_], "", {}) == {}


def test_a_service_is_asked_at_its_backends_from_pod_ranges() -> None:
    """Each port leads where the Service says; pods on the backend's own node meet no firewall."""
    plan_ = planned(predicted(to=TO_KUBE_DNS))
    bundle = Bundle(SPANS, (Span((ip_network("10.24.9.31"),), "node-1", "node-1"),), (l4("udp/53"),))
    assert (plan_.bundles, bundle.pairs) == ((bundle,), 2)


def test_another_target_port_is_what_the_firewall_sees() -> None:
    """A Service's port 80 may be 8080 behind it."""
    services, _ = kube_dns()
    key = ("kube-system", "kube-dns")
    behind = Backend(*key, ip_address("10.24.9.31"), "node-1", (ServicePort("dns", l4("udp/8053")),))
    plan_ = plan(predicted(to=TO_KUBE_DNS), nodes(), services, {key: (behind,)}, {})
    assert [b.traffic for b in plan_.bundles] == [(l4("udp/8053"),)]


def test_traffic_without_a_port_is_asked_of_the_backends_as_it_is() -> None:
    """A Service leads ports, not protocols."""
    assert [b.traffic for b in planned(predicted(to=TO_KUBE_DNS, traffic=(l4("esp"),))).bundles] == [(l4("esp"),)]


def test_what_cannot_be_asked_is_said() -> None:
    """A missing Service or port, a single node, and a node without a range, unless it is only being made."""
    one = NodeChoice(names=("node-1",))
    assert said(planned(predicted(to=ServiceChoice("a", "b")))) == [
        "ServiceNotFound: spec.to.service: Service a/b does not exist"
    ]
    assert said(planned(predicted(to=TO_KUBE_DNS, traffic=(l4("tcp/9"),)))) == [
        "PortNotFound: spec.traffic[0]: Service kube-system/kube-dns has no port tcp/9; it has udp/53, tcp/53"
    ]
    assert said(planned(predicted(source=one, to=one))) == [
        "NoNodesSelected: spec.to: leads only to the node that spec.from.nodes chooses; a path needs two"
    ]
    bare = planned(predicted(), bare=node("bare", pod_ranges=()))
    assert said(bare) == [
        "NoPodRange: spec.from.nodes: node bare has no pod range (spec.podCIDRs), so there is nothing to predict"
    ]
    assert [b.pairs for b in bare.bundles] == [6]
    assert said(planned(predicted(), bare=node("bare", pod_ranges=(), ready=False))) == []
