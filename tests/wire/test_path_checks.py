"""PathCheck as users write it, both directions."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.checks import NodeChoice, PathCheck, Requirement, ServiceChoice
from pathcheck.model.findings import Condition, Counts, FindingLine, FirewallState, Relied, Status, WorstFlow
from pathcheck.model.firewall import Problem
from pathcheck.model.probing import Cadence
from pathcheck.model.words import ConditionStatus, Evidence, Expectation, Observation, Reason, Severity, Verdict
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.statuses import status_manifest_of, status_of
from tests.builders import check, l4, seconds

BODY: dict[str, Any] = {
    "apiVersion": "pathcheck.dev/v1alpha1",
    "kind": "PathCheck",
    "metadata": {"name": "kube-dns", "uid": "7e1c", "generation": 3},
    "spec": {
        "description": "Every pod can ask kube-dns",
        "severity": "Critical",
        "from": {"vantage": "Pod", "nodes": {"selector": {"matchLabels": {"pool": "a"}}}},
        "to": {"service": {"namespace": "kube-system", "name": "kube-dns"}},
        "traffic": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
        "expectation": "Isolated",
        "pairs": {"choose": "All", "limit": 7},
        "cadence": {"intervalSeconds": 1, "attempts": 2, "timeoutMilliseconds": 300},
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """BODY with one field of the spec set, or taken away (None)."""
    body = copy.deepcopy(BODY)
    *parents, last = path.split(".")
    at: Any = body["spec"]
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    place: Any = int(last) if isinstance(at, list) else last
    if value is None:
        del at[place]
    else:
        at[place] = value
    return body


def test_a_whole_spec_is_read() -> None:
    """Every field arrives in its noun."""
    assert path_check_of(BODY) == PathCheck(
        name="kube-dns",
        uid="7e1c",
        generation=3,
        source=NodeChoice(match_labels={"pool": "a"}),
        to=ServiceChoice("kube-system", "kube-dns"),
        traffic=(l4("udp/53"), l4("tcp/53")),
        expectation=Expectation.ISOLATED,
        severity=Severity.CRITICAL,
        limit=7,
        cadence=Cadence(1, 2, 300),
        description="Every pod can ask kube-dns",
    )


def test_what_is_left_out_has_the_documented_default() -> None:
    """Major, reachable, all pairs up to 1,000, every 5 s with three attempts of 1 s."""
    spec = {
        "from": {"nodes": {"names": ["node-2"]}},
        "to": {"nodes": {"selector": {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["a"]}]}}},
        "traffic": [{"protocol": "ICMP"}],
    }
    assert path_check_of({"metadata": {"name": "c", "uid": "u", "generation": 1}, "spec": spec}) == PathCheck(
        name="c",
        uid="u",
        generation=1,
        source=NodeChoice(names=("node-2",)),
        to=NodeChoice(match_labels={}, match_expressions=(Requirement("pool", "In", ("a",)),)),
        traffic=(l4("icmp"),),
    )


def test_predicted_traffic_may_be_what_no_probe_sends() -> None:
    """Any is the six protocols of GKE's own rule, once each; a port left out is every port."""
    body = changed("evidence", "Predicted")
    body["spec"]["traffic"] = [
        {"protocol": "Any"},
        {"protocol": "ESP"},
        {"protocol": "GRE"},
        {"protocol": "TCP", "port": 9},
    ]
    read = path_check_of(body)
    expected = [l4(t) for t in ("tcp", "udp", "icmp", "esp", "ah", "sctp", "gre", "tcp/9")]
    assert (read.problems, read.evidence, list(read.traffic)) == ((), Evidence.PREDICTED, expected)


TWO_TARGETS = {"nodes": {"names": ["a"]}, "service": {"namespace": "a", "name": "b"}}


