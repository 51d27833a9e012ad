"""`Status` ↔ PathCheck's `.status`, both directions side by side: what was written reads back as an equal value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field

from pathcheck.model import checks, findings
from pathcheck.model.findings import MAX_FINDINGS, MAX_RELIED, MAX_WORST
from pathcheck.model.words import ConditionStatus, Observation, Reason, Verdict
from pathcheck.wire.schema import API_VERSION, Wire


class ConditionStatusLine(Wire):
    """metav1.Condition."""

    type: str = Field(max_length=316, description="Accepted, Measured, Upheld or Ready.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    observed_generation: int = Field(ge=0, description="The spec's generation this speaks of.")
    last_transition_time: AwareDatetime = Field(description="When status last changed.")
    reason: str = Field(max_length=1024, description="A stable CamelCase word; alerts may depend on it.")
    message: str = Field(max_length=32768, description="One sentence for people.")


class CountsLine(Wire):
    """asked = upheld + violated + unknown."""

    asked: int = Field(ge=0, description="Flows this check asks about.")
    upheld: int = Field(ge=0, description="Flows that are as expected.")
    violated: int = Field(ge=0, description="Flows that are not.")
    unknown: int = Field(ge=0, description="Flows that cannot be told, each with a finding that says why.")


class FindingLine(Wire):
    """One cause, n flows."""

    reason: str = Field(max_length=64, description="A stable CamelCase word.")
    rule: str = Field(default="", max_length=512, description="The deciding rule, implied ones included.")
    flows: int = Field(ge=0, description="How many flows have this cause.")
    sentence: str = Field(max_length=4096, description="The cause in words.")
    near_miss: str = Field(
        default="", max_length=1024, description="The rule that nearly decided otherwise, and why not."
    )
    fix: str = Field(default="", max_length=4096, description="A command that mends it; proven by re-evaluation.")
    fix_note: str = Field(
        default="", max_length=2048, description="What else the fix opens or closes; or why there is no fix."
    )


class WorstLine(Wire):
    """One flow that is violated or unknown."""

    flow: str = Field(max_length=512, description="In engineer's notation.")
    verdict: Verdict = Field(description="violated or unknown.")
    observation: Observation = Field(description="What was seen.")
    reason: str = Field(max_length=64, description="The finding it belongs to.")
    since: AwareDatetime | None = Field(default=None, description="Since when it is seen so.")


class LastChangeLine(Wire):
    """The latest change of the firewall that flips this check; the FirewallChange of this number has all of it."""

    number: int = Field(ge=0, description="The FirewallChange's number.")
    noticed: AwareDatetime = Field(description="When the first reading began that shows it.")
    who: str = Field(default="", max_length=1024, description="Who made it, as the cloud's audit log has it.")
    sentence: str = Field(max_length=4096, description="What was done, and what that closes and opens.")
    worse: int = Field(
        default=0, ge=0, description="Flows that are as expected no longer because of it, by prediction."
    )
    better: int = Field(default=0, ge=0, description="Flows that are as expected again because of it, by prediction.")


class ReliedLine(Wire):
    """One rule, and what of this check hangs on it."""

    rule: str = Field(max_length=512, description="firewall:NAME or policy:POLICY/PRIORITY.")
    flows: int = Field(ge=0, description="How many flows would be violated if it alone were gone, by prediction.")


class FirewallLine(Wire):
    """Which firewall the findings speak of."""

    source: str = Field(max_length=253, description="compute, file or none.")
    revision: str = Field(max_length=64, description="A hash of the rules' content.")
    read_time: AwareDatetime | None = Field(default=None, description="When this revision was first read.")
    last_change: LastChangeLine | None = Field(
        default=None, description="The latest change of the firewall that flips this check."
    )
    relies_on: list[ReliedLine] | None = Field(
        default=None,
        max_length=MAX_RELIED,
        description="The rules on which most of this check's flows hang; absent where that cannot be told.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class PathCheckStatus(Wire):
    """What holds."""

    observed_generation: int = Field(default=0, ge=0, description="The spec's generation all of this speaks of.")
    conditions: list[ConditionStatusLine] = Field(
        default=[],
        max_length=8,
        description="Accepted, Measured, Upheld, Ready.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    flows: CountsLine | None = Field(default=None, description="How many flows, by verdict.")
    findings: list[FindingLine] = Field(
        default=[],
        max_length=MAX_FINDINGS,
        description="Grouped causes, worst first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    worst: list[WorstLine] = Field(
        default=[],
        max_length=MAX_WORST,
        description="Single flows, violated ones first.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    firewall: FirewallLine | None = Field(default=None, description="Which firewall the findings speak of.")


def status_of(status: Mapping[str, Any] | None) -> findings.Status | None:
    """`.status` → `Status`; None where there is none, or where it was written by a version that we cannot read."""
    if not status:
        return None
    try:
        read = PathCheckStatus.model_validate(status)
        return findings.Status(
            observed_generation=read.observed_generation,
            conditions=tuple(
                findings.Condition(
                    c.type, c.status, Reason(c.reason), c.message, c.last_transition_time.astimezone(UTC)
                )
                for c in read.conditions
            ),
            flows=findings.Counts(**read.flows.model_dump()) if read.flows else findings.Counts(),
            findings=tuple(findings.FindingLine(**f.model_dump()) for f in read.findings),
            worst=tuple(findings.WorstFlow(**w.model_dump()) for w in read.worst),
            firewall=_firewall_of(read.firewall) if read.firewall else None,
        )
    except ValueError:  # pydantic's ValidationError is one, as is a Reason that a newer version wrote
        return None


def _firewall_of(read: FirewallLine) -> findings.FirewallState:
    change = read.last_change
    last = (
        findings.LastChange(
            change.number, change.noticed.astimezone(UTC), change.who, change.sentence, change.worse, change.better
        )
        if change
        else None
    )
    relies_on = None if read.relies_on is None else tuple(findings.Relied(r.rule, r.flows) for r in read.relies_on)
    return findings.FirewallState(read.source, read.revision, read.read_time, last, relies_on)


def status_manifest_of(check: checks.PathCheck, status: findings.Status) -> dict[str, Any]:
    """The body of a server-side apply to the status subresource."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PathCheck",
        "metadata": {"name": check.name, "uid": check.uid},
        "status": {
            "observedGeneration": status.observed_generation,
            "conditions": [
                {
                    "type": c.type,
                    "status": c.status.value,
                    "observedGeneration": status.observed_generation,
                    "lastTransitionTime": _time(c.last_transition),
                    "reason": c.reason.value,
                    "message": c.message,
                }
                for c in status.conditions
            ],
            "flows": {
                "asked": status.flows.asked,
                "upheld": status.flows.upheld,
                "violated": status.flows.violated,
                "unknown": status.flows.unknown,
            },
            "findings": [
                {
                    "reason": f.reason,
                    "rule": f.rule,
                    "flows": f.flows,
                    "sentence": f.sentence,
                    "nearMiss": f.near_miss,
                    "fix": f.fix,
                    "fixNote": f.fix_note,
                }
                for f in status.findings
            ],
            "worst": [
                {"flow": w.flow, "verdict": w.verdict.value, "observation": w.observation.value, "reason": w.reason}
                | ({"since": _time(w.since)} if w.since else {})
                for w in status.worst
            ],
        }
        | ({"firewall": _firewall(status.firewall)} if status.firewall else {}),
    }


def _firewall(state: findings.FirewallState) -> dict[str, Any]:
    said: dict[str, Any] = {"source": state.source, "revision": state.revision}
    if state.read_time:
        said["readTime"] = _time(state.read_time)
    if state.relies_on is not None:
        said["reliesOn"] = [{"rule": r.rule[:512], "flows": r.flows} for r in state.relies_on]
    if state.last_change is not None:
        change = state.last_change
        said["lastChange"] = {
            "number": change.number,
            "noticed": _time(change.noticed),
            "who": change.who[:1024],
            "sentence": change.sentence[:4096],
            "worse": change.worse,
            "better": change.better,
        }
    return said


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
