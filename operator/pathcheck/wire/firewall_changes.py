"""The resource FirewallChange ↔ `FirewallChange`: the cluster's record of what became of the firewall, and who did it.

crds/firewallchanges.yaml is generated from these models. Written by the operator, read by people and by the operator after a restart. It
states what happened, and so has no spec, like an Event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from pathcheck.model import drift
from pathcheck.model.drift import MAX_CALLS, MAX_CHECKS, MAX_EDITS, MAX_LINES, Attribution, Deed
from pathcheck.model.firewall import Problem
from pathcheck.wire.schema import API_VERSION, Wire, problems_of

KIND = "FirewallChange"
_SENTENCE = 1024
_ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}


class CallLine(Wire):
    """One entry of the cloud's audit log."""

    id: str = Field(max_length=256, description="The entry's insertId.")
    time: AwareDatetime = Field(description="When, by the cloud's clock.")
    principal: str = Field(max_length=256, description="Who.")
    method: str = Field(max_length=256, description="The API's method.")
    resource: str = Field(max_length=256, description="What it was called upon.")
    tool: str = Field(default="", max_length=256, description="The caller's program.")
    agent: str = Field(default="", max_length=256, description="All that the program says of itself.")


class EditLine(Wire):
    """One thing that is otherwise than before."""

    id: str = Field(max_length=512, description="firewall:NAME, policy:POLICY/PRIORITY, route:NAME and the like.")
    deed: Deed = Field(description="created, deleted or changed.")
    sentence: str = Field(max_length=_SENTENCE, description="What was done.")
    resource: str = Field(max_length=512, description="The end of the URL of what was called upon.")
    by: list[CallLine] = Field(
        default=[], max_length=MAX_CALLS, description="Who called, the latest last.", json_schema_extra=_ATOMIC
    )


class AffectedLine(Wire):
    """A PathCheck that the change flips."""

    name: str = Field(max_length=253, description="The PathCheck.")
    worse: int = Field(default=0, ge=0, description="Its flows that are as expected no longer, by prediction.")
    better: int = Field(default=0, ge=0, description="Its flows that are as expected again, by prediction.")


class RevisionLine(Wire):
    """Two readings."""

    before: str = Field(max_length=64, description="A hash of the firewall's content before.")
    after: str = Field(max_length=64, description="The same afterwards.")


class FirewallChangeResource(Wire):
    """One change of the cloud's firewall, as the operator noticed it: what, since when, which flows, and by whom."""

    api_version: Literal["pathcheck.dev/v1alpha1"] = API_VERSION  # type: ignore[assignment]
    kind: Literal["FirewallChange"] = "FirewallChange"
    metadata: dict[str, Any]
    number: int = Field(ge=1, description="Counts up: the history's own order.")
    revision: RevisionLine = Field(description="Which reading follows which.")
    not_before: AwareDatetime = Field(description="When the last reading began that does not show it.")
    noticed: AwareDatetime = Field(description="When the first reading began that shows it.")
    who: str = Field(default="", max_length=_SENTENCE, description="Everybody who had a hand in it.")
    summary: str = Field(default="", max_length=_SENTENCE, description="The edits in a line.")
    attribution: Attribution = Field(description="Complete, Pending or Missing: how far it is known who made it.")
    why: str = Field(default="", max_length=_SENTENCE, description="Why it is not known, or not yet.")
    edits: list[EditLine] = Field(
        max_length=MAX_EDITS, description="What was created, deleted or changed.", json_schema_extra=_ATOMIC
    )
    edits_beyond: int = Field(default=0, ge=0, description="How many edits are left out.")
    closes: list[str] = Field(
        default=[], max_length=MAX_LINES, description="What is permitted no longer.", json_schema_extra=_ATOMIC
    )
    opens: list[str] = Field(
        default=[], max_length=MAX_LINES, description="What is permitted now.", json_schema_extra=_ATOMIC
    )
    lines_beyond: int = Field(default=0, ge=0, description="How many such lines are left out.")
    untold: str = Field(
        default="", max_length=_SENTENCE, description="Why there are no such lines although there may be."
    )
    checks: list[AffectedLine] = Field(
        default=[], max_length=MAX_CHECKS, description="The PathChecks that it flips.", json_schema_extra=_ATOMIC
    )


def firewall_change_of(body: Mapping[str, Any]) -> drift.FirewallChange | Problem:
    """The noun; a Problem where somebody wrote what this version cannot read."""
    try:
        read = FirewallChangeResource.model_validate(dict(body))
    except ValidationError as error:
        return problems_of(error, str((body.get("metadata") or {}).get("name")))[0]
    return drift.FirewallChange(
        number=read.number,
        before=read.revision.before,
        after=read.revision.after,
        not_before=read.not_before.astimezone(UTC),
        noticed=read.noticed.astimezone(UTC),
        difference=drift.Difference(
            edits=tuple(
                drift.Edit(
                    e.id,
                    e.deed,
                    e.sentence,
                    e.resource,
                    tuple(
                        drift.Entry(c.id, c.time.astimezone(UTC), c.principal, c.method, c.resource, c.tool, c.agent)
                        for c in e.by
                    ),
                )
                for e in read.edits
            ),
            closes=tuple(read.closes),
            opens=tuple(read.opens),
            beyond=read.lines_beyond,
            untold=read.untold,
            edits_beyond=read.edits_beyond,
        ),
        affected=tuple(drift.Affected(c.name, c.worse, c.better) for c in read.checks),
        attribution=read.attribution,
        why=read.why,
    )


def manifest_of(change: drift.FirewallChange, namespace: str, who: str, summary: str) -> dict[str, Any]:
    """The body of a server-side apply. `who` and `summary` are for the columns of kubectl."""
    difference = change.difference
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": change.name, "namespace": namespace},
        "number": change.number,
        "revision": {"before": change.before, "after": change.after},
        "notBefore": _time(change.not_before),
        "noticed": _time(change.noticed),
        "who": who[:_SENTENCE],
        "summary": summary[:_SENTENCE],
        "attribution": change.attribution.value,
        "why": change.why[:_SENTENCE],
        "edits": [_edit(edit) for edit in difference.edits[:MAX_EDITS]],
        "editsBeyond": difference.edits_beyond + max(len(difference.edits) - MAX_EDITS, 0),
        "closes": [line[:_SENTENCE] for line in difference.closes[:MAX_LINES]],
        "opens": [line[:_SENTENCE] for line in difference.opens[:MAX_LINES]],
        "linesBeyond": difference.beyond,
        "untold": difference.untold[:_SENTENCE],
        "checks": [{"name": a.check, "worse": a.worse, "better": a.better} for a in change.affected[:MAX_CHECKS]],
    }


def _edit(edit: drift.Edit) -> dict[str, Any]:
    return {
        "id": edit.id[:512],
        "deed": edit.deed.value,
        "sentence": edit.sentence[:_SENTENCE],
        "resource": edit.resource[:512],
        "by": [
            {
                "id": call.id,
                "time": _time(call.time),
                "principal": call.principal,
                "method": call.method,
                "resource": call.resource,
                "tool": call.tool,
                "agent": call.agent,
            }
            for call in edit.by[-MAX_CALLS:]
        ],
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
