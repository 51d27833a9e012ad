"""One pass, pure: a snapshot of the world in, what to say and what to do out. Only this file puts the verbs in order.

Longer than 200 lines because that order is one thing to read, and each verb is given just what it asks of the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import collapse_addresses

from pathcheck.core.checks.align import Aligned, align
from pathcheck.core.checks.assign import assign
from pathcheck.core.checks.conclude import conclude
from pathcheck.core.checks.group import group
from pathcheck.core.checks.judge import accept, judge
from pathcheck.core.checks.observe import PATIENCE, observe
from pathcheck.core.checks.plan import plan
from pathcheck.core.checks.recount import last_change, waits
from pathcheck.core.fixes.mend import MENDED, mend
from pathcheck.core.fixes.remedy import remedy
from pathcheck.core.proofs.foresee import foresee, unread
from pathcheck.core.reliance.held import relied
from pathcheck.core.signatures.infer import infer
from pathcheck.core.ways.carry import on_the_wire, senders
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.core.ways.explain import SOME_BACKENDS, explain
from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import Finding, FirewallState, Judgement, Seen
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.fixes import Fix
from pathcheck.model.flows import Range
from pathcheck.model.plans import Asked, Plan
from pathcheck.model.situation import CheckDecision, FleetDecision, Snapshot, Unavailable
from pathcheck.model.words import Evidence, Expectation, Prediction, Reason, Verdict

# Where nothing is seen, rules are all there is: those that cannot be read again for so long may have become others.
OLD = timedelta(minutes=5)
# What is said while packets are still as expected and the rules, which have just changed, foretell that they will not be for long.
_AHEAD = {
    Expectation.REACHABLE: Reason.FIREWALL_WOULD_BLOCK,
    Expectation.ISOLATED: Reason.FIREWALL_WOULD_PERMIT,
}


def decide_check(snapshot: Snapshot, name: str, spell: Callable[[Fix], str]) -> CheckDecision:
    """What one check comes to. `spell` writes a fix as a command of the cloud it is for."""
    check = snapshot.checks[name]
    planned = on_the_wire_of(snapshot, check)
    # Not merged: a route that is missing is called by the range of its node.
    every_range = tuple(r for node in snapshot.nodes.values() for r in node.pod_ranges)
    if check.evidence is Evidence.PREDICTED:
        return _decide_predicted(snapshot, check, planned, spell)
    judgements: list[Judgement] = []
    foretold: dict[int, Explanation] = {}
    prove: set[str] = set()
    read_firewall = False
    for asked in planned.asked:
        seen, unproven = observe(asked, snapshot.probes, snapshot.pods, snapshot.now, snapshot.heartbeat_seconds)
        aligned = _explain(asked, seen, check, snapshot, every_range)
        judgement = judge(asked.flow, check.expectation, aligned.explanation, seen)
        if judgement.verdict is Verdict.UPHELD and SOME_BACKENDS in aligned.explanation.decided_by:
            # A Service whose every third connection dies is not well: the answers seen are those of the other backends.
            note = Reason.SOME_BACKENDS_BLOCKED if check.expectation is Expectation.REACHABLE else None
            judgement = replace(judgement, note=note)
        carried = next((way.carried for way in asked.ways if way.carried), "")
        if aligned.ahead is not None and _foretold(asked, check, aligned.ahead, snapshot, every_range):
            foretold[len(judgements)] = aligned.ahead
        judgements.append(replace(judgement, at_firewall=asked.at_firewall, carried=carried, settling=aligned.settling))
        prove |= unproven
        read_firewall |= aligned.outdated
    if not any(j.verdict is Verdict.VIOLATED for j in judgements):
        # Once packets die, each is told as it does.
        for i, ahead in foretold.items():
            judgements[i] = replace(judgements[i], explanation=ahead, note=_AHEAD[check.expectation])
    sources = senders(planned, pod_ranges(snapshot, planned.sources))
    findings = group(judgements, snapshot.firewall, sources)
    findings = tuple(replace(f, sentence=f.sentence + infer(f, planned, snapshot)) for f in findings)
    findings = tuple(_with_fix(f, check, planned, snapshot, sources) for f in findings)
    lines = [spell(f.fix) if f.fix is not None else "" for f in findings]
    status, announcements = conclude(
        check, planned, judgements, findings, lines, _state(snapshot, check, planned, ""), snapshot.now
    )
    return CheckDecision(
        name=name,
        status=status,
        findings=findings,
        judgements=tuple(judgements),
        announcements=announcements,
        prove=frozenset(prove),
        read_firewall=read_firewall,
        look_again_seconds=_soon(check, snapshot, bool(prove) or any(j.settling for j in judgements)),
        nodes=planned.nodes,
    )


def _decide_predicted(
    snapshot: Snapshot, check: PathCheck, planned: Plan, spell: Callable[[Fix], str]
) -> CheckDecision:
    """The same for a check that takes the firewall's word: nothing is observed, and so nothing has to be aligned."""
    why, pending = _unheard(snapshot)
    if why:
        foreseen = unread(planned.bundles, why, pending)
    else:
        assert isinstance(snapshot.firewall, Firewall)
        foreseen = foresee(planned.bundles, check.expectation, snapshot.firewall)
    findings = foreseen.findings
    if isinstance(snapshot.firewall, Firewall):
        plans = [(other.expectation, on_the_wire_of(snapshot, other)) for other in snapshot.checks.values()]
        ranges = pod_ranges(snapshot, planned.sources)
        findings = remedy(foreseen, check.name, planned.bundles, check.expectation, plans, ranges, snapshot.firewall)
    lines = [spell(f.fix) if f.fix is not None else "" for f in findings]
    status, announcements = conclude(
        check, planned, foreseen.judgements, findings, lines, _state(snapshot, check, planned, why), snapshot.now
    )
    again = _soon(check, snapshot, unfinished=False)
    return CheckDecision(check.name, status, findings, foreseen.judgements, announcements, look_again_seconds=again)


