"""The audit log: what is written about changes, who sees it, and how a test has it otherwise."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import compute_v1

from e2e.lab.cloud.audit_entries import Caller
from e2e.lab.cloud.audit_log import REMEMBERED, AuditLog
from e2e.lab.cloud.store import seeded
from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, PROJECT, recording
from tests.lab.cloud.test_batch import answered
from tests.lab.cloud.test_side_door import FIREWALLS, ask

OF_PROJECT = f"projects/{PROJECT}"
SSH = f"{OF_PROJECT}/global/firewalls/default-allow-ssh"
ENTRIES = "/v2/entries:list"
UNCHANGED = {
    "principal": "owner@example.com",
    "tokens": {},
    "delaySeconds": 0,
    "silent": False,
    "pageSize": 1000,
    "emptyPages": 0,
    "clockSeconds": 0,
}


def entries(emulator: Serving, query: str = "", *names: str, **more: Any) -> list[dict[str, Any]]:
    """The first page of the project's entries, or of others'."""
    body = {"resourceNames": list(names) or [OF_PROJECT], "filter": query} | more
    code, answer = ask(emulator, "POST", ENTRIES, body)
    assert code == 200, answer
    found: list[dict[str, Any]] = answer.get("entries", [])
    return found


def told(emulator: Serving, query: str = "", *names: str) -> list[tuple[str, str, str]]:
    """Method and resource of each entry, and what became of it: `first`, `last`, or the status' code."""
    return [
        (
            entry["protoPayload"]["methodName"],
            entry["protoPayload"]["resourceName"],
            next((key for key in ("first", "last") if entry.get("operation", {}).get(key)), "")
            or str(entry["protoPayload"]["status"]["code"]),
        )
        for entry in entries(emulator, query, *names)
    ]


def sent(emulator: Serving, method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
    """One request with headers; its answer is read."""
    url = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def audit(emulator: Serving, **settings: Any) -> None:
    assert ask(emulator, "POST", "/lab/audit", settings)[0] == 200


def test_a_deletion(emulator: Serving) -> None:
    """It is two entries of one operation: the first says all, the last that it is done, both who, where from and with what."""
    before = datetime.now(UTC)
    operation = emulator.client(compute_v1.FirewallsClient).delete_unary(project=PROJECT, firewall="default-allow-ssh")
    after = datetime.now(UTC)
    first, last = entries(emulator)
    began, ended = (datetime.fromisoformat(entry.pop("timestamp")) for entry in (first, last))
    assert before <= began < ended <= after
    assert all(datetime.fromisoformat(entry.pop("receiveTimestamp")) >= began for entry in (first, last))
    assert first.pop("insertId") != last.pop("insertId")
    assert first["labels"] == last["labels"]
    metadata = first["protoPayload"]["requestMetadata"]
    assert datetime.fromisoformat(metadata["requestAttributes"].pop("time")) == began
    assert first["protoPayload"]["response"].pop("insertTime") == operation.insert_time
    agent = emulator.journal.latest()[0]["userAgent"]
    assert agent.startswith("python-requests/")
    both = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "compute.googleapis.com",
        "methodName": "v1.compute.firewalls.delete",
        "resourceName": SSH,
        "authenticationInfo": {
            "principalEmail": "owner@example.com",
            "principalSubject": "user:owner@example.com",
        },
        "request": {"@type": "type.googleapis.com/compute.firewalls.delete"},
    }
    called = {"callerIp": "127.0.0.1", "callerSuppliedUserAgent": agent, "destinationAttributes": {}}
    about = {
        "logName": f"{OF_PROJECT}/logs/cloudaudit.googleapis.com%2Factivity",
        "severity": "NOTICE",
        "labels": first["labels"],
        "resource": {
            "type": "gce_firewall_rule",
            "labels": {"project_id": PROJECT, "firewall_rule_id": str(operation.target_id)},
        },
    }
    by = {"id": operation.name, "producer": "compute.googleapis.com"}
    last_payload = both | {"requestMetadata": called | {"requestAttributes": {}}}
    assert last == about | {"operation": by | {"last": True}, "protoPayload": last_payload}
    assert first == about | {
        "operation": by | {"first": True},
        "protoPayload": both
        | {
            "requestMetadata": called | {"requestAttributes": {"auth": {}}},
            "authorizationInfo": [
                {
                    "permission": "compute.firewalls.delete",
                    "permissionType": "ADMIN_WRITE",
                    "granted": True,
                    "resource": SSH,
                    "resourceAttributes": {"name": SSH, "service": "compute", "type": "compute.firewalls"},
                }
            ],
            "resourceLocation": {"currentLocations": ["global"]},
            "response": {
                "@type": "type.googleapis.com/operation",
                "id": str(operation.id),
                "name": operation.name,
                "operationType": "delete",
                "progress": "0",
                "selfLink": operation.self_link,
                "startTime": operation.start_time,
                "status": "RUNNING",
                "targetId": str(operation.target_id),
                "targetLink": operation.target_link,
                "user": "owner@example.com",
            },
        },
    }


