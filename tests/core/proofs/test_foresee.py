"""What a check comes to that takes the firewall's word."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given, settings

from pathcheck.core.checks.judge import accept
from pathcheck.core.decide import OLD, decide_check, decide_fleet
from pathcheck.core.proofs.foresee import Foreseen, foresee
from pathcheck.core.rules.predict import predict
from pathcheck.model.checks import PathCheck
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4
from pathcheck.model.plans import Bundle
from pathcheck.model.proofs import Span
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Evidence, Expectation, Verdict
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.gcloud import command
from tests.builders import NOON, POD_RANGES, TO_KUBE_DNS, check, kube_dns, l4, nodes, pods
from tests.core.proofs.test_prove import SPANS, every_flow, firewalls
from tests.recordings import NODE_TAG, entry, firewall, rule

STORY = Path(__file__).parents[3] / "docs" / "story"
SIX = tuple(l4(t) for t in ("tcp", "udp", "icmp", "esp", "ah", "sctp"))
PODS = tuple(Span((ip_network(r),), name, name) for name, r in POD_RANGES.items())


def story(name: str) -> Firewall:
    read = firewall_of(json.loads((STORY / f"{name}.json").read_text()))
    return replace(read, first_read=NOON, last_read=NOON)


def counts(foreseen: Foreseen) -> dict[str, int]:
    found: Counter[str] = Counter()
    for judgement in foreseen.judgements:
        found[judgement.verdict] += judgement.count
    return dict(found)


def told(foreseen: Foreseen) -> list[tuple[str, str, int]]:
    return [(f.reason, f.rule, f.total) for f in foreseen.findings]


def world(of: PathCheck, read: Firewall | Unavailable, trouble: Unavailable | None = None) -> Snapshot:
    services, backends = kube_dns()
    return Snapshot(NOON, nodes(), services, backends, {}, pods(), {of.name: of}, read, trouble)


def ready(snapshot: Snapshot) -> str:
    condition = decide_check(snapshot, "kube-dns", command).status.condition("Ready")
    assert condition is not None
    return f"{condition.status} {condition.reason}: {condition.message}"


def predicted(**changes: object) -> PathCheck:
    return check(evidence=Evidence.PREDICTED, **changes)


def test_the_outage_is_one_finding_for_all_protocols() -> None:
    """Six pairs and five protocols have one cause; ping alone comes through, by another rule."""
    foreseen = foresee([Bundle(PODS, PODS, SIX)], Expectation.REACHABLE, story("outage"))
    assert counts(foreseen) == {"violated": 30, "upheld": 6}
    assert told(foreseen) == [("FirewallWouldBlock", "implied-deny-ingress", 30)]


def test_what_some_ports_let_in_is_not_isolated() -> None:
    """tcp as a whole must stay out; four ports do not, by three rules, each a finding of its own, and every pair is violated once."""
    foreseen = foresee([Bundle(PODS, PODS, (l4("tcp"),))], Expectation.ISOLATED, story("outage"))
    assert counts(foreseen) == {"violated": 6}
    assert sorted(told(foreseen)) == [
        ("FirewallWouldPermit", "firewall:akrobateo-fw-traefik", 6),
        ("FirewallWouldPermit", "firewall:default-allow-rdp", 6),
        ("FirewallWouldPermit", "firewall:default-allow-ssh", 6),
    ]
    assert next(f.sentence for f in foreseen.findings if "traefik" in f.rule) == (
        "tcp/80, tcp/443 from 10.24.9.0/24, 10.24.12.0/24, 10.24.13.0/24 to 10.24.9.0/24, 10.24.12.0/24, 10.24.13.0/24 must stay isolated:"
        " firewall rule akrobateo-fw-traefik (1000) admits tcp/80, tcp/443 from 0.0.0.0/0"
    )


def test_a_rule_that_cannot_be_judged_is_unknown() -> None:
    """Never good news and never bad news."""
    read = firewall(rule("odd", colour="red", targetTags=[NODE_TAG]), rule("udp", priority=2000))
    foreseen = foresee([Bundle(PODS, PODS, (l4("udp/53"),))], Expectation.REACHABLE, read)
    assert counts(foreseen) == {"unknown": 6}
    assert told(foreseen) == [("FirewallUndetermined", "undecided:firewall:odd", 6)]


def test_ends_of_different_families_are_unknown() -> None:
    """Nothing can pass between them, but no rule says so."""
    six = Span((ip_network("fd00:1::/64"),), "node-1", "node-1")
    foreseen = foresee([Bundle((PODS[1],), (six,), (l4("udp"),))], Expectation.REACHABLE, story("before"))
    assert told(foreseen) == [("FirewallUndetermined", "undecided:addresses", 1)]


def test_ends_in_any_order_are_spoken_of() -> None:
    """Two nodes named in one order as sources and in the other as targets."""
    foreseen = foresee([Bundle(PODS[:2], PODS[1::-1], (l4("udp"),))], Expectation.REACHABLE, story("outage"))
    assert counts(foreseen) == {"violated": 2}
    assert sorted(str(flow) for j in foreseen.judgements for flow in j.at_firewall) == [
        "node-1[pod 10.24.9.0] → node-2[pod 10.24.12.0] udp",
        "node-2[pod 10.24.12.0] → node-1[pod 10.24.9.0] udp",
    ]


def test_each_family_that_both_have_must_pass() -> None:
    """A rule for IPv4 alone leaves IPv6 blocked, and that is the finding."""
    spans = [replace(s, ranges=(*s.ranges, ip_network(f"fd00:{i}::/64"))) for i, s in enumerate(PODS)]
    read = firewall(rule("all", allowed=[entry("all")]))
    foreseen = foresee([Bundle(tuple(spans), tuple(spans), (l4("udp"),))], Expectation.REACHABLE, read)
    assert (counts(foreseen), told(foreseen)) == (
        {"violated": 6},
        [("FirewallWouldBlock", "implied-deny-ingress", 6)],
    )


def test_no_probe_and_no_pod_is_asked_for() -> None:
    """The fleet stays empty, and nothing is to be proven or read."""
    snapshot = world(predicted(traffic=SIX), story("outage"))
    decision = decide_check(snapshot, "kube-dns", command)
    assert decide_fleet(snapshot).assignments == {}
    assert (decision.nodes, decision.prove, decision.read_firewall, decision.look_again_seconds) == (
        frozenset(),
        frozenset(),
        False,
        None,
    )


def test_a_service_is_asked_at_its_backends() -> None:
    """kube-dns' one backend is on node-1: the pods of the two other nodes would not get there."""
    of = predicted(to=TO_KUBE_DNS, traffic=(l4("udp/53"), l4("tcp/53")))
    assert ready(world(of, story("before"))) == "True Upheld: all 4 flows are reachable by the firewall's rules"
    assert ready(world(of, story("outage"))).startswith(
        "False FirewallWouldBlock: 4 of 4 flows violated: blocked by implied-deny-ingress: no rule admits 10.24.12.0/24,"
        " 10.24.13.0/24 → tcp/53, udp/53 on nodes tagged"
    )


