"""What Cloud Audit Logs writes about a change: LogEntry objects with an AuditLog in each.

https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry and
https://docs.cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog. What Compute Engine puts
into them is taken from entries that others published as they got them:

- the first of an operation's two, with request, response and authorizationInfo, from elastic/integrations,
  packages/gcp/data_stream/audit/_dev/test/pipeline/test-compute-googleapis-com.log; that `allowed` and `denied` of a rule
  are `alloweds` and `denieds` there, from panther-labs/panther-analysis, rules/gcp_audit_rules/gcp_firewall_rule_created.yml;
- the last, with neither, from gcp_firewall_rule_deleted.yml of the same folder;
- one that failed, which has no operation and whose resource has no number, from
  gcp_computeinstances_create_privilege_escalation.yml of the same folder.

No published entry about a firewall policy was found. That these have the type `audited_resource`, with the method as a
label, is what published filters ask for (`resource.labels.method:"compute.networkFirewallPolicies"`). That query
parameters (the priority of a policy's rule) are not in `request` is a guess.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from e2e.lab.cloud.audited import Change
from e2e.lab.cloud.store import ROOT, Json

SERVICE = "compute.googleapis.com"
LOG = "logs/cloudaudit.googleapis.com%2Factivity"

# Type of the monitored resource and its label for the number, by collection.
_TYPES = {
    "firewalls": ("gce_firewall_rule", "firewall_rule_id"),
    "networks": ("gce_network", "network_id"),
    "routes": ("gce_route", "route_id"),
    "instances": ("gce_instance", "instance_id"),
}
# google.rpc.Code by HTTP code (https://docs.cloud.google.com/apis/design/errors#http_mapping).
_CODES = {400: 3, 403: 7, 404: 5, 409: 6, 412: 9, 413: 3, 429: 8, 500: 13, 502: 14, 503: 14, 504: 4}
_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call: principal's email, or its subject if it has none, or empty; IP address; User-Agent."""

    principal: str
    address: str
    agent: str


def entries(change: Change, caller: Caller, body: Any, code: int, answer: Json, ended: datetime) -> list[Json]:
    """The entries about a change that was answered: two with one operation if it was made, one of an error if not.

    Args:
        change: what was to be changed.
        caller: by whom.
        body: of the request.
        code: of the answer.
        answer: its body: an operation, or an error as Compute Engine has it.
        ended: when it was answered, by the cloud's clock.
    """
    asked = {"@type": f"type.googleapis.com/compute.{change.method}"}
    if code != 200:
        return [_refused(change, caller, asked | _fields(change, body), code, answer["error"])]
    name = answer["targetLink"].removeprefix(ROOT)
    made = _entry(change, caller, name, answer["targetId"])
    made["labels"] = {"compute.googleapis.com/root_trigger_id": str(uuid.uuid4())}
    operation = {"id": answer["name"], "producer": SERVICE}
    running = {field: value for field, value in answer.items() if field not in ("kind", "endTime")}
    running |= {"@type": "type.googleapis.com/operation", "status": "RUNNING", "progress": "0"}
    first = made | {"operation": operation | {"first": True}}
    first["protoPayload"] = _in_full(change, made["protoPayload"], asked | _fields(change, body), running, granted=True)
    last = made | {"operation": operation | {"last": True}}
    last["protoPayload"] = made["protoPayload"] | {"request": asked}
    return [_dated(first, change.began), _dated(last, ended)]


def received(entry: Json, after: float) -> Json:
    """The entry with the time at which Logging had it, so many seconds after it was written."""
    moment = datetime.fromisoformat(entry["timestamp"]) + timedelta(seconds=after)
    # With nanoseconds, as Logging writes it and a datetime cannot.
    return entry | {"receiveTimestamp": _micros(moment)[:-1] + f"{secrets.randbelow(1000):03}Z"}


