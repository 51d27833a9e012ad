"""wire/nodes.py."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from pathcheck.model.cluster import Node
from pathcheck.wire.nodes import node_of

BODY: dict[str, Any] = {
    "metadata": {"name": "node-2", "labels": {"cloud.google.com/gke-nodepool": "worker-micro"}, "resourceVersion": "7"},
    "spec": {
        "providerID": "gce://august-period-234610/us-east1-c/gke-worker-9gsb",
        "podCIDR": "10.24.12.0/24",
        "podCIDRs": ["10.24.12.0/24", "fd00:12::/112"],
    },
    "status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]},
}


def test_node() -> None:
    """A node of Compute Engine carries project, zone and instance of its machine, and all its pod ranges."""
    assert node_of(BODY) == Node(
        name="node-2",
        labels={"cloud.google.com/gke-nodepool": "worker-micro"},
        ready=True,
        pod_ranges=(ip_network("10.24.12.0/24"), ip_network("fd00:12::/112")),
        instance="gke-worker-9gsb",
        project="august-period-234610",
        zone="us-east1-c",
    )


def test_heartbeat() -> None:
    """A heartbeat changes nothing of the noun, so that it wakes nobody."""
    beat = {
        "metadata": BODY["metadata"] | {"resourceVersion": "8"},
        "spec": BODY["spec"],
        "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-26T12:00:10Z"}]},
    }
    assert node_of(beat) == node_of(BODY)


@pytest.mark.parametrize(
    "provider_id", ["", "aws:///eu-west-1a/i-0123", "gce://project/zone", "gce://project//name", "kind://docker/kind/a"]
)
def test_elsewhere(provider_id: str) -> None:
    """A node whose providerID is none of Compute Engine's has no instance, and that is no error."""
    node = node_of({"metadata": {"name": "n"}, "spec": {"providerID": provider_id}})
    assert node == Node("n", {}, ready=False)


def test_only_pod_cidr() -> None:
    """podCIDR alone, as clusters before 1.16 set it, is the one pod range."""
    assert node_of({"metadata": {"name": "n"}, "spec": {"podCIDR": "10.24.9.0/24"}}).pod_ranges == (
        ip_network("10.24.9.0/24"),
    )