NODE = f"/compute/v1/{OF_PROJECT}/zones/us-east1-b/instances/node-1"
RULE = {
    "priority": 7,
    "action": "deny",
    "match": {"srcIpRanges": ["10.0.0.0/8"], "layer4Configs": [{"ipProtocol": "tcp"}]},
}
ALLOW = {"name": "new", "allowed": [{"IPProtocol": "tcp"}]}
BEFORE = {"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
ROUTE = {"name": "r", "network": DEFAULT, "destRange": "10.9.0.0/16", "nextHopIp": "10.142.0.9"}
# The API's collection, name and type of a resource, and the calls that change it: verb, method, path after the project, body.
CHANGES: list[tuple[str, str, str, list[tuple[str, str, str, object]]]] = [
    (
        *("firewalls", "global/firewalls/new", "gce_firewall_rule"),
        [
            ("insert", "POST", "global/firewalls", ALLOW),
            ("patch", "PATCH", "global/firewalls/new", {"disabled": True}),
            ("update", "PUT", "global/firewalls/new", ALLOW),
            ("delete", "DELETE", "global/firewalls/new", None),
        ],
    ),
    (
        *("networks", "global/networks/default", "gce_network"),
        [("patch", "PATCH", "global/networks/default", BEFORE)],
    ),
    (
        *("routes", "global/routes/r", "gce_route"),
        [("insert", "POST", "global/routes", ROUTE), ("delete", "DELETE", "global/routes/r", None)],
    ),
    *(
        (
            *(collection, f"{place}/firewallPolicies/base", "audited_resource"),
            [
                ("insert", "POST", f"{place}/firewallPolicies", {"name": "base"}),
                ("patch", "PATCH", f"{place}/firewallPolicies/base", {"description": "d"}),
                ("addRule", "POST", f"{place}/firewallPolicies/base/addRule", RULE),
                ("patchRule", "POST", f"{place}/firewallPolicies/base/patchRule?priority=7", {"action": "allow"}),
                ("removeRule", "POST", f"{place}/firewallPolicies/base/removeRule?priority=7", None),
                (
                    *("addAssociation", "POST", f"{place}/firewallPolicies/base/addAssociation"),
                    {"name": "a", "attachmentTarget": DEFAULT},
                ),
                ("removeAssociation", "POST", f"{place}/firewallPolicies/base/removeAssociation?name=a", None),
                ("delete", "DELETE", f"{place}/firewallPolicies/base", None),
            ],
        )
        for place, collection in (
            ("global", "networkFirewallPolicies"),
            ("regions/us-east1", "regionNetworkFirewallPolicies"),
        )
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_every_change(emulator: Serving, change: tuple[str, str, str, list[tuple[str, str, str, object]]]) -> None:
    """Each call that changes something has two entries, with the API's own method and the resource's name and type."""
    collection, resource, kind, calls = change
    for _, method, path, body in calls:
        code, answer = ask(emulator, method, f"/compute/v1/{OF_PROJECT}/{path}", body)
        assert code == 200, answer
    assert told(emulator) == [
        (f"v1.compute.{collection}.{verb}", f"{OF_PROJECT}/{resource}", end)
        for verb, *_ in calls
        for end in ("first", "last")
    ]
    assert {entry["resource"]["type"] for entry in entries(emulator)} == {kind}


def test_tags_of_an_instance(emulator: Serving) -> None:
    """An instance's entries have its zone, and the request that was made."""
    instance = ask(emulator, "GET", NODE)[1]
    body = {"items": ["web"]}
    assert ask(emulator, "POST", f"{NODE}/setTags", body)[0] == 200
    first, _ = entries(emulator, "protoPayload.methodName=v1.compute.instances.setTags")
    assert first["resource"] == {
        "type": "gce_instance",
        "labels": {"project_id": PROJECT, "instance_id": instance["id"], "zone": "us-east1-b"},
    }
    payload = first["protoPayload"]
    assert payload["resourceLocation"] == {"currentLocations": ["us-east1-b"]}
    assert payload["request"] == {"@type": "type.googleapis.com/compute.instances.setTags", **body}


def test_what_a_rule_was_to_be(emulator: Serving) -> None:
    """A rule's request has its protocols under the names that the real log has."""
    ask(emulator, "POST", FIREWALLS, ALLOW | {"sourceRanges": ["10.0.0.0/8"]})
    first, last = entries(emulator)
    kind = {"@type": "type.googleapis.com/compute.firewalls.insert"}
    assert first["protoPayload"]["request"] == kind | {
        "name": "new",
        "sourceRanges": ["10.0.0.0/8"],
        "alloweds": [{"IPProtocol": "tcp"}],
    }
    assert last["protoPayload"]["request"] == kind


FAILURES: dict[str, tuple[object, str, str, object, str, str, int]] = {
    "not found": (None, "DELETE", f"{FIREWALLS}/nope", None, "firewalls.delete", "global/firewalls/nope", 5),
    "there already": (
        *(None, "POST", FIREWALLS, ALLOW | {"name": "default-allow-ssh"}),
        *("firewalls.insert", "global/firewalls/default-allow-ssh", 6),
    ),
    "invalid": (
        *(None, "PATCH", f"{FIREWALLS}/default-allow-ssh", {"priority": 70000}),
        *("firewalls.patch", "global/firewalls/default-allow-ssh", 3),
    ),
    "not even JSON": (None, "POST", FIREWALLS, "{", "firewalls.insert", "global/firewalls", 3),
    "a fingerprint of old": (
        *(None, "POST", f"{NODE}/setTags", {"fingerprint": "b2xk"}),
        *("instances.setTags", "zones/us-east1-b/instances/node-1", 9),
    ),
    "no permission": (
        {"answer": 403, "permission": "compute.firewalls.delete"},
        *("DELETE", f"{FIREWALLS}/default-allow-ssh", None),
        *("firewalls.delete", "global/firewalls/default-allow-ssh", 7),
    ),
    "too many": (
        {"match": {"method": "DELETE"}, "answer": 403},
        *("DELETE", f"{FIREWALLS}/default-allow-ssh", None),
        *("firewalls.delete", "global/firewalls/default-allow-ssh", 8),
    ),
    "out of order": (
        {"match": {"method": "DELETE"}, "answer": 503},
        *("DELETE", f"{FIREWALLS}/default-allow-ssh", None),
        *("firewalls.delete", "global/firewalls/default-allow-ssh", 14),
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_was_refused(emulator: Serving, case: str) -> None:
    """A change that did not happen is one error with the answer as its status, of no operation and no number."""
    fault, method, path, body, name, resource, status = FAILURES[case]
    if fault:
        ask(emulator, "POST", "/lab/faults", fault)
    code, answer = ask(emulator, method, path, body)
    (entry,) = entries(emulator)
    payload = entry["protoPayload"]
    error = {key: answer["error"][key] for key in ("code", "errors", "message")}
    assert (payload["methodName"], payload["resourceName"]) == (f"v1.compute.{name}", f"{OF_PROJECT}/{resource}")
    assert payload["status"] == {"code": status, "message": error["message"]}
    assert payload["response"] == {"@type": "type.googleapis.com/error", "error": error}
    assert (entry["severity"], "operation" in entry, code) == ("ERROR", False, error["code"])
    assert [each.get("granted") for each in payload["authorizationInfo"]] == [None if status == 7 else True]
    assert "" in entry["resource"]["labels"].values()


def test_what_is_not_written(emulator: Serving) -> None:
    """Reading, what never arrived, another project's and what is no call of the API leave no entry."""
    ask(emulator, "GET", f"{FIREWALLS}/default-allow-ssh")
    ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh".replace(PROJECT, "else"))
    ask(emulator, "POST", f"{FIREWALLS}/default-allow-ssh/wipe")
    ask(emulator, "DELETE", "/compute/v1/locations/global/firewallPolicies/123")
    ask(emulator, "POST", "/lab/faults", {"match": {"method": "DELETE"}, "cut": True})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    assert ask(emulator, "GET", "/lab/audit") == (200, UNCHANGED | {"entries": 0})


def test_many_calls_in_one_request(emulator: Serving) -> None:
    """Each call of a batch is written down by itself, one that failed as well, with the batch's own headers."""
    audit(emulator, principal="dana@example.com")
    answered(emulator, f"DELETE {FIREWALLS}/default-allow-rdp HTTP/1.1\n\n", f"DELETE {FIREWALLS}/nosuch HTTP/1.1\n\n")
    method = "v1.compute.firewalls.delete"
    gone, missing = f"{OF_PROJECT}/global/firewalls/default-allow-rdp", f"{OF_PROJECT}/global/firewalls/nosuch"
    assert told(emulator) == [(method, gone, "first"), (method, gone, "last"), (method, missing, "5")]
    by = {
        (metadata["callerSuppliedUserAgent"].partition("/")[0], who["principalEmail"])
        for who, metadata in (
            (entry["protoPayload"]["authenticationInfo"], entry["protoPayload"]["requestMetadata"])
            for entry in entries(emulator)
        )
    }
    assert by == {("Python-urllib", "dana@example.com")}


def test_who_it_was(emulator: Serving) -> None:
    """A token's principal, else the one for everybody, made a change: an account, an identity without email, or nobody."""
    robot = "robot@p.iam.gserviceaccount.com"
    subject = "principal://iam.googleapis.com/locations/global/workforcePools/w/subject/dana"
    audit(emulator, principal="dana@example.com", tokens={"secret": robot})
    path = f"{FIREWALLS}/default-allow-ssh"
    sent(emulator, "PATCH", path, {"priority": 1}, Authorization="Bearer secret")
    sent(emulator, "PATCH", path, {"priority": 2}, Authorization="bearer unknown")
    sent(emulator, "PATCH", path, {"priority": 3}, Authorization="Basic secret")
    for principal in (subject, ""):
        audit(emulator, principal=principal)
        sent(emulator, "PATCH", path, {"priority": 4})
    last = entries(emulator, "operation.last=true")
    dana = {"principalEmail": "dana@example.com", "principalSubject": "user:dana@example.com"}
    assert [entry["protoPayload"]["authenticationInfo"] for entry in last] == [
        {"principalEmail": robot, "principalSubject": f"serviceAccount:{robot}"},
        *(dana, dana),
        *({"principalSubject": subject}, {}),
    ]
    operations = ask(emulator, "GET", f"/compute/v1/{OF_PROJECT}/global/operations")[1]["items"]
    users = {operation["name"]: operation["user"] for operation in operations}
    assert [users[entry["operation"]["id"]] for entry in last] == [
        *(robot, "dana@example.com", "dana@example.com"),
        *(subject, ""),
    ]


def test_user_agents(emulator: Serving) -> None:
    """The User-Agent is the caller's own header, whatever it says; without one it is empty."""
    agent = "google-cloud-sdk gcloud/528.0.0 command/gcloud.compute.firewall-rules.delete"
    sent(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh", **{"User-Agent": agent})
    sent(emulator, "DELETE", f"{FIREWALLS}/default-allow-rdp")
    agents = [
        entry["protoPayload"]["requestMetadata"]["callerSuppliedUserAgent"]
        for entry in entries(emulator, "operation.first=true")
    ]
    assert agents == [agent, ""]


def test_logs_of_organizations(emulator: Serving) -> None:
    """A hierarchical policy's changes are in its parent's log, its deletion too, and in no project's."""
    policies = "/compute/v1/locations/global/firewallPolicies"
    ids = {}
    for parent in ("organizations/7", "folders/8"):
        inserted = ask(emulator, "POST", f"{policies}?parentId={parent}", {"shortName": "base"})[1]
        ids[parent] = inserted["targetId"]
    ask(emulator, "POST", f"{policies}/{ids['organizations/7']}/addRule", RULE)
    ask(emulator, "DELETE", f"{policies}/{ids['organizations/7']}")
    ask(emulator, "POST", f"{policies}?parentId=folders/8", {"shortName": "base"})
    name = f"locations/global/firewallPolicies/{ids['organizations/7']}"
    verbs = [f"v1.compute.firewallPolicies.{verb}" for verb in ("insert", "addRule", "delete")]
    assert told(emulator, "", "organizations/7") == [(verb, name, end) for verb in verbs for end in ("first", "last")]
    of_folder = told(emulator, "", "folders/8")
    assert [(method, end) for method, _, end in of_folder] == [(verbs[0], "first"), (verbs[0], "last"), (verbs[0], "6")]
    assert entries(emulator) == []
    everywhere = entries(emulator, "", OF_PROJECT, "organizations/7", "folders/8")
    assert len(everywhere) == 9
    assert everywhere[0]["resource"] == {
        "type": "audited_resource",
        "labels": {"service": "compute.googleapis.com", "method": "v1.compute.firewallPolicies.insert"},
    }
    assert everywhere[0]["logName"] == "organizations/7/logs/cloudaudit.googleapis.com%2Factivity"
    log = 'logName="organizations/7/logs/cloudaudit.googleapis.com%2Factivity"'
    assert entries(emulator, log) == []


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
