"""The audit log: who sees it, page by page, and how a test has it otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import compute_v1

from e2e.lab.cloud.audit_entries import Caller
from e2e.lab.cloud.audit_log import REMEMBERED, AuditLog
from e2e.lab.cloud.store import seeded
from tests.lab.cloud.auditing import ALLOW, ENTRIES, OF_PROJECT, SSH, UNCHANGED, audit, entries, sent, told
from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import PROJECT, recording
from tests.lab.cloud.test_side_door import FIREWALLS, ask


def test_late_entries(emulator: Serving) -> None:
    """Entries are not there before their delay is over, and say when Logging had them."""
    audit(emulator, delaySeconds=3600)
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    assert entries(emulator) == []
    assert ask(emulator, "GET", "/lab/audit")[1]["entries"] == 2
    audit(emulator, delaySeconds=0)
    first, _ = entries(emulator)
    written, received = (datetime.fromisoformat(first[field]) for field in ("timestamp", "receiveTimestamp"))
    assert received - written == timedelta(hours=1)


def test_missing_entries(emulator: Serving) -> None:
    """What is changed in silence is never written down."""
    audit(emulator, silent=True)
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    audit(emulator, silent=False)
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-rdp")
    method, rdp = "v1.compute.firewalls.delete", f"{OF_PROJECT}/global/firewalls/default-allow-rdp"
    assert told(emulator) == [(method, rdp, "first"), (method, rdp, "last")]


def pages(emulator: Serving, **body: Any) -> list[list[str]]:
    """The insertIds of every page."""
    found, token = [], ""
    while True:
        asked = {"resourceNames": [OF_PROJECT], "pageToken": token} | body
        code, answer = ask(emulator, "POST", ENTRIES, asked)
        assert code == 200, answer
        found.append([entry["insertId"] for entry in answer.get("entries", [])])
        token = answer.get("nextPageToken", "")
        if not token:
            return found


def test_pages(emulator: Serving) -> None:
    """Pages have every entry once, the oldest first or the newest, however many are asked for or allowed."""
    for name in ("default-allow-ssh", "default-allow-rdp", "nope"):
        ask(emulator, "DELETE", f"{FIREWALLS}/{name}")
    every = [entry["insertId"] for entry in entries(emulator)]
    assert len(every) == 5
    assert pages(emulator) == [every]
    assert pages(emulator, pageSize=2) == [every[:2], every[2:4], every[4:]]
    newest = every[::-1]
    assert pages(emulator, pageSize=3, orderBy="timestamp desc") == [newest[:3], newest[3:]]
    audit(emulator, pageSize=2)
    assert pages(emulator, pageSize=1000, orderBy="timestamp desc") == [newest[:2], newest[2:4], newest[4:]]
    audit(emulator, emptyPages=2)
    assert pages(emulator, filter="severity=ERROR") == [[], [], every[4:]]


def test_pages_are_of_one_question(emulator: Serving) -> None:
    """A token is for the question that it answered, and one that is none is refused."""
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    asked = {"resourceNames": [OF_PROJECT], "pageSize": 1}
    token = ask(emulator, "POST", ENTRIES, asked)[1]["nextPageToken"]
    again = asked | {"pageToken": token, "pageSize": 5}
    assert len(ask(emulator, "POST", ENTRIES, again)[1]["entries"]) == 1
    for other in ({"filter": "severity=NOTICE"}, {"orderBy": "timestamp desc"}, {"resourceNames": ["folders/8"]}):
        code, answer = ask(emulator, "POST", ENTRIES, again | other)
        assert (code, answer["error"]["message"]) == (400, "page_token doesn't match arguments from the request")
    for wrong in ("x", "MTI=", "WzEsMl0="):
        code, answer = ask(emulator, "POST", ENTRIES, asked | {"pageToken": wrong})
        assert (code, answer["error"]["message"]) == (400, "page_token is not valid")


@pytest.mark.parametrize("ahead", [3600, -3600])
def test_another_clock(emulator: Serving, ahead: int) -> None:
    """The cloud's clock dates entries, resources, operations and every answer; the request log keeps the machine's."""
    audit(emulator, clockSeconds=ahead)
    answer = sent(emulator, "POST", FIREWALLS, ALLOW)
    refused = sent(emulator, "GET", f"{FIREWALLS}/nope")
    rule = ask(emulator, "GET", f"{FIREWALLS}/new")[1]
    operation = ask(emulator, "GET", f"/compute/v1/{OF_PROJECT}/global/operations")[1]["items"][0]
    moments = [
        *(parsedate_to_datetime(each.headers["Date"]) for each in (answer, refused)),
        *(datetime.fromisoformat(entry["timestamp"]) for entry in entries(emulator)),
        datetime.fromisoformat(rule["creationTimestamp"]),
        datetime.fromisoformat(operation["endTime"]),
    ]
    now = datetime.now(UTC)
    off = [round((moment - now).total_seconds() / 600) * 600 for moment in moments]
    assert off == [ahead] * 6
    assert abs(datetime.fromisoformat(emulator.journal.latest()[0]["time"]) - now) < timedelta(minutes=10)


def test_settings_are_reset(emulator: Serving) -> None:
    """DELETE gives every setting its default, and forgets the entries only if it is told to."""
    changed = {
        "principal": "dana@example.com",
        "tokens": {"t": "eve@example.com"},
        "delaySeconds": 0.5,
        "silent": True,
        "pageSize": 1,
        "emptyPages": 1,
        "clockSeconds": -86400,
    }
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    assert ask(emulator, "POST", "/lab/audit", changed) == (200, changed | {"entries": 2})
    assert ask(emulator, "DELETE", "/lab/audit") == (200, UNCHANGED | {"entries": 2})
    assert ask(emulator, "GET", "/lab/audit") == (200, UNCHANGED | {"entries": 2})
    assert parsedate_to_datetime(sent(emulator, "GET", FIREWALLS).headers["Date"]).date() == datetime.now(UTC).date()
    assert ask(emulator, "DELETE", "/lab/audit", {"entries": True}) == (200, UNCHANGED | {"entries": 0})


WRONG_SETTINGS: dict[str, object] = {
    "'principal': '7'": {"principal": 7},
    "'tokens': '{'t': 7}'": {"tokens": {"t": 7}},
    "'delaySeconds': '-1'": {"delaySeconds": -1},
    "'delaySeconds': 'True'": {"delaySeconds": True},
    "'silent': '1'": {"silent": 1},
    "'pageSize': '0'": {"pageSize": 0},
    "'pageSize': '1001'": {"pageSize": 1001},
    "'emptyPages': '0.5'": {"emptyPages": 0.5},
    "'clockSeconds': '1e+20'": {"clockSeconds": 1e20},
    "'late': '3'": {"principal": "dana@example.com", "late": 3},
    "'audit': '[]'": [],
}


@pytest.mark.parametrize("named", WRONG_SETTINGS)
def test_wrong_settings(emulator: Serving, named: str) -> None:
    """A setting that makes no sense is refused by its field, and none has changed."""
    code, body = ask(emulator, "POST", "/lab/audit", WRONG_SETTINGS[named])
    assert (code, f"Invalid value for field {named}." in body["error"]["message"]) == (400, True), body
    assert ask(emulator, "GET", "/lab/audit")[1] == UNCHANGED | {"entries": 0}


def test_wrong_reset(emulator: Serving) -> None:
    """A body that says something else than to forget the entries is refused."""
    code, body = ask(emulator, "DELETE", "/lab/audit", {"settings": True})
    assert (code, "Invalid value for field 'audit'" in body["error"]["message"]) == (400, True)


OF = {"resourceNames": [OF_PROJECT]}
WRONG_CALLS: dict[str, tuple[object, int, str]] = {
    "no body": (None, 400, "Invalid JSON payload received. Root element must be a message."),
    "no resource": ({}, 400, "resourceNames must be from 1 to 100 names, not 0"),
    "too many resources": (
        *({"resourceNames": [OF_PROJECT] * 101}, 400),
        "resourceNames must be from 1 to 100 names, not 101",
    ),
    "another project": ({"resourceNames": ["projects/else"]}, 404, "Requested entity was not found: projects/else"),
    "a billing account": (
        *({"resourceNames": ["billingAccounts/1"]}, 400),
        "The emulator has no logs of 'billingAccounts/1': no project, organization or folder",
    ),
    "an unknown field": (
        *(OF | {"filters": ""}, 400),
        'Invalid JSON payload received. Unknown name "filters": Cannot find field.',
    ),
    "a field of another type": (OF | {"pageSize": "ten"}, 400, "Invalid value at 'pageSize': 'ten'"),
    "another order": (
        *(OF | {"orderBy": "severity"}, 400),
        "orderBy 'severity' is neither 'timestamp asc' nor 'timestamp desc'",
    ),
    "too large a page": (OF | {"pageSize": 1001}, 400, "pageSize must be from 0 to 1000, not 1001"),
    "a negative page": (OF | {"pageSize": -1}, 400, "pageSize must be from 0 to 1000, not -1"),
    "no filter": (
        *(OF | {"filter": "timestamp>=2026-11-28T10:00:00Z "}, 400),
        "Invalid filter: timestamp: '2026-11-28T10' is not a timestamp as RFC 3339 has it",
    ),
    "a field that is none": (OF | {"filter": "thud=1"}, 400, "Field not found: 'thud'."),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_calls(emulator: Serving, case: str) -> None:
    """What entries.list does not know is refused with an error of Logging's shape."""
    body, expected, message = WRONG_CALLS[case]
    status = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}[expected]
    code, answer = ask(emulator, "POST", ENTRIES, body)
    assert (code, answer) == (expected, {"error": {"code": expected, "message": message, "status": status}})


