"""Cloud Audit Logs: what to ask of Cloud Logging for some edits, and its answer → `Entry`.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list, the query language of
https://cloud.google.com/logging/docs/view/logging-query-language, entries as in
https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog. Compute Engine writes two for each operation,
of which the first has the caller's request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pathcheck.model.drift import Entry
from pathcheck.wire.compute import network_owner, shown

_METHODS = (
    "compute.firewalls",
    "irewallPolicies",
    "compute.networks",
    "compute.routes",
    "compute.instances.set",
    "compute.instances.update",
)
_LONGEST = 256
# How programs call themselves, the telling part first; https://cloud.google.com/sdk and the providers' own sources name these.
_TOOLS = (
    ("command/gcloud", "gcloud"),
    ("google-cloud-sdk", "gcloud"),
    ("gcloud/", "gcloud"),
    ("Terraform", "Terraform"),
    ("OpenTofu", "OpenTofu"),
    ("Pulumi", "Pulumi"),
    ("cnrm", "Config Connector"),
    ("config-connector", "Config Connector"),
    ("GoogleContainerEngine", "GKE"),
    ("l7controller", "GKE's load balancer controller"),
    ("gl-python", "a Python program"),
    ("gl-go", "a Go program"),
    ("gl-java", "a Java program"),
    ("Mozilla/", "a browser"),
)


def projects_of(project: str, networks: Iterable[str]) -> tuple[str, ...]:
    """In whose logs changes of these networks' rules are: with Shared VPC, of the projects that own the networks too."""
    return tuple(sorted({project, *(network_owner(name, project)[0] for name in networks)}))


def question(project: str, since: datetime, until: datetime) -> dict[str, Any]:
    """The body of entries.list: every call on what a firewall is made of, successful or not, in this project and time."""
    log = f"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity"
    methods = " OR ".join(f'"{method}"' for method in _METHODS)
    terms = (
        f'logName="{log}"',
        'protoPayload.serviceName="compute.googleapis.com"',
        f"protoPayload.methodName:({methods})",
        f'timestamp>="{_time(since)}"',
        f'timestamp<="{_time(until)}"',
    )
    return {
        "resourceNames": [f"projects/{project}"],
        "filter": " AND ".join(terms),
        # Where there are more than are read, the latest calls are those that made the rules what they are.
        "orderBy": "timestamp desc",
        "pageSize": 1000,
    }


def entries_of(raw: Iterable[object]) -> tuple[Entry, ...]:
    """Calls that were let happen, each once. What has not the shape of an entry is nobody's deed, and passed over."""
    found: dict[str, Entry] = {}
    for each in raw:
        payload = each.get("protoPayload") if isinstance(each, Mapping) else None
        if not isinstance(each, Mapping) or not isinstance(payload, Mapping) or _failed(each, payload):
            continue
        entry = _entry(each, payload)
        if entry is None:
            continue
        operation = each.get("operation")
        key = str(operation.get("id")) if isinstance(operation, Mapping) and operation.get("id") else entry.id
        first = found.get(key)
        if first is None or entry.time < first.time:
            found[key] = entry
    return tuple(found.values())


def _failed(entry: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    status = payload.get("status")
    return entry.get("severity") == "ERROR" or (isinstance(status, Mapping) and status.get("code") not in (None, 0))


def _entry(raw: Mapping[str, Any], payload: Mapping[str, Any]) -> Entry | None:
    time = moment_of(raw.get("timestamp"))
    who, about = payload.get("authenticationInfo"), payload.get("requestMetadata")
    principal = who.get("principalEmail") or who.get("principalSubject") if isinstance(who, Mapping) else None
    agent = about.get("callerSuppliedUserAgent") if isinstance(about, Mapping) else None
    id_, method, resource = raw.get("insertId"), payload.get("methodName"), payload.get("resourceName")
    texts = (id_, method, resource, principal)
    if time is None or not all(isinstance(text, str) and text for text in texts):
        return None
    said = shown(agent)[:_LONGEST] if isinstance(agent, str) else ""
    cut = (shown(text)[:_LONGEST] for text in texts)
    id_, method, resource, principal = cut
    return Entry(id_, time, principal, method, resource, tool_of(said), said)


def tool_of(agent: str) -> str:
    """The program behind a User-Agent, in a word or two; its first word where it is none that we know."""
    for mark, name in _TOOLS:
        if mark.lower() in agent.lower():
            return name
    return re.split(r"[ ,]", agent, maxsplit=1)[0][:60]


def moment_of(text: object) -> datetime | None:
    """RFC 3339 with up to nine digits of a second, of which six are kept; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def ahead_of(answer: Mapping[str, Any]) -> timedelta:
    """How far the cloud's clock is ahead of ours, as the reader measured it; none where it could not."""
    seconds = answer.get("clockAheadSeconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int | float) else timedelta()


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