def _unheard(snapshot: Snapshot) -> tuple[str, bool]:
    """Why the firewall's word alone says nothing of pod ranges, and whether it will in a moment; "" where it does."""
    firewall, trouble = snapshot.firewall, snapshot.firewall_trouble
    if isinstance(firewall, Unavailable):
        return _said(firewall), firewall.pending
    read = firewall.last_read
    if trouble is not None and read is not None and snapshot.now - read > OLD:
        return f"it was last read at {read:%H:%M:%S} UTC, and cannot be read now: {_said(trouble)}", False
    return datapath_of(snapshot.datapath, snapshot.nodes, firewall).hides_pods, False


def decide_fleet(snapshot: Snapshot) -> FleetDecision:
    """Which probes there must be and what they are told. A node that no check selects has none."""
    plans = [_plan(snapshot, check) for _, check in sorted(snapshot.checks.items())]
    prove_after = {node: probe.assignment.prove_after for node, probe in snapshot.probes.items()}
    assignments = assign(plans, snapshot.key, prove_after)
    return FleetDecision(
        assignments=assignments,
        pods_to_delete=tuple(pod.name for node, pod in sorted(snapshot.pods.items()) if node not in assignments),
        probes_to_delete=tuple(node for node in sorted(snapshot.probes) if node not in assignments),
    )


def pod_ranges(snapshot: Snapshot, nodes: Sequence[str]) -> tuple[Range, ...]:
    """The pod ranges of these nodes, neighbours merged, IPv4 first."""
    ranges = [r for name in nodes if name in snapshot.nodes for r in snapshot.nodes[name].pod_ranges]
    v4 = collapse_addresses([r for r in ranges if r.version == 4])
    v6 = collapse_addresses([r for r in ranges if r.version == 6])
    return (*v4, *v6)


