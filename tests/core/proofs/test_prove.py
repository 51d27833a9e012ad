"""Proofs over ranges and ports: nothing left out, nothing twice, and each piece as predicted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pathcheck.core.proofs.prove import prove
from pathcheck.core.rules.ports import SIX_PROTOCOLS, spoken
from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, Endpoint, Flow, Range
from pathcheck.model.machines import Instance, Interface, Network
from pathcheck.model.proofs import Part, Span
from pathcheck.model.rules import L4Match, Policy, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction, Vantage
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import POD_RANGES
from tests.recordings import entry, firewall, machine, rule

STORY = Path(__file__).parents[3] / "docs" / "story"
EVERYTHING = [L4Match(protocol) for protocol in SIX_PROTOCOLS]
PODS = [Span((ip_network(r),), name, name) for name, r in POD_RANGES.items()]


def story(name: str) -> Firewall:
    return firewall_of(json.loads((STORY / f"{name}.json").read_text()))


def said(parts: Sequence[Part]) -> list[tuple[str, str, str, int]]:
    return [(p.explanation.prediction, ", ".join(p.explanation.decided_by), spoken(p.traffic), p.pairs) for p in parts]


def test_before_the_outage_everything_between_pods_is_permitted() -> None:
    """GKE's rule admits six protocols on all ports; on tcp/80 and tcp/443 another rule ties with it and is named too."""
    proof = prove(PODS, PODS, EVERYTHING, story("before"))
    assert said(proof.parts) == [
        ("permitted", "firewall:gke-august-period-234610-all", "tcp (not 80, 443), udp, icmp, esp, ah, sctp", 6),
        ("permitted", "firewall:akrobateo-fw-traefik, firewall:gke-august-period-234610-all", "tcp/80, tcp/443", 6),
    ]


def test_the_outage_is_one_counter_example_with_all_its_ranges_and_ports() -> None:
    """What other rules admit by accident is left out of it."""
    proof = prove(PODS, PODS, EVERYTHING, story("outage"))
    blocked = proof.parts[0]
    ranges = tuple(ip_network(r) for r in POD_RANGES.values())
    assert (blocked.sources, blocked.destinations) == (ranges, ranges)
    assert said(proof.parts) == [
        ("blocked", "implied-deny-ingress", "tcp (not 22, 80, 443, 3389), udp, esp, ah, sctp", 6),
        ("permitted", "firewall:default-allow-ssh", "tcp/22", 6),
        ("permitted", "firewall:akrobateo-fw-traefik", "tcp/80, tcp/443", 6),
        ("permitted", "firewall:default-allow-rdp", "tcp/3389", 6),
        ("permitted", "firewall:default-allow-icmp", "icmp", 6),
    ]


def test_a_rule_for_half_a_pod_range_leaves_the_other_half() -> None:
    """Ranges are cut where rules are, never sampled."""
    read = firewall(rule("half", sourceRanges=["10.24.12.0/25"], allowed=[entry("udp", "53", "100-65535")]))
    proof = prove([PODS[1]], [PODS[0]], [L4Match(17)], read)
    assert [(str(p.sources[0]), p.explanation.prediction, spoken(p.traffic)) for p in proof.parts] == [
        ("10.24.12.0/25", "blocked", "udp/0-52, udp/54-99"),
        ("10.24.12.128/25", "blocked", "udp"),
        ("10.24.12.0/25", "permitted", "udp/53, udp/100-65535"),
    ]


def test_a_thousand_nodes_of_one_kind_are_asked_once() -> None:
    """The number of predictions depends on the kinds of nodes, not on their pairs."""
    interfaces = [
        Interface(
            "nic0",
            "default",
            "r",
            (ip_network(f"10.0.{i // 256}.{i % 256}"),),
            (ip_network(f"10.{100 + i // 256}.{i % 256}.0/24"),),
        )
        for i in range(1000)
    ]
    machines = tuple(Instance(f"n{i}", "z", (nic,), frozenset({"node"})) for i, nic in enumerate(interfaces))
    admits = Rule(
        "all", "default", Direction.INGRESS, 1000, Action.ALLOW, (L4Match(None),), (ip_network("10.64.0.0/10"),)
    )
    read = Firewall("p", "r", machines, (admits,), networks=(Network("default"),))
    spans = [Span(m.interfaces[0].alias_ranges, m.name, m.name) for m in machines]
    proof = prove(spans, spans, EVERYTHING, read)
    assert said(proof.parts) == [("permitted", "firewall:all", "tcp, udp, icmp, esp, ah, sctp", 999_000)]
    assert len(read.predicted) == len(EVERYTHING)


