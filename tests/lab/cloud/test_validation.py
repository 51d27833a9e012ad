"""Every rule that the API refuses, with the field that it names; every default that it stores."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.store import Json, seeded
from e2e.lab.cloud.validation import check_fields, check_unchanged, stored
from tests.lab.cloud.seeds import DEFAULT, OTHER, PROJECT, ROOT, entries, recording, rule

STORE = seeded(recording())


def accepted(body: Any) -> Json:
    return stored(check_fields(body), STORE)


def refused(body: Any) -> tuple[int, str, str]:
    with pytest.raises(ApiError) as error:
        accepted(body)
    return error.value.code, error.value.reason, error.value.message


A_NAME = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"
PROTOCOLS = '["tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all"]'
FAMILIES = "A rule can contain either IPv4 or IPv6 ranges, but not both."
A_PORT = "Must be a port or a range of ports between 0 and 65535."
INVALID = {
    "a name in capitals": (rule("Bad", "tcp"), "resource.name': 'Bad'. " + A_NAME),
    "a name of 64 letters": (rule("a" * 64, "tcp"), f"resource.name': '{'a' * 64}'. " + A_NAME),
    "a name that ends with a dash": (rule("a-", "tcp"), "resource.name': 'a-'. " + A_NAME),
    "a priority of another type": (rule("x", "tcp", priority="9"), "resource.priority': '9'. Must be an integer."),
    "a boolean as priority": (rule("x", "tcp", priority=True), "resource.priority': 'True'. Must be an integer."),
    "a priority beyond the last": (
        rule("x", "tcp", priority=65536),
        "resource.priority': '65536'. Must be less than or equal to 65535",
    ),
    "a negative priority": (
        rule("x", "tcp", priority=-1),
        "resource.priority': '-1'. Must be greater than or equal to 0",
    ),
    "a direction of its own": (
        rule("x", "tcp", direction="BOTH"),
        'resource.direction\': \'BOTH\'. Must be one of ["INGRESS", "EGRESS"]',
    ),
    "allowed and denied together": (
        rule("x", "tcp", denied=entries("udp")),
        "resource.denied': ''. Only one of allowed and denied may be specified.",
    ),
    "a bare network name": (rule("x", "tcp", network="default"), "resource.network': 'default'. The URL is malformed."),
    "a network that is not there": (
        rule("x", "tcp", network="global/networks/nope"),
        "resource.network': 'global/networks/nope'. The referenced network resource cannot be found.",
    ),
    "a network of another project": (
        rule("x", "tcp", network="projects/else/global/networks/default"),
        "resource.network': 'projects/else/global/networks/default'. "
        "Cross-project references for this resource type are not allowed.",
    ),
    "an unknown protocol": (
        rule("x", "foo"),
        f"resource.allowed[0].IPProtocol': 'foo'. Must be one of {PROTOCOLS} or an IP protocol number between 0 and 255",
    ),
    "a protocol number beyond 255": (
        rule("x", "tcp", "256"),
        f"resource.allowed[1].IPProtocol': '256'. Must be one of {PROTOCOLS} or an IP protocol number between 0 and 255",
    ),
    "ports on icmp": (
        rule("x", "icmp:8"),
        "resource.allowed[0].ports[0]': '8'. "
        "Ports may only be specified on rules whose protocol is one of [TCP, UDP, SCTP].",
    ),
    "a port beyond the last": (rule("x", "tcp:65536"), "resource.allowed[0].ports[0]': '65536'. " + A_PORT),
    "a port in words": (rule("x", "tcp:http"), "resource.allowed[0].ports[0]': 'http'. " + A_PORT),
    "half a range of ports": (rule("x", "tcp:80-"), "resource.allowed[0].ports[0]': '80-'. " + A_PORT),
    "a range of ports backwards": (
        rule("x", "tcp:22,90-80"),
        "resource.allowed[0].ports[1]': '90-80'. The first port of a range must not be greater than the last.",
    ),
    "no address range": (
        rule("x", "tcp", sourceRanges=["10.0.0.0/8", "ten"]),
        "resource.sourceRanges[1]': 'ten'. Must be a valid CIDR address range.",
    ),
    "bits outside the mask": (
        rule("x", "tcp", sourceRanges=["10.0.0.1/8"]),
        "resource.sourceRanges[0]': '10.0.0.1/8'. Must be a valid CIDR address range.",
    ),
    "both families in one list": (
        rule("x", "tcp", sourceRanges=["10.0.0.0/8", "fd00::/8"]),
        "resource.sourceRanges[1]': 'fd00::/8'. " + FAMILIES,
    ),
    "one family from, the other to": (
        rule("x", "tcp", sourceRanges=["10.0.0.0/8"], destinationRanges=["fd00::/8"]),
        "resource.destinationRanges[0]': 'fd00::/8'. " + FAMILIES,
    ),
    "a tag that is no name": (
        rule("x", "tcp", sourceTags=["web_server"]),
        "resource.sourceTags[0]': 'web_server'. " + A_NAME,
    ),
    "an account that is no address": (
        rule("x", "tcp", targetServiceAccounts=["me"]),
        "resource.targetServiceAccounts[0]': 'me'. Must be the email address of a service account.",
    ),
    "source accounts with target tags": (
        rule("x", "tcp", sourceServiceAccounts=["a@b"], targetTags=["t"]),
        "resource.sourceServiceAccounts': 'a@b'. Cannot be used at the same time as targetTags.",
    ),
    "target accounts with source tags": (
        rule("x", "tcp", targetServiceAccounts=["a@b"], sourceTags=["t"]),
        "resource.targetServiceAccounts': 'a@b'. Cannot be used at the same time as sourceTags.",
    ),
    "source tags on egress": (
        rule("x", "tcp", direction="EGRESS", sourceTags=["t"]),
        "resource.sourceTags': 't'. Cannot be specified for EGRESS rules.",
    ),
    "source accounts on egress": (
        rule("x", "tcp", direction="EGRESS", sourceServiceAccounts=["a@b"]),
        "resource.sourceServiceAccounts': 'a@b'. Cannot be specified for EGRESS rules.",
    ),
    "an unknown kind of log": (
        rule("x", "tcp", logConfig={"metadata": "SOME"}),
        'resource.logConfig.metadata\': \'SOME\'. Must be one of ["INCLUDE_ALL_METADATA", "EXCLUDE_ALL_METADATA"]',
    ),
    "ranges that are no list": (
        rule("x", "tcp", sourceRanges="10.0.0.0/8"),
        "resource.sourceRanges': '10.0.0.0/8'. Must be a list.",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalid_values(case: str) -> None:
    """A value that the API does not take is a 400 that names the field, the value and the reason."""
    body, message = INVALID[case]
    assert refused(body) == (400, "invalid", "Invalid value for field '" + message)


def test_missing_and_unknown_fields() -> None:
    """What is missing, unknown or too long has the API's own reason, and its field is named."""
    unknown = "Invalid JSON payload received. Unknown name \"prio\" at 'resource': Cannot find field."
    assert refused({"allowed": entries("tcp")}) == (400, "required", "Required field 'resource.name' not specified")
    assert refused({"name": "x"}) == (
        *(400, "required"),
        "Required field 'resource.allowed' not specified: one of allowed or denied must be.",
    )
    assert refused(rule("x", allowed=[{"ports": ["22"]}])) == (
        *(400, "required"),
        "Required field 'resource.allowed[0].IPProtocol' not specified",
    )
    assert refused(rule("x", "tcp", prio=1)) == (400, "badRequest", unknown)
    assert refused(rule("x", "tcp", sourceTags=[f"t{i}" for i in range(31)])) == (
        *(413, "fieldSizeTooLarge"),
        "Value for field 'resource.sourceTags' is too large: maximum size 30 element(s); actual size 31.",
    )
    assert refused(["x"])[1] == "parseError"