def test_wrong_parameters(emulator: Serving) -> None:
    """Parameters of the URL are known or refused; other methods are not there."""
    assert ask(emulator, "POST", f"{ENTRIES}?alt=json&prettyPrint=false", OF) == (200, {})
    assert ask(emulator, "POST", f"{ENTRIES}?fields=entries", OF)[0] == 400
    assert ask(emulator, "GET", ENTRIES)[0] == 404


def test_faults_of_logging(emulator: Serving) -> None:
    """The permission can be taken away, and other faults made, in Logging's own words; changing goes on meanwhile."""
    denied = {"code": 403, "message": "Permission denied for all log views", "status": "PERMISSION_DENIED"}
    ask(emulator, "POST", "/lab/faults", {"answer": 403, "permission": "logging.logEntries.list"})
    assert ask(emulator, "POST", ENTRIES, OF) == (403, {"error": denied})
    assert ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")[0] == 200
    ask(emulator, "DELETE", "/lab/faults")
    assert len(entries(emulator)) == 2
    for answer, error in (
        (403, denied),
        (429, {"code": 429, "message": "Rate Limit Exceeded", "status": "RESOURCE_EXHAUSTED"}),
        (504, {"code": 504, "message": "Gateway Timeout", "status": "DEADLINE_EXCEEDED"}),
    ):
        ask(emulator, "POST", "/lab/faults", {"match": {"path": "/v2/"}, "answer": answer, "times": 1})
        assert ask(emulator, "POST", ENTRIES, OF) == (answer, {"error": error})


