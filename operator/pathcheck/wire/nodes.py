"""core/v1 Node → `Node`. Only what a decision needs: a heartbeat that changes nothing of it yields an equal noun.

providerID on Compute Engine is `gce://PROJECT/ZONE/INSTANCE`
(https://github.com/kubernetes/cloud-provider-gcp, providers/gce); any other provider's nodes have no instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from pathcheck.model.cluster import Node
from pathcheck.model.flows import Range
from pathcheck.wire.datapath import noted_by, subnet_of


def node_of(body: Mapping[str, Any]) -> Node:
    """A Node as the API server gives it. Total: the API server has validated it, and what is absent stays absent."""
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    project, zone, instance = _machine(spec.get("providerID") or "")
    annotations = metadata.get("annotations") or {}
    return Node(
        name=metadata["name"],
        labels=dict(metadata.get("labels") or {}),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ()),
        pod_ranges=_ranges(spec),
        instance=instance,
        project=project,
        zone=zone,
        datapath=noted_by(annotations),
        subnet=subnet_of(annotations),
    )


def _machine(provider_id: str) -> tuple[str | None, str | None, str | None]:
    if not provider_id.startswith("gce://"):
        return None, None, None
    parts = provider_id.removeprefix("gce://").split("/")
    if len(parts) != 3 or not all(parts):
        return None, None, None
    project, zone, instance = parts
    return project, zone, instance


def _ranges(spec: Mapping[str, Any]) -> tuple[Range, ...]:
    # podCIDR is the first of podCIDRs; only nodes of clusters older than 1.16 have it alone.
    texts = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    return tuple(ip_network(text, strict=False) for text in texts)