def test_defaults() -> None:
    """The least that can be inserted is stored with every default that the API documents."""
    assert accepted({"name": "x", "allowed": [{"IPProtocol": "TCP"}]}) == {
        "name": "x",
        "description": "",
        "network": DEFAULT,
        "priority": 1000,
        "direction": "INGRESS",
        "disabled": False,
        "logConfig": {"enable": False},
        "allowed": [{"IPProtocol": "tcp"}],
        "sourceRanges": ["0.0.0.0/0"],
    }


def test_default_ranges() -> None:
    """Nothing said about the other side means all of IPv4, unless tags or accounts say something."""
    assert accepted(rule("x", "tcp", sourceTags=["t"])).get("sourceRanges") is None
    assert accepted(rule("x", "tcp", sourceServiceAccounts=["a@b"])).get("sourceRanges") is None
    egress = accepted(rule("x", "all", direction="EGRESS", sourceRanges=["10.0.0.0/8"]))
    assert (egress["sourceRanges"], egress["destinationRanges"]) == (["10.0.0.0/8"], ["0.0.0.0/0"])


def test_null_and_empty_are_absent() -> None:
    """null and [] in a body mean that the field is not there, priority 0 means 0."""
    body = rule("x", "tcp", sourceRanges=[], targetTags=None, denied=[], priority=0)
    assert accepted(body)["priority"] == 0
    assert accepted(body)["sourceRanges"] == ["0.0.0.0/0"]
    assert "targetTags" not in accepted(body)


@pytest.mark.parametrize(
    "link",
    [
        f"{ROOT}/global/networks/other",
        f"https://compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/other",
        f"projects/{PROJECT}/global/networks/other",
        "global/networks/other",
    ],
)
def test_network_links(link: str) -> None:
    """Full and partial URLs of a network are stored as the same link."""
    assert accepted(rule("x", "tcp", network=link))["network"] == OTHER


UNCHANGEABLE = {
    "name": rule("y", "tcp"),
    "network": rule("x", "tcp", network="global/networks/other"),
    "direction": rule("x", "tcp", direction="EGRESS"),
    "denied": rule("x", denied=entries("tcp")),
}


@pytest.mark.parametrize("field", UNCHANGEABLE)
def test_what_never_changes(field: str) -> None:
    """A rule's name, network, direction and action cannot be changed, and the refusal names which."""
    with pytest.raises(ApiError, match=f"'resource.{field}'.* cannot be changed"):
        check_unchanged(accepted(rule("x", "tcp")), accepted(UNCHANGEABLE[field]))


def test_what_may_change() -> None:
    """Everything else about a rule may change."""
    check_unchanged(
        accepted(rule("x", "tcp")),
        accepted(rule("x", "udp", priority=1, disabled=True, sourceTags=["a"], description="d")),
    )