def test_packets_on_one_machine_are_not_asked_about() -> None:
    """They meet no firewall."""
    proof = prove([PODS[0]], [PODS[0]], EVERYTHING, story("before"))
    assert (proof.parts, proof.pairs) == ((), 0)


def test_machines_of_one_name_are_not_taken_for_one() -> None:
    """In two zones there may be two of a name; which is meant cannot be told, and is not left out."""
    read = story("before")
    twins = replace(read, instances=(*read.instances, replace(read.instances[0], zone="us-east1-c")))
    name = read.instances[0].name
    spans = [Span((ip_network(r),), node, name) for node, r in (("a", "10.24.9.0/24"), ("b", "10.24.10.0/24"))]
    proof = prove(spans, spans, [L4Match(17)], twins)
    assert said(proof.parts) == [("undetermined", f"undecided:instance:{name}", "udp", 2)]


# A universe small enough to be walked address by address: three machines with four pod addresses each, ports 0 to 5.
POOLS = ["10.0.0.0/30", "10.0.0.4/30", "10.0.0.8/30"]
PORTS = PortRange(0, 5)
TAGS = ["a", "b"]


def ranges() -> st.SearchStrategy[tuple[Range, ...]]:
    one = st.builds(
        lambda n, length: ip_network((n, length), strict=False),
        st.integers(0x0A000000, 0x0A00000F),
        st.integers(28, 32),
    )
    return st.lists(one, max_size=2).map(tuple)


def l4_matches() -> st.SearchStrategy[tuple[L4Match, ...]]:
    port = st.builds(lambda a, b: PortRange(min(a, b), max(a, b)), st.integers(0, 7), st.integers(0, 7))
    entry_ = st.one_of(
        st.just(L4Match(None)),
        st.just(L4Match(50)),
        st.builds(L4Match, st.sampled_from([6, 17]), st.lists(port, max_size=2).map(tuple)),
    )
    return st.lists(entry_, min_size=1, max_size=2).map(tuple)


@st.composite
def rules(draw: st.DrawFn, stage: Stage, number: int) -> Rule:
    policy = stage is not Stage.VPC
    actions = list(Action) if policy else [Action.ALLOW, Action.DENY]
    tags = st.frozensets(st.sampled_from(TAGS), max_size=1)
    return Rule(
        name=f"{stage.name}-{number}",
        network="" if policy else "default",
        direction=draw(st.sampled_from(Direction)),
        priority=number if policy else draw(st.sampled_from([0, 1000, 65535])),
        action=draw(st.sampled_from(actions)),
        l4=draw(l4_matches()),
        remote_ranges=draw(ranges()),
        remote_tags=frozenset() if policy else draw(tags),
        remote_secure_tags=draw(tags) if policy else frozenset(),
        local_ranges=draw(ranges()),
        target_tags=frozenset() if policy else draw(tags),
        target_secure_tags=draw(tags) if policy else frozenset(),
        disabled=draw(st.integers(0, 5)) == 0,
        cannot_tell=draw(st.sampled_from(["", "", "", "", "it has a field that nobody knows"])),
        remote_unsure=draw(st.sampled_from(["", "", "", "a domain name"])) if policy else "",
        stage=stage,
        policy=f"p-{stage.name}" if policy else "",
    )


