"""PathProbe, both directions, and that the program in the pod speaks the same JSON."""

from __future__ import annotations

import copy
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4
from pathcheck.model.probing import Assignment, Cadence, Dial, ListenerState, PathProbe, Report, Result
from pathcheck.model.words import Manner, Observation
from pathcheck.wire.path_probes import manifest_of, path_probe_of, report_of, status_of
from tests.builders import NOON, l4, seconds

ASSIGNMENT = Assignment(
    node="node-2",
    listeners=(l4("tcp/53"), l4("udp/53")),
    dials=(
        Dial(ip_address("10.27.240.10"), l4("udp/53"), Manner.DNS, Cadence(1, 2, 300)),
        Dial(ip_address("10.24.9.32"), l4("icmp"), Manner.PING, Cadence()),
    ),
    key="00ff",
    prove_after=seconds(0.25),
)
MANIFEST: dict[str, Any] = {
    "apiVersion": "pathcheck.dev/v1alpha1",
    "kind": "PathProbe",
    "metadata": {"name": "node-2", "namespace": "pathcheck-system"},
    "spec": {
        "listeners": [{"protocol": "TCP", "port": 53}, {"protocol": "UDP", "port": 53}],
        "dials": [
            {
                "id": "dns udp/53 10.27.240.10",
                "manner": "DNS",
                "protocol": "UDP",
                "port": 53,
                "address": "10.27.240.10",
                "intervalSeconds": 1,
                "attempts": 2,
                "timeoutMilliseconds": 300,
            },
            {
                "id": "ping icmp 10.24.9.32",
                "manner": "Ping",
                "protocol": "ICMP",
                "address": "10.24.9.32",
                "intervalSeconds": 5,
                "attempts": 3,
                "timeoutMilliseconds": 1000,
            },
        ],
        "key": "00ff",
        "proveAfter": "2026-01-26T12:00:00.250000Z",
    },
}
REPORT = Report(
    node="node-2",
    pod_uid="uid-node-2",
    address=ip_address("10.24.12.41"),
    time=seconds(30),
    listeners=(
        ListenerState(l4("udp/53"), False, "EADDRINUSE: address already in use"),
        ListenerState(l4("tcp/53"), True),
    ),
    results=(
        Result("self udp/53", Observation.UNMEASURED, seconds(1), seconds(29), "EADDRINUSE: address already in use"),
        Result("ping icmp 10.24.9.32", Observation.REACHED, seconds(2), seconds(28), "", 412),
    ),
)
STATUS: dict[str, Any] = {
    "podUID": "uid-node-2",
    "podIP": "10.24.12.41",
    "time": "2026-01-26T12:00:30.000000Z",
    "listeners": [
        {"protocol": "UDP", "port": 53, "bound": False, "detail": "EADDRINUSE: address already in use"},
        {"protocol": "TCP", "port": 53, "bound": True, "detail": ""},
    ],
    "results": [
        {
            "id": "self udp/53",
            "observation": "unmeasured",
            "since": "2026-01-26T12:00:01.000000Z",
            "at": "2026-01-26T12:00:29.000000Z",
            "detail": "EADDRINUSE: address already in use",
        },
        {
            "id": "ping icmp 10.24.9.32",
            "observation": "reached",
            "since": "2026-01-26T12:00:02.000000Z",
            "at": "2026-01-26T12:00:28.000000Z",
            "detail": "",
            "roundTripMicroseconds": 412,
        },
    ],
}


def body(**changes: Any) -> dict[str, Any]:
    """The resource as the API server would give it."""
    whole = copy.deepcopy(MANIFEST) | {"status": copy.deepcopy(STATUS)}
    whole["metadata"]["uid"] = "7e1c"
    return whole | changes


def test_an_assignment_is_spelled() -> None:
    """The body of the apply has everything the probe is told, in the resource's spelling."""
    assert manifest_of("node-2", ASSIGNMENT, "pathcheck-system") == MANIFEST


