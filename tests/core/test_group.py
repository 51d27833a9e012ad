"""What belongs together, and what is said of it."""

from __future__ import annotations

from pathcheck.core.group import group
from pathcheck.model.findings import Judgement, Seen
from pathcheck.model.firewall import Explanation, NearMiss
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