@st.composite
def firewalls(draw: st.DrawFn) -> Firewall:
    machines = []
    for i, pool in enumerate(POOLS):
        delivered = (ip_network(pool),)
        alias = draw(st.booleans())
        nic = Interface(
            "nic0",
            "default",
            "r",
            (ip_network(f"10.0.0.{12 + i}"),),
            delivered if alias else (),
            () if alias else delivered,
        )
        tags = draw(st.frozensets(st.sampled_from(TAGS), max_size=2))
        secure = draw(st.one_of(st.none(), st.frozensets(st.sampled_from(TAGS), max_size=2)))
        machines.append(Instance(f"m{i}", "z", (nic,), tags, frozenset(), secure))
    vpc = tuple(draw(rules(Stage.VPC, i)) for i in range(draw(st.integers(0, 5))))
    policies = tuple(
        Policy(f"p-{stage.name}", stage, "", "", tuple(draw(rules(stage, i)) for i in range(draw(st.integers(0, 3)))))
        for stage in (Stage.HIERARCHY, Stage.GLOBAL)
    )
    order = draw(st.sampled_from([False, False, True, None]))
    return Firewall("p", "r", tuple(machines), vpc, policies, (Network("default", order),))


SPANS = [Span((ip_network(pool),), f"n{i}", f"m{i}") for i, pool in enumerate(POOLS)]
OUTSIDE = Span((ip_network("10.0.0.14/31"),))


def every_flow(sources: Sequence[Span], destinations: Sequence[Span], traffic: Sequence[L4]) -> Iterator[Flow]:
    for a in sources:
        for b in destinations:
            for source in a.ranges[0] if a.identity != b.identity else ():
                for destination in b.ranges[0]:
                    ends = [
                        Endpoint(x, s.name, Vantage.POD if s.name else None, s.instance)
                        for x, s in ((source, a), (destination, b))
                    ]
                    yield from (Flow(ends[0], ends[1], l4) for l4 in traffic)


def holds(part: Part, flow: Flow) -> bool:
    return (
        any(flow.source.address in r for r in part.sources)
        and any(flow.destination.address in r for r in part.destinations)
        and any(
            m.protocol == flow.l4.protocol
            and (not m.ports or flow.l4.port is None or any(flow.l4.port in p for p in m.ports))
            for m in part.traffic
        )
    )


@given(firewalls())
@settings(max_examples=40, deadline=None)
def test_a_proof_is_what_asking_every_flow_comes_to(read: Firewall) -> None:
    """Each of some 600 flows lies in exactly one part, and is predicted as that part says, by the same rules."""
    sources, destinations = [SPANS[0], SPANS[1], OUTSIDE], [*SPANS]
    proof = prove(sources, destinations, [L4Match(6, (PORTS,)), L4Match(50)], read)
    for flow in every_flow(sources, destinations, [*(L4(6, p) for p in range(6)), L4(50)]):
        (part,) = [p for p in proof.parts if holds(p, flow)]
        one, all_of_it = predict(flow, read), part.explanation
        assert (one.prediction, one.decided_by) == (all_of_it.prediction, all_of_it.decided_by)


@given(firewalls(), st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_a_disabled_rule_parts_nothing(read: Firewall, which: int) -> None:
    """It behaves as if it did not exist, and the proof has no more parts for it."""
    off = replace(read, rules=tuple(replace(r, disabled=True) if i == which else r for i, r in enumerate(read.rules)))
    without = replace(read, rules=tuple(r for i, r in enumerate(read.rules) if i != which))
    asked = (SPANS, SPANS, [L4Match(6, (PORTS,)), L4Match(50)])
    assert said(prove(*asked, off).parts) == said(prove(*asked, without).parts)


def test_between_ipv6_addresses_icmp_is_that_of_ipv6() -> None:
    """RFC 4443 gave it a number of its own, and rules name it by that number."""
    nic = {"name": "nic0", "network": "global/networks/default"}
    machines = [
        machine(name, "", networkInterfaces=[nic | {"ipv6Address": f"fd20:0:0:{i}::", "internalIpv6PrefixLength": 96}])
        for i, name in enumerate(("node-1", "node-2"), start=1)
    ]
    six = firewall(rule("six", allowed=[entry("58")], sourceRanges=["::/0"]), instances=machines)
    spans = [Span((ip_network(f"fd20:0:0:{i}::/96"),), name, name) for i, name in enumerate(("node-1", "node-2"), 1)]
    proof = prove(spans[:1], spans[1:], [L4Match(1)], six)
    assert [(part.traffic, part.explanation.decided_by) for part in proof.parts] == [
        ((L4Match(58),), ("firewall:six",))
    ]
