"""Which flows of a check a change flips, by prediction, whatever packets show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathcheck.core.changes.affect import affect
from pathcheck.core.changes.compare import Comparison
from pathcheck.core.decide import on_the_wire_of
from pathcheck.model.checks import PathCheck
from pathcheck.model.drift import Affected
from pathcheck.model.situation import Snapshot
from pathcheck.model.words import Evidence, Expectation
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import POD_RANGES, TO_KUBE_DNS, check, kube_dns, l4, node, nodes, pods, seconds
from tests.recordings import NODE_TAG, Raw, entry, recording, rule

PODS = rule("pods", sourceRanges=["10.24.0.0/14"], targetTags=[NODE_TAG], allowed=[entry("tcp"), entry("udp")])
WEB = rule("web", allowed=[entry("tcp", "80")])
WHOLE, BARE = recording(PODS, WEB), recording(WEB)


def affected(of: PathCheck, before: Raw, after: Raw) -> Affected | None:
    """What the change does to this check, asked with the story's three nodes."""
    services, backends = kube_dns()
    old, new = firewall_of(before), firewall_of(after)
    snapshot = Snapshot(seconds(0), nodes(), services, backends, {}, pods(), {of.name: of}, new)
    ranges = [r for name in POD_RANGES for r in node(name).pod_ranges]
    return affect(of.name, of.expectation, on_the_wire_of(snapshot, of), ranges, Comparison(old, new))


@pytest.mark.parametrize(
    ("sentence", "of", "worse"),
    [
        ("every pair of nodes", check(), 6),
        ("a Service, but for the node that its backend is on", check(to=TO_KUBE_DNS), 2),
        ("two ports, of which one has another rule", check(traffic=(l4("tcp/80"), l4("tcp/81"))), 6),
        ("a port that has another rule", check(traffic=(l4("tcp/80"),)), 0),
        ("what must stay isolated", check(expectation=Expectation.ISOLATED), -6),
        (
            "the firewall's word, whole ranges and all ports",
            check(evidence=Evidence.PREDICTED, traffic=(l4("udp"),)),
            6,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_flows_that_flip_are_counted(sentence: str, of: PathCheck, worse: int) -> None:
    """As expected no longer when the rule goes, and again when it comes back; nothing is said of a check that stays as it is."""
    name = of.name
    expected = Affected(name, max(worse, 0), max(-worse, 0)) if worse else None
    back = Affected(name, max(-worse, 0), max(worse, 0)) if worse else None
    assert (affected(of, WHOLE, BARE), affected(of, BARE, WHOLE)) == (expected, back), sentence


def test_what_cannot_be_told_any_more_is_worse() -> None:
    """A rule with a condition that nobody knows is no allow."""
    odd = recording({**PODS, "futureCondition": True}, WEB)
    assert affected(check(), WHOLE, odd) == Affected("kube-dns", 6, 0)


def test_a_route_that_goes_takes_its_flows_with_it() -> None:
    """Those to the node and those from it, whose answers do not come back."""
    lost = {**WHOLE, "routes": WHOLE["routes"][1:]}
    assert affected(check(), WHOLE, lost) == Affected("kube-dns", 4, 0)


def test_more_of_what_was_violated_already_is_worse() -> None:
    """A check of all ports had one port shut, and now has all."""
    shut = recording(PODS, WEB, rule("deny", denied=[entry("udp", "9")], priority=900))
    of = replace(check(evidence=Evidence.PREDICTED), traffic=(l4("udp"),))
    assert affected(of, shut, BARE) == Affected("kube-dns", 1, 0)
