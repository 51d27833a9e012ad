"""Which flows a check asks about."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pathcheck.core.checks.plan import plan
from pathcheck.model.checks import NodeChoice, PathCheck, Requirement, ServiceChoice
from pathcheck.model.cluster import Service
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.plans import Asked, Objection, Plan, Witness
from pathcheck.model.probing import Cadence, Dial
from pathcheck.model.words import Manner, Reason, Vantage
from tests.builders import EVERY_NODE, TO_KUBE_DNS, check, flow, kube_dns, l4, nodes, pod, pods

EVERY_5_S = Cadence()


def names(*of: str) -> NodeChoice:
    return NodeChoice(names=of)


def planned(of: PathCheck, *probe_pods: str) -> Plan:
    services, backends = kube_dns()
    return plan(of, nodes(), services, backends, pods(*probe_pods))


def test_every_ordered_pair_of_different_nodes_is_asked_on_every_port() -> None:
    """Three nodes and two ports are twelve flows, and all three nodes need a probe."""
    plan_ = planned(check(traffic=(l4("udp/53"), l4("icmp"))))
    pairs = [
        ("node-1", "node-2"),
        ("node-1", "node-3"),
        ("node-2", "node-1"),
        ("node-2", "node-3"),
        ("node-3", "node-1"),
        ("node-3", "node-2"),
    ]
    assert [a.flow for a in plan_.asked] == [flow(a, b, t) for a, b in pairs for t in ("udp/53", "icmp")]
    assert plan_.nodes == {"node-1", "node-2", "node-3"}


def test_a_pair_is_dialled_at_the_probe_pods_address_and_witnessed_by_its_own_node() -> None:
    """node-2 sends nonces to node-1's probe, whose control dial to itself is the proof."""
    plan_ = planned(check(source=names("node-2"), to=names("node-1")))
    dial = Dial(ip_address("10.24.9.32"), l4("udp/53"), Manner.ECHO, EVERY_5_S)
    the_flow = flow("node-2", "node-1")
    witness = Witness("node-1", "self udp/53", ip_address("10.24.9.32"))
    expected = Asked(the_flow, (the_flow,), "node-2", dial, (witness,))
    assert plan_ == Plan((expected,), nodes=frozenset({"node-1", "node-2"}), sources=("node-2",))


def test_icmp_is_a_ping() -> None:
    """ICMP has no port to listen on: the peer's kernel answers."""
    plan_ = planned(check(source=names("node-2"), to=names("node-1"), traffic=(l4("icmp"),)))
    assert [a.dial for a in plan_.asked] == [Dial(ip_address("10.24.9.32"), l4("icmp"), Manner.PING, EVERY_5_S)]


def test_a_service_is_dialled_at_its_virtual_address_and_judged_at_its_backends() -> None:
    """A DNS query goes to 10.27.240.10; the firewall sees 10.24.9.31; node-1's probe asks the backend directly as the proof."""
    plan_ = planned(check(source=names("node-2"), to=TO_KUBE_DNS))
    source = Endpoint(ip_address("10.24.12.41"), "node-2", Vantage.POD, "node-2")
    virtual = Endpoint(ip_address("10.27.240.10"), "kube-system/kube-dns")
    backend = Endpoint(ip_address("10.24.9.31"), "node-1", Vantage.POD, "node-1")
    proof = Dial(ip_address("10.24.9.31"), l4("udp/53"), Manner.DNS, EVERY_5_S)
    expected = Asked(
        flow=Flow(source, virtual, l4("udp/53")),
        at_firewall=(Flow(source, backend, l4("udp/53")),),
        dialer="node-2",
        dial=Dial(ip_address("10.27.240.10"), l4("udp/53"), Manner.DNS, EVERY_5_S),
        witnesses=(Witness("node-1", "dns udp/53 10.24.9.31", None, proof),),
    )
    assert plan_ == Plan((expected,), nodes=frozenset({"node-1", "node-2"}), sources=("node-2",))


def test_a_path_whose_probe_pod_is_missing_is_asked_but_not_dialled() -> None:
    """It is counted, with the reason, and its unknown address is shown as such."""
    plan_ = planned(check(source=names("node-2"), to=names("node-1")), "node-2")
    asked = plan_.asked[0]
    assert (asked.dial, asked.trouble) == (None, "node-1 has no probe pod yet")
    assert str(asked.flow) == "node-2[pod 10.24.12.41] → node-1[pod ?] udp/53"