@pytest.mark.parametrize(
    ("field", "value", "where", "why"),
    [
        ("to", {}, "spec.to", "exactly one of nodes and service must be set"),
        ("to", TWO_TARGETS, "spec.to", "exactly one of nodes and service must be set"),
        ("from.nodes", {}, "spec.from.nodes", "exactly one of names and selector must be set"),
        ("traffic.0.port", 70000, "spec.traffic[0].port", "Input should be less than or equal to 65535"),
        ("traffic.0.port", 0, "spec.traffic[0].port", "Input should be greater than or equal to 1"),
        ("traffic.0.port", None, "spec", "UDP and TCP need a port to be dialled, or evidence: Predicted"),
        ("traffic.1", {"protocol": "ICMP", "port": 1}, "spec.traffic[1]", "only UDP, TCP and SCTP have a port"),
        (
            "traffic.1",
            {"protocol": "SCTP", "port": 1},
            "spec",
            "no probe can send Any, SCTP, ESP, AH, IPIP or GRE: they need evidence: Predicted",
        ),
        (
            "traffic.1",
            {"protocol": "GGP"},
            "spec.traffic[1].protocol",
            "Input should be 'UDP', 'TCP', 'ICMP', 'SCTP', 'ESP', 'AH', 'IPIP', 'GRE' or 'Any'",
        ),
        ("evidence", "Guessed", "spec.evidence", "Input should be 'Measured' or 'Predicted'"),
        ("traffic", [], "spec.traffic", "List should have at least 1 item after validation, not 0"),
        ("traffic.1", {"protocol": "UDP", "port": 53}, "spec", "the same protocol and port is listed twice"),
        ("traffic.1", {"protocol": "ICMP"}, "spec", "a Service's virtual address answers no ICMP: ask UDP 53 or TCP"),
        (
            "traffic.1",
            {"protocol": "UDP", "port": 123},
            "spec",
            "of UDP Services only DNS (port 53) can be asked: other protocols need their own words to be answered",
        ),
        ("cadence.timeoutMilliseconds", 1001, "spec.cadence", "timeoutMilliseconds must not exceed intervalSeconds"),
        ("pairs.limit", 0, "spec.pairs.limit", "Input should be greater than or equal to 1"),
        ("expectation", "Open", "spec.expectation", "Input should be 'Reachable' or 'Isolated'"),
        ("retries", 3, "spec.retries", "Extra inputs are not permitted"),
        ("from.vantage", "Host", "spec.from.vantage", "Input should be 'Pod'"),
        (
            "from.nodes",
            {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
            "spec.from.nodes.selector.matchExpressions[0]",
            "In and NotIn need values, Exists and DoesNotExist take none",
        ),
    ],
)
def test_what_is_wrong_names_its_field(field: str, value: object, where: str, why: str) -> None:
    """One problem, with the field's path as Kubernetes writes it."""
    assert path_check_of(changed(field, value)).problems == (Problem(where, why),)


def test_control_characters_in_a_name_are_refused() -> None:
    """They would end in our sentences and in people's terminals."""
    (problem,) = path_check_of(changed("from.nodes", {"names": ["node\x1b[31m"]})).problems
    assert problem.where == "spec.from.nodes.names[0]"


STATUS = Status(
    observed_generation=3,
    conditions=(Condition("Upheld", ConditionStatus.FALSE, Reason.BLOCKED_BY_FIREWALL, "2 of 6", seconds(5)),),
    flows=Counts(6, 4, 2, 0),
    findings=(
        FindingLine(
            "BlockedByFirewall",
            2,
            "no rule admits it",
            "implied-deny-ingress",
            "default-allow-internal",
            "gcloud",
            "also opens udp/53 from 10.24.12.0/24 to node-3",
        ),
    ),
    worst=(
        WorstFlow("node-2 → node-1 udp/53", Verdict.VIOLATED, Observation.SILENT, "BlockedByFirewall", seconds(4)),
        WorstFlow("node-3 → node-1 udp/53", Verdict.UNKNOWN, Observation.UNMEASURED, "Unmeasured", None),
    ),
    firewall=FirewallState("compute", "5f3c", seconds(6)),
)


RELIED = (Relied("firewall:gke-all", 6), Relied("policy:111/900", 2))


@pytest.mark.parametrize("relies_on", [None, (), RELIED], ids=["not told", "none", "two rules"])
def test_a_status_that_was_written_reads_back_the_same(relies_on: tuple[Relied, ...] | None) -> None:
    """Otherwise every look would write again. That nothing hangs on any rule is not that it cannot be told."""
    status = replace(STATUS, firewall=FirewallState("compute", "5f3c", seconds(6), relies_on=relies_on))
    said = status_manifest_of(check(), status)["status"]
    assert status_of(said) == status
    assert ("reliesOn" in said["firewall"]) is (relies_on is not None)


@pytest.mark.parametrize("status", [None, {}, {"conditions": [{"type": "Upheld"}]}, {"observedGeneration": "x"}])
def test_a_status_that_cannot_be_read_counts_as_none(status: dict[str, Any] | None) -> None:
    """It is written anew, by whoever can."""
    assert status_of(status) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["from", "to", "traffic", "cadence", "pairs", "traffic.0", "severity"]), JSON)
def test_no_spec_is_too_strange_to_be_answered(field: str, value: object) -> None:
    """Whatever stands in a field, the answer is a check: either readable or with problems."""
    read = path_check_of(changed(field, value))
    assert bool(read.problems) != bool(read.traffic)
