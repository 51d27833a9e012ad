"""What does a finding's fix have to mend, and what must it not break? The flows of its check, and the wishes of all checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pathcheck.core.fixes.propose import Wishes, propose
from pathcheck.core.rules.predict import predict
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.fixes import Proposal
from pathcheck.model.flows import Flow, Range
from pathcheck.model.plans import Plan
from pathcheck.model.words import Expectation, Prediction, Reason

MENDED = {
    Reason.BLOCKED_BY_FIREWALL: (Expectation.REACHABLE, Prediction.BLOCKED),
    Reason.PERMITTED_BY_FIREWALL: (Expectation.ISOLATED, Prediction.PERMITTED),
    Reason.FIREWALL_WOULD_BLOCK: (Expectation.REACHABLE, Prediction.BLOCKED),
    Reason.FIREWALL_WOULD_PERMIT: (Expectation.ISOLATED, Prediction.PERMITTED),
}
"""Reasons that a change of rules takes away: what is expected, and what the firewall does instead."""


def mend(
    finding: Finding,
    name: str,
    planned: Plan,
    plans: Iterable[tuple[Expectation, Plan]],
    sources: tuple[Range, ...],
    firewall: Firewall,
) -> Finding:
    """The finding with the best fix, and what else that does or why there is none. `planned` is the check's, `plans` are of all checks."""
    expectation, otherwise = MENDED[finding.reason]
    dialled = set(finding.flows)
    seen = [flow for asked in planned.asked if asked.flow in dialled for flow in asked.at_firewall]
    # Also what will be seen so within a round: who types the first printed fix must not have to type a second.
    explained = [(flow, predict(flow, firewall)) for flow in _crossing(planned)]
    every = [flow for flow, e in explained if e.prediction is otherwise]
    fine = {flow.source.address for flow, e in explained if e.prediction is not otherwise and e.direction is not None}
    amiss = {flow.source.address for flow in every}
    # Senders that get through need no rule; those of which nothing crosses the firewall today may do so tomorrow.
    sources = tuple(r for r in sources if any(a in r for a in amiss) or not any(a in r for a in fine))
    wishes = wishes_of(plans)
    proposal = Proposal()
    for flows in dict.fromkeys((tuple(every), tuple(seen))):
        proposal = propose(name, flows, expectation, sources, wishes, firewall)
        if proposal.best is not None:
            return replace(finding, fix=proposal.best, fix_note=proposal.best.besides)
    return replace(finding, fix_note=f"no fix: {proposal.why_not}")


def wishes_of(plans: Iterable[tuple[Expectation, Plan]]) -> Wishes:
    """What these checks together want."""
    flows: dict[Expectation, list[Flow]] = {expectation: [] for expectation in Expectation}
    bundles = []
    for expectation, plan in plans:
        flows[expectation] += _crossing(plan)
        bundles += [(expectation, bundle) for bundle in plan.bundles]
    return Wishes(tuple(flows[Expectation.REACHABLE]), tuple(flows[Expectation.ISOLATED]), tuple(bundles))


def _crossing(plan: Plan) -> Iterable[Flow]:
    return [flow for asked in plan.asked for flow in asked.at_firewall if flow.source.known and flow.destination.known]
