"""Probe pods: what we ask for, and what the cluster's words about them become."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from pathcheck.model.cluster import ProbePod
from pathcheck.model.probing import Assignment, PathProbe
from pathcheck.wire.probe_pods import FINGERPRINT, NODE_LABEL, pod_manifest, pod_name, probe_pod_of

OWNER = PathProbe("node-2", "7e1c", Assignment("node-2"))
LONG = "gke-" + "a-very-long-name-of-a-node." * 8 + "x"
NOON = datetime(2026, 1, 26, 12, tzinfo=UTC)


def manifest(
    node: str = "node-2",
    image: str = "pathcheck-probe:1",
    servers: tuple[str, ...] = ("10.142.15.200:443",),
    heartbeat: int = 30,
) -> dict[str, Any]:
    """The pod of one node."""
    return pod_manifest(node, "pathcheck-system", image, servers, heartbeat, OWNER)


def fingerprint(body: dict[str, Any]) -> str:
    """The version of a pod's template."""
    return str(body["metadata"]["annotations"][FINGERPRINT])


def pod(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A pod as the API server gives it."""
    body = manifest()
    body["metadata"] |= {"uid": "91a0", "creationTimestamp": "2026-01-26T12:00:00Z"} | metadata
    return body | {"status": status}


def conditions(**statuses: str) -> list[dict[str, Any]]:
    """Conditions by type, changed at noon."""
    return [
        {"type": type_, "status": status, "lastTransitionTime": "2026-01-26T12:00:00Z"}
        for type_, status in statuses.items()
    ]


def container(**states: Any) -> list[dict[str, Any]]:
    """The status of the one container."""
    return [{"name": "probe", **states}]


def test_the_pod_is_pinned_restricted_and_small() -> None:
    """The template holds everything that the restricted profile, low ports and pings need, and belongs to its PathProbe."""
    body = manifest()
    assert body["metadata"] == {
        "name": "pathcheck-probe-node-2",
        "namespace": "pathcheck-system",
        "labels": {"app.kubernetes.io/name": "pathcheck-probe", "pathcheck.dev/node": "node-2"},
        "annotations": {
            FINGERPRINT: fingerprint(body),
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        },
        "ownerReferences": [
            {
                "apiVersion": "pathcheck.dev/v1alpha1",
                "kind": "PathProbe",
                "name": "node-2",
                "uid": "7e1c",
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
    spec = body["spec"]
    affinity = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert affinity == {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}]
    }
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [
            {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"},
            {"name": "net.ipv4.ping_group_range", "value": "65532 65532"},
        ],
    }
    (probe,) = spec["containers"]
    assert probe["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {e["name"]: e.get("value") for e in probe["env"]} == {
        "PATHCHECK_NODE": None,
        "PATHCHECK_NAMESPACE": None,
        "PATHCHECK_POD_IP": None,
        "PATHCHECK_POD_UID": None,
        "PATHCHECK_HEARTBEAT_SECONDS": "30",
        "PATHCHECK_API_SERVERS": "10.142.15.200:443",
    }
    assert (spec["restartPolicy"], spec["serviceAccountName"]) == ("Always", "pathcheck-probe")
    assert spec["tolerations"] == [{"operator": "Exists"}]


@pytest.mark.parametrize(
    ("sentence", "other", "same"),
    [
        ("another image is another version", manifest(image="pathcheck-probe:2"), False),
        ("another heartbeat is another version", manifest(heartbeat=10), False),
        ("an API server that comes or goes replaces no pod", manifest(servers=("10.0.0.1:443", "10.0.0.2:443")), True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fingerprints(sentence: str, other: dict[str, Any], same: bool) -> None:
    """A pod is replaced exactly when its template says something that must not wait."""
    assert (fingerprint(other) == fingerprint(manifest())) is same, sentence


def test_names_and_labels_of_long_nodes_are_valid_and_differ() -> None:
    """Two nodes whose names differ at their ends only have two pods, and Kubernetes accepts both names and labels."""
    one, other = manifest(LONG + "1"), manifest(LONG + "2")
    for body in (one, other):
        name, label = body["metadata"]["name"], body["metadata"]["labels"][NODE_LABEL]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,126}[a-z0-9])", name)
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])", label)
    assert one["metadata"]["name"] != other["metadata"]["name"]
    assert one["metadata"]["labels"] != other["metadata"]["labels"]
    assert pod_name("node-2") == "pathcheck-probe-node-2"


def test_a_running_pod_is_read() -> None:
    """A healthy pod has an address, is ready, and has no trouble."""
    status = {
        "phase": "Running",
        "podIP": "10.24.12.41",
        "conditions": conditions(PodScheduled="True", Ready="True"),
        "containerStatuses": container(
            state={"running": {}}, lastState={"terminated": {"exitCode": 1, "message": "an old story"}}
        ),
    }
    assert probe_pod_of(pod(status)) == ProbePod(
        node="node-2",
        name="pathcheck-probe-node-2",
        uid="91a0",
        address=ip_address("10.24.12.41"),
        ready=True,
        fingerprint=fingerprint(manifest()),
        since=NOON,
    )


def test_the_node_is_where_it_runs_or_must_run() -> None:
    """A label would be shortened for a long name; the spec is not."""
    body = manifest(LONG) | {"status": {}}
    body["metadata"]["uid"] = "91a0"
    assert probe_pod_of(body).node == LONG
    body["spec"]["nodeName"] = "node-7"
    assert probe_pod_of(body).node == "node-7"


UNSCHEDULABLE = conditions(PodScheduled="False")
UNSCHEDULABLE[0] |= {"reason": "Unschedulable", "message": "0/3 nodes are available: 1 Insufficient memory."}
EXIT = {"exitCode": 2, "reason": "Error", "message": "PATHCHECK_NODE is not set\n"}
TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing is known yet": ({}, ""),
    "its container is being created": (
        {"phase": "Pending", "containerStatuses": container(state={"waiting": {"reason": "ContainerCreating"}})},
        "",
    ),
    "it fits nowhere": (
        {"phase": "Pending", "conditions": UNSCHEDULABLE},
        "it cannot be scheduled: 0/3 nodes are available: 1 Insufficient memory.",
    ),
    "its image cannot be had": (
        {
            "phase": "Pending",
            "containerStatuses": container(
                state={
                    "waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "pathcheck-probe:9"'}
                }
            ),
        },
        'ImagePullBackOff: Back-off pulling image "pathcheck-probe:9"',
    ),
    "it keeps exiting, and said why": (
        {
            "phase": "Running",
            "containerStatuses": container(
                state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": EXIT}
            ),
        },
        "it keeps exiting: PATHCHECK_NODE is not set",
    ),
    "it was killed without a word": (
        {
            "phase": "Running",
            "containerStatuses": container(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        },
        "it has exited: OOMKilled, exit code 137",
    ),
    "it was evicted": (
        {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        "evicted: The node was low on resource: memory.",
    ),
    "its node refused it": (
        {"phase": "Failed", "reason": "SysctlForbidden", "message": "forbidden sysctl"},
        "SysctlForbidden: forbidden sysctl",
    ),
    "its node is lost": (
        {"phase": "Running", "reason": "NodeLost", "message": "Node node-2 which was running pod is unresponsive"},
        "its node does not answer: Node node-2 which was running pod is unresponsive",
    ),
}


@pytest.mark.parametrize("sentence", TROUBLES)
def test_troubles(sentence: str) -> None:
    """Why a pod does not run is said in words, and only where it does not."""
    status, trouble = TROUBLES[sentence]
    assert probe_pod_of(pod(status)).trouble == trouble


@pytest.mark.parametrize(
    ("phase", "ended"), [("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True)]
)
def test_a_pod_that_failed_or_succeeded_has_ended(phase: str, ended: bool) -> None:
    """The kubelet never starts it again: only another pod can take its place."""
    assert probe_pod_of(pod({"phase": phase})).ended is ended


def test_a_pod_on_its_way_out_says_so() -> None:
    """A deleted pod is shown until its containers have stopped."""
    assert probe_pod_of(pod({"phase": "Running"}, deletionTimestamp="2026-01-26T12:00:09Z")).deleting