def test_what_troubles_a_probe_pod_is_said_in_its_paths() -> None:
    """The cluster's own words come through."""
    full = pod("node-1", address=None, trouble="0/3 nodes are available: Insufficient cpu")
    plan_ = plan(check(source=names("node-2"), to=names("node-1")), nodes(), {}, {}, pods("node-2") | {"node-1": full})
    assert plan_.asked[0].trouble == "the probe pod on node-1 does not run: 0/3 nodes are available: Insufficient cpu"


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        (NodeChoice(match_labels={"kubernetes.io/hostname": "node-2"}), ["node-2"]),
        (
            NodeChoice(
                match_labels={}, match_expressions=(Requirement("kubernetes.io/hostname", "In", ("node-1", "node-3")),)
            ),
            ["node-1", "node-3"],
        ),
        (
            NodeChoice(
                match_labels={}, match_expressions=(Requirement("kubernetes.io/hostname", "NotIn", ("node-1",)),)
            ),
            ["node-2", "node-3"],
        ),
        (
            NodeChoice(match_labels={}, match_expressions=(Requirement("pool", "NotIn", ("a",)),)),
            ["node-1", "node-2", "node-3"],
        ),
        (
            NodeChoice(match_labels={}, match_expressions=(Requirement("pool", "DoesNotExist"),)),
            ["node-1", "node-2", "node-3"],
        ),
        (NodeChoice(match_labels={}, match_expressions=(Requirement("pool", "Exists"),)), []),
    ],
)
def test_selectors_choose_as_kubernetes_selectors_do(selector: NodeChoice, chosen: list[str]) -> None:
    """An absent label meets NotIn and DoesNotExist."""
    plan_ = planned(check(source=selector, to=TO_KUBE_DNS))
    assert [a.dialer for a in plan_.asked] == chosen


HEADLESS = {("kube-system", "kube-dns"): Service("kube-system", "kube-dns", None, ())}


@pytest.mark.parametrize(
    ("of", "reason", "where", "why"),
    [
        (
            check(source=names("node-9")),
            Reason.NODE_NOT_FOUND,
            "spec.from.nodes.names[0]",
            "node node-9 does not exist",
        ),
        (
            check(to=NodeChoice(match_labels={"pool": "gone"})),
            Reason.NO_NODES_SELECTED,
            "spec.to.nodes.selector",
            "selects no node",
        ),
        (
            check(source=names("node-1"), to=names("node-1")),
            Reason.NO_NODES_SELECTED,
            "spec.to.nodes",
            "chooses only the node that spec.from.nodes chooses; a path needs two",
        ),
        (
            check(to=ServiceChoice("kube-system", "dns")),
            Reason.SERVICE_NOT_FOUND,
            "spec.to.service",
            "Service kube-system/dns does not exist",
        ),
        (
            check(to=TO_KUBE_DNS, traffic=(l4("tcp/80"),)),
            Reason.PORT_NOT_FOUND,
            "spec.traffic[0]",
            "Service kube-system/kube-dns has no port tcp/80; it has udp/53, tcp/53",
        ),
        (
            check(limit=4),
            Reason.LIMIT_EXCEEDED,
            "spec.pairs.limit",
            "6 pairs are asked, the limit is 4: 2 are not measured",
        ),
        (
            check(limit=10, traffic=tuple(L4(6, port) for port in range(1, 5001))),
            Reason.LIMIT_EXCEEDED,
            "spec.traffic",
            "6 pairs are asked, with 5000 entries a check measures at most 4: 2 are not measured",
        ),
    ],
)
def test_what_cannot_be_used_names_its_field(of: PathCheck, reason: Reason, where: str, why: str) -> None:
    """The objection holds the field's path and the reason."""
    assert planned(of).objections == (Objection(reason, Problem(where, why)),)


def test_pairs_beyond_the_limit_are_counted() -> None:
    """Four of six pairs are asked on two ports; the other four flows are counted."""
    plan_ = planned(check(limit=4, traffic=(l4("udp/53"), l4("tcp/53"))))
    assert (len(plan_.asked), plan_.beyond) == (8, 4)


def test_a_missing_node_does_not_stop_the_others() -> None:
    """What can still be asked is asked."""
    plan_ = planned(check(source=names("node-2", "node-9"), to=names("node-1")))
    assert [a.flow for a in plan_.asked] == [flow("node-2", "node-1")]


def test_a_service_without_ready_endpoints_is_asked_but_not_dialled() -> None:
    """It has no backend that could answer: an objection, and unmeasured flows."""
    services, _ = kube_dns()
    plan_ = plan(check(source=names("node-2"), to=TO_KUBE_DNS), nodes(), services, {}, pods())
    why = "Service kube-system/kube-dns has no ready endpoint behind udp/53"
    assert plan_.objections == (Objection(Reason.NO_ENDPOINTS, Problem("spec.to.service", why)),)
    assert [(a.dial, a.trouble) for a in plan_.asked] == [(None, why)]


def test_a_headless_service_has_nothing_to_dial() -> None:
    """There is no virtual address."""
    plan_ = plan(check(to=TO_KUBE_DNS), nodes(), HEADLESS, {}, pods())
    why = "Service kube-system/kube-dns has no virtual address to dial: it is headless or an ExternalName"
    assert plan_.objections == (Objection(Reason.SERVICE_WITHOUT_ADDRESS, Problem("spec.to.service", why)),)


def test_a_spec_that_cannot_be_read_asks_nothing() -> None:
    """Its problems are its objections."""
    problem = Problem("spec.traffic[0].port", "Input should be less than or equal to 65535")
    assert planned(check(problems=(problem,))) == Plan(objections=(Objection(Reason.INVALID_SPEC, problem),))


def test_the_same_choice_twice_needs_each_probe_once() -> None:
    """A full mesh of two nodes needs two probes."""
    assert plan(check(source=EVERY_NODE, to=EVERY_NODE), nodes("node-1", "node-2"), {}, {}, {}).nodes == {
        "node-1",
        "node-2",
    }