def test_without_a_reading_nothing_is_known() -> None:
    """Why not is in the sentence."""
    assert ready(world(predicted(), Unavailable("no credentials"))) == (
        "Unknown FirewallUndetermined: 6 of 6 flows unknown: the firewall's answer is not known: no credentials"
    )


def test_an_old_reading_is_no_evidence_once_new_ones_fail() -> None:
    """Measured checks would see; this one has nothing else. A first failure changes nothing yet."""
    trouble = Unavailable("quota exceeded")
    fresh = replace(story("before"), last_read=NOON - OLD)
    old = replace(story("before"), last_read=NOON - OLD - timedelta(seconds=1))
    assert ready(world(predicted(), fresh, trouble)).startswith("True Upheld")
    assert ready(world(predicted(), old)).startswith("True Upheld")
    assert ready(world(predicted(), old, trouble)) == (
        "Unknown FirewallUndetermined: 6 of 6 flows unknown: the firewall's answer is not known: it was last read at 11:54:59 UTC,"
        " and cannot be read now: quota exceeded"
    )


def test_what_is_parted_too_finely_is_said_to_be_so() -> None:
    """A rule for each node would take minutes on the thread that decides every check."""
    halves = [[f"10.9.{i}.0/25"] for i in range(80)]
    each = [rule(f"r{i}", sourceRanges=half, destinationRanges=half) for i, half in enumerate(halves)]
    read = firewall(*each)
    spans = tuple(Span((ip_network(f"10.9.{i}.0/24"),), f"n{i}", f"node-{1 + i % 3}") for i in range(80))
    foreseen = foresee([Bundle(spans, spans, (l4("udp"),))], Expectation.REACHABLE, read)
    assert counts(foreseen) == {"unknown": 80 * 79}
    assert foreseen.findings[0].sentence == (
        "the firewall's answer is not known: rules part these ends into 80 and 80 kinds, too many to prove all pairs"
    )


@given(firewalls())
@settings(max_examples=25, deadline=None)
def test_each_pair_is_counted_as_its_worst_flow(read: Firewall) -> None:
    """Verdicts by kinds are what every address and port of every pair comes to, one by one."""
    traffic = (L4(6, 3), L4(6, 5), L4(50))
    for expectation in Expectation:
        foreseen = foresee([Bundle(tuple(SPANS), tuple(SPANS), traffic)], expectation, read)
        worst: dict[tuple[str, str, L4], int] = {}
        order = [Verdict.UPHELD, Verdict.UNKNOWN, Verdict.VIOLATED]
        for flow in every_flow(SPANS, SPANS, traffic):
            verdict, _ = accept(expectation, predict(flow, read).prediction)
            pair = (flow.source.name, flow.destination.name, flow.l4)
            worst[pair] = max(worst.get(pair, 0), order.index(verdict))
        assert counts(foreseen) == dict(Counter(str(order[rank]) for rank in worst.values()))