def _plan(snapshot: Snapshot, check: PathCheck) -> Plan:
    return plan(check, snapshot.nodes, snapshot.services, snapshot.backends, snapshot.pods)


def on_the_wire_of(snapshot: Snapshot, check: PathCheck) -> Plan:
    """The plan, its flows at the firewall as the firewall sees them."""
    planned = _plan(snapshot, check)
    if isinstance(snapshot.firewall, Unavailable):
        return planned
    datapath = datapath_of(snapshot.datapath, snapshot.nodes, snapshot.firewall)
    return on_the_wire(planned, datapath, snapshot.nodes, snapshot.firewall)


def _explain(asked: Asked, seen: Seen, check: PathCheck, snapshot: Snapshot, every_range: Sequence[Range]) -> Aligned:
    if isinstance(snapshot.firewall, Unavailable):
        explanation = Explanation(Prediction.UNDETERMINED, why=_said(snapshot.firewall))
        return Aligned(explanation, settling=snapshot.firewall.pending)
    explanation = explain(asked, snapshot.firewall, every_range)
    aligned = align(explanation, seen, check, snapshot.firewall, snapshot.now)
    if aligned.outdated:
        # Routes that were read before it began explain as little as rules.
        aligned = replace(aligned, explanation=replace(aligned.explanation, obstacles=()))
    if aligned.outdated and snapshot.firewall_trouble is not None:
        why = f"{aligned.explanation.why}, and cannot be read now: {_said(snapshot.firewall_trouble)}"
        return replace(aligned, explanation=replace(aligned.explanation, why=why))
    return aligned


def _with_fix(
    finding: Finding, check: PathCheck, planned: Plan, snapshot: Snapshot, sources: Sequence[Range]
) -> Finding:
    """With the smallest change of rules that upholds this finding's flows and breaks nothing that any check wants."""
    if finding.reason not in MENDED or not isinstance(snapshot.firewall, Firewall):
        return finding
    plans = [(other.expectation, on_the_wire_of(snapshot, other)) for other in snapshot.checks.values()]
    return mend(finding, check.name, planned, plans, tuple(sources), snapshot.firewall)


def _foretold(
    asked: Asked, check: PathCheck, ahead: Explanation, snapshot: Snapshot, every_range: Sequence[Range]
) -> bool:
    """Whether the rules foretell what they did not before: a model that is wrong about packets was wrong already."""
    if accept(check.expectation, ahead.prediction)[0] is not Verdict.VIOLATED or snapshot.previous is None:
        return False
    before = explain(asked, snapshot.previous, every_range)
    return accept(check.expectation, before.prediction)[0] is not Verdict.VIOLATED


def _soon(check: PathCheck, snapshot: Snapshot, unfinished: bool) -> float | None:
    if unfinished or waits(check.name, snapshot.changes, snapshot.now):
        return PATIENCE.total_seconds()
    return None


def _state(snapshot: Snapshot, check: PathCheck, planned: Plan, unheard: str) -> FirewallState | None:
    """`unheard` says why nobody knows on which rules the check's flows hang."""
    firewall = snapshot.firewall
    if isinstance(firewall, Unavailable):
        return None
    read = firewall.first_read.replace(microsecond=0) if firewall.first_read else None
    had = check.status.firewall.last_change if check.status and check.status.firewall else None
    change = last_change(check.name, snapshot.changes, had, snapshot.now)
    relies_on = None if unheard else relied(planned, check.expectation, firewall)
    return FirewallState(firewall.source, firewall.revision[:64], read, change, relies_on)


def _said(unavailable: Unavailable) -> str:
    # Google's own sentence mostly names it.
    unsaid = unavailable.forbidden and unavailable.forbidden not in unavailable.why
    permission = f" (missing permission {unavailable.forbidden})" if unsaid else ""
    # Since when, not for how long: a sentence that changes with every look would be written again with every look.
    since = f", since {unavailable.since:%H:%M:%S} UTC" if unavailable.since is not None else ""
    return f"{unavailable.why}{permission}{since}"