def test_clients_of_the_outside(serve: Callable[..., Serving]) -> None:
    """A listener without the side door has the log, and writes it, and nothing of its settings."""
    outside = serve(side_door=False)
    firewalls = outside.client(compute_v1.FirewallsClient)
    with pytest.raises(NotFound):
        firewalls.delete_unary(project=PROJECT, firewall="nope")
    assert told(outside) == [("v1.compute.firewalls.delete", f"{OF_PROJECT}/global/firewalls/nope", "5")]
    assert ask(outside, "POST", "/lab/audit", {"silent": True})[0] == 404


def test_refused_by_a_real_client(emulator: Serving) -> None:
    """What google-cloud-compute was refused for want of a permission is an error that was not granted."""
    ask(emulator, "POST", "/lab/faults", {"answer": 403, "permission": "compute.firewalls.update"})
    firewalls = emulator.client(compute_v1.FirewallsClient)
    with pytest.raises(Forbidden):
        firewalls.patch_unary(
            project=PROJECT, firewall="default-allow-ssh", firewall_resource=compute_v1.Firewall(disabled=True)
        )
    assert told(emulator) == [("v1.compute.firewalls.patch", SSH, "7")]
    ((authorization,),) = (entry["protoPayload"]["authorizationInfo"] for entry in entries(emulator))
    assert ("granted" in authorization, authorization["permission"]) == (False, "compute.firewalls.update")


def test_memory_is_bounded() -> None:
    """Of more entries than are remembered the latest are there."""
    log = AuditLog(seeded(recording()))
    error = {"code": 404, "message": "", "errors": [{"reason": "notFound"}]}
    for number in range(REMEMBERED + 1):
        change = log.begun("DELETE", f"{OF_PROJECT}/global/firewalls/r{number}", {}, "compute.firewalls.delete")
        assert change is not None
        log.ended(change, Caller("", "", ""), None, 404, {"error": error})
    assert log.described()["entries"] == REMEMBERED
    first = log.answer({}, OF | {"pageSize": 1})["entries"][0]
    assert first["protoPayload"]["resourceName"] == f"{OF_PROJECT}/global/firewalls/r1"
