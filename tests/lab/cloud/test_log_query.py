"""The Logging query language, one filter a line."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.lab.cloud.errors import RpcError
from e2e.lab.cloud.log_query import parse

LOG = "projects/p/logs/cloudaudit.googleapis.com%2Factivity"


def entry(
    name: str, method: str, moment: str, severity: str = "NOTICE", *permissions: str, **fields: Any
) -> dict[str, Any]:
    payload = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "methodName": f"v1.compute.{method}",
        "resourceName": f"projects/p/global/firewalls/{name}",
        "authorizationInfo": [{"permission": permission, "granted": True} for permission in permissions],
    }
    return {
        "insertId": name,
        "logName": LOG,
        "timestamp": moment,
        "severity": severity,
        "resource": {"type": "gce_firewall_rule", "labels": {"project_id": "p"}},
        "protoPayload": payload | fields.pop("payload", {}),
        **fields,
    }


ENTRIES = [
    entry(
        *("one", "firewalls.delete", "2026-11-28T10:00:00.000001Z", "NOTICE", "compute.firewalls.delete"),
        *("compute.networks.updatePolicy",),
        operation={"id": "operation-1", "producer": "compute.googleapis.com", "first": True},
        labels={"compute.googleapis.com/root_trigger_id": "7f"},
    ),
    entry(
        *("two", "firewalls.patch", "2026-11-28T10:00:00.000002Z"),
        operation={"id": "operation-2", "producer": "compute.googleapis.com", "last": True},
        payload={"request": {"disabled": True, "priority": 900}},
    ),
    entry(
        *("three", "firewalls.delete", "2026-11-28T11:30:00Z", "ERROR"),
        payload={"status": {"code": 5, "message": 'No "three"'}},
    ),
]

FILTERS = {
    "": ["one", "two", "three"],
    "  -- only words\n": ["one", "two", "three"],
    'protoPayload.methodName="v1.compute.firewalls.delete"': ["one", "three"],
    'protoPayload.methodName = "V1.Compute.FIREWALLS.delete"': ["one", "three"],
    "protoPayload.methodName=v1.compute.firewalls.patch": ["two"],
    'protoPayload.methodName != "v1.compute.firewalls.delete"': ["two"],
    "protoPayload.methodName:firewalls": ["one", "two", "three"],
    'protoPayload.methodName:("delete" OR "insert")': ["one", "three"],
    'protoPayload.methodName:("delete" "firewalls")': ["one", "three"],
    'protoPayload.methodName:("firewalls" AND NOT "delete")': ["two"],
    'insertId=("one" OR two)': ["one", "two"],
    'insertId=(-"one" AND -"two")': ["three"],
    r'protoPayload.methodName=~"^v1\.compute\.firewalls\.(delete|patch)$"': ["one", "two", "three"],
    r'protoPayload.methodName=~"firewalls\\.p"': ["two"],
    'protoPayload.methodName=~"FIREWALLS"': [],
    'protoPayload.methodName=~"(?i)FIREWALLS.PATCH"': ["two"],
    'protoPayload.methodName!~"patch"': ["one", "three"],
    'insertId=~("^o" OR "e$")': ["one", "three"],
    r'protoPayload.status.message="No \"three\""': ["three"],
    'protoPayload.resourceName="projects/p/global/firewalls/one"': ["one"],
    f'logName="{LOG}"': ["one", "two", "three"],
    "logName:cloudaudit.googleapis.com": ["one", "two", "three"],
    'log_id("cloudaudit.googleapis.com/activity")': ["one", "two", "three"],
    'log_id("cloudaudit.googleapis.com/data_access")': [],
    'timestamp>="2026-11-28T10:00:00.000002Z"': ["two", "three"],
    'timestamp>"2026-11-28T10:00:00.000001999Z"': ["two", "three"],
    'timestamp<"2026-11-28T12:00:00+02:00"': [],
    'timestamp<="2026-11-28T12:00:00.000001+02:00"': ["one"],
    'timestamp>="2026-11-28T11:00:00.5+0000"': ["three"],
    'timestamp="2026-11-28T11:30:00.000000000Z"': ["three"],
    'timestamp>="2026-11-28" timestamp<"2026-11-29"': ["one", "two", "three"],
    "timestamp>2026-11-29": [],
    'receiveTimestamp<"2026-01-01T00:00:00Z"': ["one", "two", "three"],
    "operation.first=true": ["one"],
    "operation.first=false": ["two", "three"],
    "NOT operation.first=True": ["two", "three"],
    "operation.last!=false": ["two"],
    "operation.id:*": ["one", "two"],
    'operation.id=""': ["three"],
    "operation:*": ["one", "two"],
    "severity=ERROR": ["three"],
    "severity>=notice": ["one", "two", "three"],
    "severity > NOTICE": ["three"],
    "severity<500": ["one", "two"],
    "severity=(ERROR OR NOTICE)": ["one", "two", "three"],
    "resource.type=gce_firewall_rule": ["one", "two", "three"],
    "resource.labels.project_id=p": ["one", "two", "three"],
    "resource.labels.zone=x": [],
    'labels."compute.googleapis.com/root_trigger_id"="7f"': ["one"],
    "protoPayload.status.code=5": ["three"],
    "protoPayload.status.code>=5.5": [],
    "protoPayload.status.code!=0": ["three"],
    "NOT protoPayload.status.code=5": ["one", "two"],
    "-protoPayload.status:*": ["one", "two"],
    "protoPayload.request.disabled=true": ["two"],
    "protoPayload.request.priority<1000": ["two"],
    "protoPayload.request.priority=high": [],
    "protoPayload.request:disabled": [],
    "protoPayload.request:900": ["two"],
    "protoPayload.request=900": [],
    'protoPayload.authorizationInfo.permission="compute.networks.updatePolicy"': ["one"],
    'protoPayload.authorizationInfo.permission!="compute.networks.updatePolicy"': ["one"],
    "protoPayload.authorizationInfo.granted=true": ["one"],
    'protoPayload."@type":AuditLog': ["one", "two", "three"],
    "protoPayload.nothing!=x": [],
    'protoPayload.nothing!~"x"': [],
    "jsonPayload.x=1": [],
    '"No \\"THREE"': ["three"],
    "updatepolicy": ["one"],
    "and": [],
    "insertId=one OR insertId=two AND severity=NOTICE": ["one", "two"],
    "insertId=one AND severity=ERROR OR insertId=one": ["one"],
    "severity=ERROR OR NOT insertId=one AND NOT insertId=three OR severity=NOTICE": ["two"],
    "(insertId=one AND severity=NOTICE) OR (insertId=three)": ["one", "three"],
    "NOT(insertId=one OR insertId=two)": ["three"],
    "-(insertId=one OR insertId=two)": ["three"],
    "severity=NOTICE -- all of them\n-- but one\n-insertId=one": ["two"],
    "severity=NOTICE\ninsertId=one\n": ["one"],
}


@pytest.mark.parametrize("text", FILTERS)
def test_filters(text: str) -> None:
    """A filter lets through exactly the entries that the documentation says it does."""
    predicate = parse(text)
    assert [each["insertId"] for each in ENTRIES if predicate(each)] == FILTERS[text]


def syntax_error(column: int, token: str, line: int = 1) -> str:
    return f"Unparseable filter: syntax error at line {line}, column {column}, token '{token}'"


REFUSED = {
    "insertId=": syntax_error(10, "<EOF>"),
    "insertId=one AND": syntax_error(17, "<EOF>"),
    "OR insertId=one": syntax_error(1, "OR"),
    "=one": syntax_error(1, "="),
    "(insertId=one": syntax_error(14, "<EOF>"),
    "insertId=one)": syntax_error(13, ")"),
    "insertId=()": syntax_error(11, ")"),
    "insertId=abc:def": syntax_error(13, ":"),
    "insertId=-one": syntax_error(10, "-"),
    "insertId=+one": syntax_error(10, "+"),
    "insertId='one'": syntax_error(10, "'"),
    'insertId="one': syntax_error(10, '"'),
    "insertId=a*": syntax_error(11, "*"),
    "insertId=*": syntax_error(10, "*"),
    "insertId=OR": syntax_error(10, "OR"),
    'severity=ERROR\ninsertId=~one"': syntax_error(14, '"', line=2),
    "insertId=~one": syntax_error(11, "one"),
    "insertId=one, two": syntax_error(13, ","),
    "operation..id=1": syntax_error(1, "operation..id"),
    'labels.a"b"=1': syntax_error(1, 'labels.a"b"'),
    'insertId=a"b"': syntax_error(10, 'a"b"'),
    "log_id(": syntax_error(8, "<EOF>"),
    "insertId=log_id(x)": syntax_error(10, "log_id"),
    "thud=1": "Field not found: 'thud'.",
    "operation.thud=1": "Field not found: 'operation.thud'.",
    "textPayload.thud:*": "Field not found: 'textPayload.thud'.",
    "log_name=x": "Field not found: 'log_name'.",
    "severity=loud": "Invalid filter: severity: 'loud' is not a severity",
    "operation.first=1": "Invalid filter: operation.first: '1' is neither true nor false",
    'timestamp>"yesterday"': "Invalid filter: timestamp: 'yesterday' is not a timestamp as RFC 3339 has it",
    'timestamp>"2026-13-01"': "Invalid filter: timestamp: '2026-13-01' is not a timestamp as RFC 3339 has it",
    'timestamp=~"2026"': "Invalid filter: timestamp: only a string is matched with a regular expression",
    'insertId=~"(?=x)"': "Invalid filter: invalid regular expression '(?=x)': not in RE2's syntax",
    'insertId=~"("': "Invalid filter: invalid regular expression '(': missing ), unterminated subpattern at position 0",
    'SEARCH("x")': "The emulator's query language has no function 'SEARCH'",
    'ip_in_net(protoPayload.requestMetadata.callerIp, "10.0.0.0/8")': syntax_error(48, ","),
    "(" * 51 + "a" + ")" * 51: "The filter is nested more than 50 deep",
    "a" * 20_001: "The filter has 20001 characters; the limit is 20000",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_refused_filters(text: str) -> None:
    """A filter that is none, or that the emulator does not know, is a 400 that says where or why."""
    with pytest.raises(RpcError) as error:
        parse(text)
    assert error.value.body()["error"] == {"code": 400, "message": REFUSED[text], "status": "INVALID_ARGUMENT"}


@given(st.text(alphabet="insertId.severity=!<>:~()\"-*ANDORT \n'\\labels", max_size=40))
def test_any_text(text: str) -> None:
    """Whatever is typed as a filter either is one or is refused in the API's way."""
    with suppress(RpcError):
        predicate = parse(text)
        assert all(predicate(each) in (True, False) for each in ENTRIES)
