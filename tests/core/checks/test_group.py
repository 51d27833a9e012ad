"""What belongs together, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

from pathcheck.core.checks.group import group
from pathcheck.model.findings import Judgement, Seen
from pathcheck.model.firewall import Explanation, NearMiss, Obstacle
from pathcheck.model.rules import Rule
from pathcheck.model.situation import Unavailable
from pathcheck.model.words import Action, Direction, Observation, Prediction, Reason, Verdict
from tests.builders import flow

NEAR = NearMiss(
    Rule("deny-https", "", Direction.INGRESS, 500, Action.DENY, ()),
    ("port",),
    "deny-https denies tcp/443, but not tcp/80",
)


def judged(source: str, prediction: Prediction, reason: Reason, *near: NearMiss) -> Judgement:
    """node-3 does not answer this node."""
    explanation = Explanation(prediction, ("firewall:all",), near_misses=near)
    return Judgement(flow(source, "node-3"), Seen(Observation.SILENT), explanation, Verdict.VIOLATED, reason)


def test_what_the_firewall_permits_is_not_parted_by_what_it_nearly_did() -> None:
    """One drop beyond the firewall is one finding, though a rule would nearly have denied one of its flows; it is not mentioned."""
    beyond = Reason.SILENT_BEYOND_FIREWALL
    judgements = [judged("node-1", Prediction.PERMITTED, beyond), judged("node-2", Prediction.PERMITTED, beyond, NEAR)]
    (finding,) = group(judgements, Unavailable(""), ())
    assert (finding.reason, len(finding.flows), finding.near_miss) == (beyond, 2, "")


def test_what_the_firewall_blocks_is_told_apart_by_what_it_nearly_did() -> None:
    """Another nearest rule is another thing to mend."""
    blocked = Reason.BLOCKED_BY_FIREWALL
    judgements = [judged("node-1", Prediction.BLOCKED, blocked), judged("node-2", Prediction.BLOCKED, blocked, NEAR)]
    assert [f.near_miss for f in group(judgements, Unavailable(""), ())] == ["", NEAR.sentence]


def lost(source: str, route: str, prediction: Prediction = Prediction.PERMITTED) -> Judgement:
    """Silent because of this route."""
    reason = Reason.NO_ROUTE_TO_POD_RANGE
    judgement = judged(source, prediction, reason)
    obstacle = Obstacle(f"route:{route}", "route", Direction.INGRESS, f"{route} is missing", reason)
    return replace(judgement, explanation=replace(judgement.explanation, obstacles=(obstacle,)))


def test_one_route_is_one_finding() -> None:
    """Flows that die of one route belong together, whoever sends them; another route is another finding."""
    findings = group([lost("node-1", "a"), lost("node-2", "a"), lost("node-1", "b")], Unavailable(""), ())
    assert [(f.rule, len(f.flows), f.sentence) for f in findings] == [
        ("route:a", 2, "udp/53 on node-1 → node-3, node-2 → node-3 gets no answer: a is missing"),
        ("route:b", 1, "node-1 → node-3 udp/53 gets no answer: b is missing"),
    ]


def test_what_the_firewall_blocks_as_well_is_said() -> None:
    """Who mends the route must not run into the rule."""
    blocked = lost("node-1", "a", Prediction.BLOCKED)
    blocked = replace(blocked, explanation=replace(blocked.explanation, why="a rule denies it"))
    (finding,) = group([blocked], Unavailable(""), ())
    assert finding.sentence == (
        "node-1 → node-3 udp/53 gets no answer: a is missing; the firewall would block it as well: a rule denies it"
    )


def test_what_is_on_the_wire_is_said() -> None:
    """Where it is something else than the flow, and for the firewall's findings only."""
    silent, refused = Reason.SILENT_FOR_UNKNOWN_REASON, Reason.REFUSED_BY_TARGET
    carried = [
        replace(judged(f"node-{n}", Prediction.UNDETERMINED, silent), carried=f"udp/8472 from {n} to 3") for n in (1, 2)
    ]
    (finding,) = group(carried, Unavailable(""), ())
    assert finding.sentence.endswith("; on the wire this is udp/8472 from 1 to 3, and 1 more such")
    (finding,) = group([replace(carried[0], reason=refused)], Unavailable(""), ())
    assert "on the wire" not in finding.sentence
