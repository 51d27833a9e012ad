"""Cloud Audit Logs: the question, and entries as Compute Engine writes them.

The entries have the fields of the documented LogEntry and AuditLog
(https://cloud.google.com/logging/docs/audit/understanding-audit-logs), with the story's names.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pathcheck.model.drift import Entry
from pathcheck.wire.audit import ahead_of, entries_of, moment_of, projects_of, question, tool_of
from tests.builders import seconds

GCLOUD = (
    "google-cloud-sdk gcloud/528.0.0 command/gcloud.compute.firewall-rules.delete invocation-id/1a2b environment/None "
    "interactive/True from-script/False python/3.12.8 term/xterm (Macintosh; Intel Mac OS X 24.0.0),gzip(gfe)"
)


def entry(**changes: Any) -> dict[str, Any]:
    """The first of the two entries of a deletion."""
    return {
        "insertId": "-abc1",
        "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": "2026-01-26T12:00:03.123456789Z",
        "severity": "NOTICE",
        "operation": {"id": "operation-1", "producer": "compute.googleapis.com", "first": True},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "compute.googleapis.com",
            "methodName": "v1.compute.firewalls.delete",
            "resourceName": "projects/p/global/firewalls/web",
            "authenticationInfo": {"principalEmail": "dana@example.com"},
            "requestMetadata": {"callerIp": "198.51.100.7", "callerSuppliedUserAgent": GCLOUD},
        },
    } | changes


def with_payload(**changes: Any) -> dict[str, Any]:
    return entry(protoPayload=entry()["protoPayload"] | changes)


def test_an_operation_is_one_entry() -> None:
    """Compute Engine writes one when it begins and one when it has ended; the first has the caller's own words."""
    last = entry(
        insertId="-abc2",
        timestamp="2026-01-26T12:00:09Z",
        operation={"id": "operation-1", "last": True},
        protoPayload=entry()["protoPayload"] | {"requestMetadata": {}},
    )
    said = GCLOUD[:256]
    assert entries_of([last, entry()]) == (
        Entry(
            "-abc1",
            seconds(3.123456),
            "dana@example.com",
            "v1.compute.firewalls.delete",
            "projects/p/global/firewalls/web",
            "gcloud",
            said,
        ),
    )


@pytest.mark.parametrize(
    "raw",
    [
        entry(severity="ERROR"),
        with_payload(status={"code": 5, "message": "NOT_FOUND"}),
        with_payload(authenticationInfo={}),
        with_payload(methodName=None),
        entry(timestamp="yesterday"),
        entry(timestamp="2026-01-26T12:00:03"),
        entry(protoPayload=None),
        "no entry",
        None,
    ],
)
def test_a_call_that_failed_and_what_is_no_entry_is_nobodys_deed(raw: object) -> None:
    """Who tried to delete a rule did not delete it."""
    assert entries_of([raw]) == ()


def test_a_workforce_identity_has_a_subject_and_no_address() -> None:
    """Federated users have no e-mail address in the log."""
    subject = "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/dana"
    (found,) = entries_of([with_payload(authenticationInfo={"principalSubject": subject})])
    assert found.principal == subject


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        (GCLOUD, "gcloud"),
        ("Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-google/6.1.0,gzip(gfe)", "Terraform"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36,gzip(gfe),gzip(gfe)", "a browser"),
        ("my-script/1.0 python", "my-script/1.0"),
        ("", ""),
    ],
)
def test_programs_are_called_as_people_call_them(agent: str, tool: str) -> None:
    """By the telling part of what they call themselves."""
    assert tool_of(agent) == tool


def test_the_question_is_about_this_time_and_what_a_firewall_is_made_of() -> None:
    """In the Logging query language; milliseconds in UTC."""
    asked = question("p", seconds(0), seconds(9.5))
    assert asked["resourceNames"] == ["projects/p"]
    assert asked["filter"].split(" AND ") == [
        'logName="projects/p/logs/cloudaudit.googleapis.com%2Factivity"',
        'protoPayload.serviceName="compute.googleapis.com"',
        'protoPayload.methodName:("compute.firewalls" OR "irewallPolicies" OR "compute.networks" OR "compute.routes" OR '
        '"compute.instances.set" OR "compute.instances.update")',
        'timestamp>="2026-01-26T12:00:00.000Z"',
        'timestamp<="2026-01-26T12:00:09.500Z"',
    ]


def test_rules_of_a_shared_network_are_logged_by_its_owner() -> None:
    """Both projects' logs are asked."""
    assert projects_of("service", ["default", "projects/host/global/networks/shared"]) == ("host", "service")


def test_clocks() -> None:
    """An answer that says nothing of its clock is taken to have ours."""
    assert (ahead_of({"clockAheadSeconds": 2.5}), ahead_of({})) == (timedelta(seconds=2.5), timedelta())
    assert moment_of("2026-01-26T13:00:00+01:00") == seconds(0)