def _refused(change: Change, caller: Caller, request: Json, code: int, error: Json) -> Json:
    name = change.resource
    if change.method.endswith(".insert") and isinstance(request.get("name"), str):
        name = f"{name}/{request['name']}"
    (reason,) = (each["reason"] for each in error["errors"])
    # An exhausted rate is 403 for Compute Engine's clients only.
    status = _CODES[429] if reason == "rateLimitExceeded" else _CODES.get(code, _UNKNOWN)
    response = {
        "@type": "type.googleapis.com/error",
        "error": {key: error[key] for key in ("code", "errors", "message")},
    }
    entry = _entry(change, caller, name, "") | {"severity": "ERROR"}
    full = _in_full(change, entry["protoPayload"], request, response, granted=reason != "forbidden")
    entry["protoPayload"] = full | {"status": {"code": status, "message": error["message"]}}
    return _dated(entry, change.began)


def _entry(change: Change, caller: Caller, name: str, number: str) -> Json:
    """What all entries about a change have."""
    return {
        "logName": f"{change.owner}/{LOG}",
        "severity": "NOTICE",
        "resource": _resource(change, name, number),
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": SERVICE,
            "methodName": f"v1.compute.{change.method}",
            "resourceName": name,
            "authenticationInfo": _authentication(caller.principal),
            "requestMetadata": {
                "callerIp": caller.address,
                "callerSuppliedUserAgent": caller.agent,
                "requestAttributes": {},
                "destinationAttributes": {},
            },
        },
    }


def _in_full(change: Change, payload: Json, request: Json, response: Json, *, granted: bool) -> Json:
    """The payload with what only the first entry about a call has."""
    name = payload["resourceName"]
    attributes = {"requestAttributes": {"time": _micros(change.began), "auth": {}}}
    return payload | {
        "authorizationInfo": [_authorization(change, name) | ({"granted": True} if granted else {})],
        "request": request,
        "requestMetadata": payload["requestMetadata"] | attributes,
        "resourceLocation": {"currentLocations": [_location(name)]},
        "response": response,
    }


def _dated(entry: Json, moment: datetime) -> Json:
    return entry | {"insertId": f"-{secrets.token_hex(6)}", "timestamp": _micros(moment)}


def _micros(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _authentication(principal: str) -> Json:
    """Of an identity of a third party, the subject is there instead of an email (AuditLog, AuthenticationInfo)."""
    if not principal:
        return {}
    if "://" in principal:
        return {"principalSubject": principal}
    kind = "serviceAccount" if principal.endswith("gserviceaccount.com") else "user"
    return {"principalEmail": principal, "principalSubject": f"{kind}:{principal}"}


def _authorization(change: Change, name: str) -> Json:
    kind = f"compute.{change.permission.split('.')[1]}"
    return {
        "permission": change.permission,
        "permissionType": "ADMIN_WRITE",
        "resource": name,
        "resourceAttributes": {"name": name, "service": "compute", "type": kind},
    }


def _resource(change: Change, name: str, number: str) -> Json:
    collection = change.method.split(".")[0]
    owner, _, identity = change.owner.partition("/")
    labels = {"project_id": identity} if owner == "projects" else {}
    if collection not in _TYPES:
        return {
            "type": "audited_resource",
            "labels": labels | {"service": SERVICE, "method": f"v1.compute.{change.method}"},
        }
    kind, label = _TYPES[collection]
    zone = {"zone": _location(name)} if collection == "instances" else {}
    return {"type": kind, "labels": labels | {label: number} | zone}


def _location(name: str) -> str:
    """`global`, or the region's or zone's name."""
    match = re.search(r"/(?:regions|zones)/([^/]+)/", name)
    return match[1] if match else "global"


def _fields(change: Change, body: Any) -> Json:
    if not isinstance(body, dict):
        return {}
    given: Json = body
    plural = {"allowed": "alloweds", "denied": "denieds"} if change.method.startswith("firewalls.") else {}
    return {plural.get(field, field): value for field, value in given.items()}
