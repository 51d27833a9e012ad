"""One pass, pure: a snapshot of the world in, what to say and what to do out. Only this file puts the verbs in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import collapse_addresses, ip_network

from pathcheck.core.align import Aligned, align
from pathcheck.core.assign import assign
from pathcheck.core.carry import on_the_wire
from pathcheck.core.conclude import conclude
from pathcheck.core.datapath import datapath_of
from pathcheck.core.explain import SOME_BACKENDS, explain
from pathcheck.core.foresee import Foreseen, foresee, unread
from pathcheck.core.group import group
from pathcheck.core.judge import judge
from pathcheck.core.observe import PATIENCE, observe
from pathcheck.core.plan import plan
from pathcheck.core.predict import predict
from pathcheck.core.propose import propose
from pathcheck.model.checks import PathCheck
from pathcheck.model.datapath import Kind
from pathcheck.model.findings import Finding, FirewallState, Judgement, Seen
from pathcheck.model.firewall import Explanation, Firewall, Fix
from pathcheck.model.flows import Flow, Range
from pathcheck.model.plans import Asked, Plan
from pathcheck.model.situation import CheckDecision, FleetDecision, Snapshot, Unavailable
from pathcheck.model.words import Evidence, Expectation, Prediction, Reason, Verdict

# Where nothing is seen, rules are all there is: those that cannot be read again for so long may have become others.
OLD = timedelta(minutes=5)


def decide_check(snapshot: Snapshot, name: str, spell: Callable[[Fix], str]) -> CheckDecision:
    """What one check comes to. `spell` writes a fix as a command of the cloud it is for."""
    check = snapshot.checks[name]
    planned = _on_the_wire(snapshot, check)
    # Not merged: a route that is missing is called by the range of its node.
    every_range = tuple(r for node in snapshot.nodes.values() for r in node.pod_ranges)
    if check.evidence is Evidence.PREDICTED:
        return _decide_predicted(snapshot, check, planned, spell)
    judgements: list[Judgement] = []
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
        judgements.append(replace(judgement, at_firewall=asked.at_firewall, carried=carried, settling=aligned.settling))
        prove |= unproven
        read_firewall |= aligned.outdated
    sources = _sources(snapshot, planned)
    findings = group(judgements, snapshot.firewall, sources)
    findings = tuple(_with_fix(f, check, planned, snapshot, sources) for f in findings)
    lines = [spell(f.fix) if f.fix is not None else "" for f in findings]
    status, announcements = conclude(
        check, planned, judgements, findings, lines, _state(snapshot.firewall), snapshot.now
    )
    return CheckDecision(
        name=name,
        status=status,
        findings=findings,
        judgements=tuple(judgements),
        announcements=announcements,
        prove=frozenset(prove),
        read_firewall=read_firewall,
        look_again_seconds=PATIENCE.total_seconds() if prove or any(j.settling for j in judgements) else None,
        nodes=planned.nodes,
    )


def _decide_predicted(
    snapshot: Snapshot, check: PathCheck, planned: Plan, spell: Callable[[Fix], str]
) -> CheckDecision:
    """The same for a check that takes the firewall's word: nothing is observed, and so nothing has to be aligned."""
    foreseen = _foresee(snapshot, check, planned)
    findings = foreseen.findings
    status, announcements = conclude(
        check, planned, foreseen.judgements, findings, [""] * len(findings), _state(snapshot.firewall), snapshot.now
    )
    return CheckDecision(check.name, status, findings, foreseen.judgements, announcements)


def _foresee(snapshot: Snapshot, check: PathCheck, planned: Plan) -> Foreseen:
    if isinstance(snapshot.firewall, Unavailable):
        return unread(planned.bundles, _said(snapshot.firewall), snapshot.firewall.pending)
    read, trouble = snapshot.firewall.last_read, snapshot.firewall_trouble
    if trouble is not None and read is not None and snapshot.now - read > OLD:
        why = f"it was last read at {read:%H:%M:%S} UTC, and cannot be read now: {_said(trouble)}"
        return unread(planned.bundles, why, pending=False)
    carried = datapath_of(snapshot.datapath, snapshot.nodes, snapshot.firewall)
    if carried.kind is not Kind.NATIVE:
        unknown = f"which addresses it sees is not known: {carried.why}"
        why = (
            unknown
            if carried.why
            else f"of pods' packets it sees the nodes' {carried.kind.spoken} ({carried.evidence})"
        )
        return unread(planned.bundles, why, pending=False)
    return foresee(planned.bundles, check.expectation, snapshot.firewall)


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


def _on_the_wire(snapshot: Snapshot, check: PathCheck) -> Plan:
    """The plan, its flows at the firewall as the firewall sees them."""
    planned = _plan(snapshot, check)
    if isinstance(snapshot.firewall, Unavailable):
        return planned
    datapath = datapath_of(snapshot.datapath, snapshot.nodes, snapshot.firewall)
    return on_the_wire(planned, datapath, snapshot.nodes, snapshot.firewall)


def _sources(snapshot: Snapshot, planned: Plan) -> tuple[Range, ...]:
    """The ranges that send: the pod ranges of the dialling nodes; where nodes send in place of their pods, their addresses."""
    ranges = pod_ranges(snapshot, planned.sources)
    if not any(asked.ways for asked in planned.asked):
        return ranges
    crossing = [flow for asked in planned.asked for flow in asked.at_firewall]
    senders = {flow.source.address for flow in crossing if flow.source.instance != flow.destination.instance}
    nodes = sorted((ip_network(a) for a in senders if not any(a in r for r in ranges)), key=lambda r: (r.version, r))
    pods = [r for r in ranges if any(a in r for a in senders)]
    return (*pods, *nodes)


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
    """The smallest rule that upholds this finding's flows and nothing that any check wants isolated."""
    if finding.reason is not Reason.BLOCKED_BY_FIREWALL or not isinstance(snapshot.firewall, Firewall):
        return finding
    assert finding.verdict is Verdict.VIOLATED  # the table has this reason in violated cells only
    dialled = set(finding.flows)
    seen_blocked = [flow for asked in planned.asked if asked.flow in dialled for flow in asked.at_firewall]
    # Also what will be seen blocked within a round: who types the first printed fix must not have to type a second.
    all_blocked = [flow for asked in planned.asked for flow in asked.at_firewall if _blocked(flow, snapshot.firewall)]
    isolated = [
        flow
        for other in snapshot.checks.values()
        if other.expectation is Expectation.ISOLATED
        for asked in _on_the_wire(snapshot, other).asked
        for flow in asked.at_firewall
        if flow.source.known and flow.destination.known
    ]
    for blocked in (all_blocked, seen_blocked):
        fix = propose(check.name, blocked, sources, isolated, snapshot.firewall)
        if fix is not None:
            return replace(finding, fix=fix)
    return finding


def _blocked(flow: Flow, firewall: Firewall) -> bool:
    known = flow.source.known and flow.destination.known
    return known and predict(flow, firewall).prediction is Prediction.BLOCKED


def _state(firewall: Firewall | Unavailable) -> FirewallState | None:
    if isinstance(firewall, Unavailable):
        return None
    read = firewall.first_read.replace(microsecond=0) if firewall.first_read else None
    return FirewallState(firewall.source, firewall.revision[:64], read)


def _said(unavailable: Unavailable) -> str:
    permission = f" (missing permission {unavailable.forbidden})" if unavailable.forbidden else ""
    # Since when, not for how long: a sentence that changes with every look would be written again with every look.
    since = f", since {unavailable.since:%H:%M:%S} UTC" if unavailable.since is not None else ""
    return f"{unavailable.why}{permission}{since}"
