"""The audit log: what is written about changes, and by whom."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime

import pytest
from google.cloud import compute_v1

from tests.lab.cloud.auditing import ALLOW, OF_PROJECT, SSH, UNCHANGED, audit, entries, sent, told
from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, PROJECT
from tests.lab.cloud.test_batch import answered
from tests.lab.cloud.test_side_door import FIREWALLS, ask


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