def test_a_report_is_spelled() -> None:
    """The status has everything the probe says, in the resource's spelling."""
    assert status_of(REPORT) == STATUS


def test_a_whole_resource_is_read() -> None:
    """Spec and status arrive in their nouns."""
    assert path_probe_of(body()) == PathProbe("node-2", "7e1c", ASSIGNMENT, REPORT)


def test_a_resource_without_report_is_read() -> None:
    """Before the probe's first report there is none, and that is no problem."""
    fresh = body()
    del fresh["status"]
    assert path_probe_of(fresh) == PathProbe("node-2", "7e1c", ASSIGNMENT, None)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        (("dials", 0, "address"), "node-1", "spec.dials[0].address: value is not a valid IPv4 or IPv6 address"),
        (("dials", 1, "manner"), "Guess", "spec.dials[1].manner: Input should be 'Echo', 'Ping', 'DNS' or 'Connect'"),
        (("listeners", 0, "port"), 0, "spec.listeners[0].port: Input should be greater than or equal to 1"),
        (("colour",), "red", "spec.colour: Extra inputs are not permitted"),
    ],
)
def test_a_spec_of_somebody_else_is_a_problem_that_names_its_field(
    field: tuple[Any, ...], value: Any, problem: str
) -> None:
    """What we did not write is not guessed at."""
    wrong = body()
    *parents, last = field
    at: Any = wrong["spec"]
    for part in parents:
        at = at[part]
    at[last] = value
    found = path_probe_of(wrong)
    assert isinstance(found, Problem)
    assert str(found) == problem


def test_a_report_of_another_version_counts_as_none() -> None:
    """The PathProbe stays usable, so that the pod that wrote it can be replaced."""
    assert path_probe_of(body(status=STATUS | {"mood": "fine"})) == PathProbe("node-2", "7e1c", ASSIGNMENT, None)


moments = st.integers(0, 10**12).map(lambda n: NOON + timedelta(microseconds=n))
l4s = st.one_of(
    st.builds(L4, st.sampled_from([6, 17]), st.integers(1, 65535)),
    st.just(L4(1)),
)
addresses = st.ip_addresses()
dials = st.builds(
    Dial,
    addresses,
    l4s,
    st.sampled_from(Manner),
    st.builds(Cadence, st.integers(1, 3600), st.integers(1, 10), st.integers(10, 60000)),
)
assignments = st.builds(
    Assignment,
    st.just("node-2"),
    st.lists(st.builds(L4, st.sampled_from([6, 17]), st.integers(1, 65535)), max_size=4).map(tuple),
    st.lists(dials, max_size=4).map(tuple),
    st.binary(max_size=64).map(bytes.hex),
    st.none() | moments,
)
results = st.builds(
    Result,
    st.text("abc /:0.", min_size=1, max_size=128),
    st.sampled_from(Observation),
    moments,
    moments,
    st.text(max_size=256),
    st.none() | st.integers(0, 10**9),
)
reports = st.builds(
    Report,
    st.just("node-2"),
    st.text("0-f", max_size=64),
    addresses,
    moments,
    st.lists(
        st.builds(
            ListenerState, l4s.filter(lambda bound: bound.port is not None), st.booleans(), st.text(max_size=256)
        ),
        max_size=3,
    ).map(tuple),
    st.lists(results, max_size=4).map(tuple),
)


@given(assignments)
def test_what_is_told_is_read_back(assignment: Assignment) -> None:
    """Every assignment survives the way through the resource."""
    written = manifest_of("node-2", assignment, "pathcheck-system")
    written["metadata"]["uid"] = "7e1c"
    assert path_probe_of(written) == PathProbe("node-2", "7e1c", assignment)


@given(reports)
def test_what_is_said_is_read_back(report: Report) -> None:
    """Every report survives the way through the resource."""
    assert report_of("node-2", status_of(report)) == report
