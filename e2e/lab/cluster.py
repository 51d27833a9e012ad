"""The cluster as its API tells it: objects that the lab puts there, and whether it can be used."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from contextlib import closing
from pathlib import Path

from e2e.lab.environment import variables as environment_of
from e2e.lab.errors import CommandError, LabError, run
from e2e.lab.places import State
from e2e.lab.topology import LOCAL_API_PORT, Node, Topology

KUBE_DNS = Path(__file__).resolve().parent / "manifests" / "kube-dns.yaml"


def kubectl(state: State, *arguments: str, given: str | None = None) -> str:
    """Runs kubectl as the cluster's administrator, by the way that the user's own kubectl takes.

    Raises:
        CommandError: kubectl ended with an error.
    """
    environment = os.environ | environment_of(state)
    return run([str(state.binaries / "kubectl"), *arguments], given=given, environment=environment)


def ask(state: State, path: str) -> bytes:
    """The API server's answer to GET `path`, empty if it cannot be had; quicker than a kubectl, for waiting."""
    try:
        context = ssl.create_default_context(cafile=str(state.pki / "ca.crt"))
        context.load_cert_chain(state.pki / "admin.crt", state.pki / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", LOCAL_API_PORT, timeout=5, context=context)
        with closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""


def api_is_ready(state: State) -> bool:
    """Whether the API server says so at /readyz."""
    return ask(state, "/readyz") == b"ok"


def kubelet_answers(state: State, node: Node) -> bool:
    """Whether the node's kubelet is there: its Ready condition stays True for most of a minute after a power cut."""
    return ask(state, f"/api/v1/nodes/{node.name}/proxy/healthz") == b"ok"


def wait_for_api(state: State, seconds: float) -> None:
    """Waits until the API server is ready.

    Raises:
        LabError: it is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not api_is_ready(state):
        if time.monotonic() > deadline:
            raise LabError(f"the API server was not ready within {seconds:.0f} s")
        time.sleep(0.1)


def node_object(node: Node) -> dict[str, object]:
    """The Node as a cloud's controllers would complete it: provider id, zone, pool and pod range."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": node.labels},
        "spec": {"providerID": node.provider_id, "podCIDR": str(node.pods), "podCIDRs": [str(node.pods)]},
    }


def apply_objects(state: State, topology: Topology) -> None:
    """Puts the nodes' cloud side and kube-dns into the cluster; the same again changes nothing.

    Raises:
        CommandError: the API server refused.
    """
    nodes = {"apiVersion": "v1", "kind": "List", "items": [node_object(node) for node in topology.nodes]}
    # Server-side and forced: it does not matter whether a kubelet has registered its node before.
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=lab")
    kubectl(state, *apply, "-f", "-", given=json.dumps(nodes))
    kubectl(state, *apply, "-f", str(KUBE_DNS))


def wait_until_usable(state: State, topology: Topology, seconds: int) -> None:
    """Waits for all nodes, the service account that pods need, and kube-dns.

    Raises:
        LabError: one of them is not ready within `seconds`; the message says which.
    """
    for what, arguments in (
        ("the nodes are not Ready", ("wait", "--for=condition=Ready", "nodes", "--all")),
        ("pods cannot be made", ("wait", "--for=create", "serviceaccount/default", "--namespace=default")),
        ("kube-dns does not answer", ("rollout", "status", "deployment/coredns", "--namespace=kube-system")),
    ):
        try:
            kubectl(state, *arguments, f"--timeout={seconds}s")
        except CommandError as error:
            raise LabError(f"{what}: {error}") from error
    deadline = time.monotonic() + seconds
    for node in topology.nodes:
        while not kubelet_answers(state, node):
            if time.monotonic() > deadline:
                raise LabError(f"the kubelet of {node.name} does not answer")
            time.sleep(0.1)


def problems(state: State, topology: Topology) -> list[str]:
    """What is wrong with the cluster now, one line each; empty if it can be used."""
    if not api_is_ready(state):
        return ["the API server does not answer"]
    found = []
    objects = json.loads(kubectl(state, "get", "nodes", "--output=json"))["items"]
    ready = {item["metadata"]["name"] for item in objects if _condition(item, "Ready") == "True"}
    found += [f"{node.name} is not Ready" for node in topology.nodes if node.name not in ready]
    found += [
        f"the kubelet of {node.name} does not answer" for node in topology.nodes if not kubelet_answers(state, node)
    ]
    deployment = json.loads(
        kubectl(state, "get", "deployments", "--namespace=kube-system", "--output=json", "--selector=k8s-app=kube-dns")
    )["items"]
    if not any(_condition(item, "Available") == "True" for item in deployment):
        found.append("kube-dns is not available")
    return found


def _condition(item: dict[str, object], name: str) -> str:
    status = item.get("status")
    conditions = status.get("conditions", []) if isinstance(status, dict) else []
    return next((str(condition["status"]) for condition in conditions if condition["type"] == name), "Unknown")
