"""Probe pods, both directions: the pod we ask for, and the pod that the cluster shows → `ProbePod`.

Restricted profile with two safe sysctls (https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls):
they alone let an unprivileged user listen on ports below 1024 and send ICMP echo; NET_BIND_SERVICE does nothing for a user that
is not root. `nodeAffinity` with `matchFields`, not `nodeName`: the scheduler then says why a pod does not fit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from pathcheck.model.cluster import ProbePod
from pathcheck.model.probing import PathProbe
from pathcheck.wire.schema import API_VERSION

NAME_LABEL = "app.kubernetes.io/name"
NODE_LABEL = "pathcheck.dev/node"
FINGERPRINT = "pathcheck.dev/fingerprint"
PROBE = "pathcheck-probe"
SELECTOR = f"{NAME_LABEL}={PROBE}"
USER = 65532
# A label's value has at most 63 characters. A pod's name may have 253, but the kubelet makes a directory NAMESPACE_NAME_UID of it,
# and a file name ends at 255 bytes.
MAX_LABEL = 63
MAX_NAME = 128
# Waiting reasons of a container that is simply being started.
STARTING = frozenset({"ContainerCreating", "PodInitializing"})


def pod_name(node: str) -> str:
    """The one name that a node's probe pod can have: who creates it twice gets a conflict, which means that it is there."""
    return _shortened(f"{PROBE}-{node}", MAX_NAME)


def pod_manifest(
    node: str, namespace: str, image: str, api_servers: Sequence[str], heartbeat_seconds: int, owner: PathProbe
) -> dict[str, Any]:
    """The pod that runs the probe on this node; `api_servers` are `host:port`, tried in turn, before the Service's address.

    It goes when its PathProbe goes. Pods whose fingerprint is another one are of another version. The API servers are left out of
    the fingerprint: one of them that restarts leaves and joins the list, and must not replace every probe pod of the cluster.
    """
    spec = _spec(node, image, heartbeat_seconds)
    fingerprint = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    spec["containers"][0]["env"].append({"name": "PATHCHECK_API_SERVERS", "value": ",".join(api_servers)})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(node),
            "namespace": namespace,
            "labels": {NAME_LABEL: PROBE, NODE_LABEL: _shortened(node, MAX_LABEL)},
            "annotations": {FINGERPRINT: fingerprint, "cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "PathProbe",
                    "name": owner.node,
                    "uid": owner.uid,
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": spec,
    }


def _spec(node: str, image: str, heartbeat_seconds: int) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {
        "restartPolicy": "Always",
        "serviceAccountName": PROBE,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "dnsPolicy": "Default",  # the cluster's DNS may be what is broken, and the probe asks for no name
        "terminationGracePeriodSeconds": 2,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}},
        # A node that is not ready, or tainted until its network is proven, is the one to be measured.
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [
                {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"},
                {"name": "net.ipv4.ping_group_range", "value": f"{USER} {USER}"},
            ],
        },
        "containers": [
            {
                "name": "probe",
                "image": image,
                "env": [
                    _from_field("PATHCHECK_NODE", "spec.nodeName"),
                    _from_field("PATHCHECK_NAMESPACE", "metadata.namespace"),
                    _from_field("PATHCHECK_POD_IP", "status.podIP"),
                    _from_field("PATHCHECK_POD_UID", "metadata.uid"),
                    {"name": "PATHCHECK_HEARTBEAT_SECONDS", "value": str(heartbeat_seconds)},
                ],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "24Mi"},
                    "limits": {"memory": "48Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
    }


def _from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{text[: length - 11].rstrip('-._')}-{digest}"


def probe_pod_of(body: Mapping[str, Any]) -> ProbePod:
    """A probe pod as the API server gives it. Total: the API server has validated it, and what is absent stays absent."""
    metadata, status = body["metadata"], body.get("status") or {}
    ready = _condition(status, "Ready")
    address = status.get("podIP")
    return ProbePod(
        node=_node(body),
        name=metadata["name"],
        uid=metadata["uid"],
        address=ip_address(address) if address else None,
        ready=ready.get("status") == "True",
        deleting=bool(metadata.get("deletionTimestamp")),
        ended=status.get("phase") in ("Failed", "Succeeded"),
        fingerprint=(metadata.get("annotations") or {}).get(FINGERPRINT, ""),
        trouble=_trouble(status),
        since=_moment(ready.get("lastTransitionTime") or metadata.get("creationTimestamp")),
    )


def _node(body: Mapping[str, Any]) -> str:
    """Where it runs, or as long as it is not scheduled, where it must run; the label would be shortened."""
    spec = body.get("spec") or {}
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    named = [f["values"][0] for term in terms for f in term.get("matchFields") or () if f["key"] == "metadata.name"]
    return str(named[0] if named else (body["metadata"].get("labels") or {}).get(NODE_LABEL, ""))


def _trouble(status: Mapping[str, Any]) -> str:
    """Why it does not run, in words; "" while it runs, or is simply being started."""
    reason, message = status.get("reason") or "", status.get("message") or ""
    phase = status.get("phase")
    if reason == "NodeLost" or phase == "Unknown":
        return _words("its node does not answer", message)
    if phase == "Failed":
        return _words("evicted" if reason == "Evicted" else reason or "it failed", message or _last_words(status))
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return _words("it cannot be scheduled", scheduled.get("message") or scheduled.get("reason") or "")
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason") == "CrashLoopBackOff":
            return _words("it keeps exiting", _last_words(status))
        if waiting and waiting.get("reason") not in STARTING:
            return _words(waiting.get("reason") or "it waits", waiting.get("message") or "")
        if ended:
            return _words("it has exited", _last_words(status))
    return ""


def _last_words(status: Mapping[str, Any]) -> str:
    """The newest exit of a container: its termination message, or at least its reason and code."""
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or (container.get("lastState") or {}).get("terminated")
        if ended:
            message = (ended.get("message") or "").strip()
            return message or f"{ended.get('reason') or 'Error'}, exit code {ended.get('exitCode')}"
    return ""


def _words(what: str, why: str) -> str:
    return " ".join(f"{what}: {why}".split())[:256] if why else what


def _condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    return next((c for c in status.get("conditions") or () if c["type"] == type_), {})


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
