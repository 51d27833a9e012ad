"""What of a status is news? Announcements of what changed since the one before, each with a key that a retry finds again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pathcheck.core.checks.recount import flips
from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import Announcement, Finding, Status
from pathcheck.model.words import ConditionStatus, Reason, Verdict

_ANNOUNCED = ("Accepted", "Upheld")
# Said while packets are still as expected: what the rules foretell is worth an Event before they die.
_FORETOLD = frozenset({Reason.FIREWALL_WOULD_BLOCK.value, Reason.FIREWALL_WOULD_PERMIT.value})
# An operator whose Events have been forgotten by the cluster does not tell old changes again.
_NEWS = timedelta(hours=1)
_NOTE = 850


def announce(
    check: PathCheck,
    before: Status | None,
    after: Status,
    findings: Sequence[Finding],
    fixes: Sequence[str],
    now: datetime,
) -> tuple[Announcement, ...]:
    """In the order in which it happened: what the conditions say, what the rules foretell, who changed them. `fixes` as in `conclude`."""
    return (
        *_transitions(check, before, after, findings, fixes),
        *_foretold(check, before, after, findings, fixes),
        *_changed(check, before, after, now),
    )


def _transitions(
    check: PathCheck, before: Status | None, after: Status, findings: Sequence[Finding], fixes: Sequence[str]
) -> list[Announcement]:
    """At most one a condition. The key names the transition by what it started from, so that a retry finds its own Event."""
    announcements = []
    for type_ in _ANNOUNCED:
        had, has = before.condition(type_) if before is not None else None, after.condition(type_)
        assert has is not None  # conclude writes all conditions
        if had is not None and (had.status, had.reason) == (has.status, has.reason):
            continue
        if had is None and has.status is not ConditionStatus.FALSE:
            continue  # a check that starts well, or has not started yet, is no news
        fix = next(
            (
                line
                for finding, line in zip(findings, fixes, strict=False)
                if line and finding.verdict is Verdict.VIOLATED
            ),
            "",
        )
        note = has.message + (
            f" — fix: {fix}" if fix and has.status is ConditionStatus.FALSE and type_ == "Upheld" else ""
        )
        started = had.last_transition.isoformat() if had is not None else "never"
        was = f"{had.status}/{had.reason}" if had is not None else ""
        announcements.append(
            Announcement(
                key=f"{check.uid} {check.generation} {type_} {was} {started} {has.status}/{has.reason}",
                warning=has.status is not ConditionStatus.TRUE,
                reason=has.reason,
                action="Judge" if type_ == "Upheld" else "Accept",
                note=note,
            )
        )
    return announcements


def _foretold(
    check: PathCheck, before: Status | None, after: Status, findings: Sequence[Finding], fixes: Sequence[str]
) -> list[Announcement]:
    """Once for each revision of the rules."""
    known = {f.reason for f in before.findings} if before is not None else set()
    told = [
        (finding, fix)
        for finding, fix in zip(findings, fixes, strict=False)
        if finding.reason.value in _FORETOLD - known and finding.verdict is Verdict.UPHELD
    ]
    revision = after.firewall.revision if after.firewall is not None else ""
    return [
        Announcement(
            key=f"{check.uid} {check.generation} foretold {revision} {finding.reason}",
            warning=True,
            reason=finding.reason,
            action="Foretell",
            note=finding.sentence + (f" — fix: {fix}" if fix else ""),
        )
        for finding, fix in told[:1]
    ]


def _changed(check: PathCheck, before: Status | None, after: Status, now: datetime) -> list[Announcement]:
    """Once for each change that flips flows of this check, and once more when it becomes known who made it."""
    had = before.firewall.last_change if before is not None and before.firewall is not None else None
    has = after.firewall.last_change if after.firewall is not None else None
    if has is None or now - has.noticed > _NEWS or (had is not None and (had.number, had.who) == (has.number, has.who)):
        return []
    said = has.sentence if len(has.sentence) <= _NOTE else f"{has.sentence[:_NOTE]}…"
    return [
        Announcement(
            key=f"{check.uid} change {has.number} {has.noticed.isoformat()} {has.who}",
            warning=has.worse > 0,
            reason=Reason.FIREWALL_CHANGED,
            action="Compare",
            note=f"{said}; {flips(has.worse, has.better)}",
        )
    ]
