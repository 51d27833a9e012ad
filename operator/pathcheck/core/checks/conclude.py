"""What do we say? Judgements and findings → conditions, counts, the worst flows, and announcements of what changed.

    Accepted   can the spec be used        Measured   is every flow measured, freshly
    Upheld     any violated → False; else any unknown → Unknown; else True
    Ready      the summary for gates (kstatus): True only if the other three are

While a proof is pending and nothing is violated yet, the status stays as it is: a moment later it will be right. The same while
every violation's cause is settling: the rule that mends it was read a moment ago, and packets that arrive again are a round away;
or the operator has just started and reads the firewall for the first time, which must not lose the cause that is written there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pathcheck.core.checks.announce import announce
from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import (
    MAX_FINDINGS,
    MAX_WORST,
    Announcement,
    Condition,
    Counts,
    Finding,
    FindingLine,
    FirewallState,
    Judgement,
    Status,
    WorstFlow,
)
from pathcheck.model.plans import Plan
from pathcheck.model.words import ConditionStatus, Evidence, Observation, Reason, Verdict

_WORST_FIRST = {Verdict.VIOLATED: 0, Verdict.UNKNOWN: 1, Verdict.UPHELD: 2}
# A probe pod's image may have to be pulled; a check that is not complete after this says so with an Event.
STARTING = timedelta(seconds=60)


def conclude(
    check: PathCheck,
    plan: Plan,
    judgements: Sequence[Judgement],
    findings: Sequence[Finding],
    fix_lines: Sequence[str],
    firewall: FirewallState | None,
    now: datetime,
) -> tuple[Status, tuple[Announcement, ...]]:
    """The status to show and what is new in it. `fix_lines` belong to `findings` one to one, "" where there is no fix."""
    now = now.replace(microsecond=0)  # metav1.Time holds whole seconds; a status read back must equal the one written
    counts = _counts(judgements, plan.beyond)
    before = check.status
    accepted = _accepted(plan)
    if before is not None and before.observed_generation == check.generation and _holds(before, judgements):
        return before, ()
    measured = _measured(check, judgements, counts, now)
    upheld = _upheld(check, plan, counts, findings, measured)
    ready = _ready(accepted, measured, upheld)
    conditions = tuple(_dated(c, before, now) for c in (accepted, measured, upheld, ready))
    status = Status(
        observed_generation=check.generation,
        conditions=conditions,
        flows=counts,
        findings=tuple(
            FindingLine(
                f.reason.value,
                f.total,
                f.sentence[:4096],
                f.rule[:512],
                f.near_miss[:1024],
                fix[:4096],
                f.fix_note[:2048],
            )
            for f, fix in zip(findings[:MAX_FINDINGS], fix_lines, strict=False)
        ),
        worst=_worst(judgements),
        firewall=firewall,
    )
    return status, announce(check, before, status, findings, fix_lines, now)


def _holds(before: Status, judgements: Sequence[Judgement]) -> bool:
    violated = [j for j in judgements if j.verdict is Verdict.VIOLATED]
    if not violated:
        return any(j.seen.pending for j in judgements)
    upheld = before.condition("Upheld")
    return upheld is not None and upheld.status is ConditionStatus.FALSE and all(j.settling for j in violated)


def _counts(judgements: Sequence[Judgement], beyond: int) -> Counts:
    by = {verdict: sum(j.count for j in judgements if j.verdict is verdict) for verdict in Verdict}
    unknown = by[Verdict.UNKNOWN] + beyond
    return Counts(sum(by.values()) + beyond, by[Verdict.UPHELD], by[Verdict.VIOLATED], unknown)


def _all(count: int, are: str) -> str:
    return f"all {count} flows are {are}" if count > 1 else f"the one flow is {are}"


Draft = tuple[str, ConditionStatus, Reason, str]


def _accepted(plan: Plan) -> Draft:
    if not plan.objections:
        return "Accepted", ConditionStatus.TRUE, Reason.ACCEPTED, "the spec can be used"
    first = plan.objections[0]
    more = f" (and {len(plan.objections) - 1} more)" if len(plan.objections) > 1 else ""
    return "Accepted", ConditionStatus.FALSE, first.reason, f"{first.problem}{more}"


def _measured(check: PathCheck, judgements: Sequence[Judgement], counts: Counts, now: datetime) -> Draft:
    if check.evidence is Evidence.PREDICTED:
        why = "nothing is to be measured: the evidence asked for is Predicted"
        return "Measured", ConditionStatus.TRUE, Reason.PREDICTED_ONLY, why
    unmeasured = [j for j in judgements if j.seen.observation is Observation.UNMEASURED]
    missing = len(unmeasured) + counts.asked - len(judgements)
    if counts.asked and not missing:
        return "Measured", ConditionStatus.TRUE, Reason.COMPLETE, _all(counts.asked, "measured")
    if not counts.asked:
        return "Measured", ConditionStatus.UNKNOWN, Reason.NOT_ACCEPTED, "there is nothing to measure, see Accepted"
    why = f"; {unmeasured[0].flow}: {unmeasured[0].seen.detail}" if unmeasured else "; see Accepted"
    message = f"{missing} of {counts.asked} flows are not measured{why}"
    if _still_starting(check, now):
        return "Measured", ConditionStatus.FALSE, Reason.NOT_YET_MEASURED, message
    return "Measured", ConditionStatus.FALSE, Reason.INCOMPLETE, message


def _still_starting(check: PathCheck, now: datetime) -> bool:
    """Never complete so far as it is written now, and not for long: what is missing then is no news yet."""
    measured = check.status.condition("Measured") if check.status is not None else None
    edited = check.status is not None and check.status.observed_generation != check.generation
    if measured is None or edited or measured.reason is Reason.NOT_ACCEPTED:
        return True
    return measured.reason is Reason.NOT_YET_MEASURED and now - measured.last_transition < STARTING


def _upheld(check: PathCheck, plan: Plan, counts: Counts, findings: Sequence[Finding], measured: Draft) -> Draft:
    if counts.violated:
        reason, sentence = _first(findings, Verdict.VIOLATED)
        return (
            "Upheld",
            ConditionStatus.FALSE,
            reason,
            f"{counts.violated} of {counts.asked} flows violated: {sentence}",
        )
    if not counts.asked:
        return "Upheld", ConditionStatus.UNKNOWN, Reason.NOT_ACCEPTED, f"nothing can be asked: {_accepted(plan)[3]}"
    if counts.unknown:
        reason, sentence = _first(findings, Verdict.UNKNOWN)
        if reason is Reason.UNMEASURED and measured[2] is Reason.NOT_YET_MEASURED:
            reason = Reason.NOT_YET_MEASURED
        return (
            "Upheld",
            ConditionStatus.UNKNOWN,
            reason,
            f"{counts.unknown} of {counts.asked} flows unknown: {sentence}",
        )
    if plan.objections:
        message = (
            f"all {counts.asked} flows that can be asked are as expected, but not all can be: {_accepted(plan)[3]}"
        )
        return "Upheld", ConditionStatus.UNKNOWN, Reason.NOT_ACCEPTED, message
    said = "" if check.evidence is Evidence.MEASURED else " by the firewall's rules"
    message = _all(counts.asked, f"{check.expectation}{said}")
    return "Upheld", ConditionStatus.TRUE, Reason.UPHELD, message


def _first(findings: Sequence[Finding], verdict: Verdict) -> tuple[Reason, str]:
    finding = next((f for f in findings if f.verdict is verdict), None)
    return (
        (finding.reason, finding.sentence)
        if finding
        else (Reason.LIMIT_EXCEEDED, "pairs beyond the limit are not measured")
    )


def _ready(accepted: Draft, measured: Draft, upheld: Draft) -> Draft:
    """Ready is Upheld, but for a spec that is not accepted and measurements that are not complete: then it says those."""
    for draft in (upheld, accepted, measured):
        if draft[1] is not ConditionStatus.TRUE:
            status = draft[1] if draft is upheld else ConditionStatus.FALSE
            return "Ready", status, draft[2], draft[3]
    return "Ready", ConditionStatus.TRUE, upheld[2], upheld[3]


def _dated(draft: Draft, before: Status | None, now: datetime) -> Condition:
    type_, status, reason, message = draft
    had = before.condition(type_) if before is not None else None
    since = had.last_transition if had is not None and had.status is status else now
    return Condition(type_, status, reason, message[:32768], since)


def _worst(judgements: Sequence[Judgement]) -> tuple[WorstFlow, ...]:
    bad = sorted((j for j in judgements if j.verdict is not Verdict.UPHELD), key=lambda j: _WORST_FIRST[j.verdict])
    return tuple(
        WorstFlow(
            str(j.flow),
            j.verdict,
            j.seen.observation,
            j.reason.value if j.reason else "",
            j.seen.since.replace(microsecond=0) if j.seen.since else None,
        )
        for j in bad[:MAX_WORST]
    )
