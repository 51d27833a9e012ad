"""Making and removing the kind cluster, with the emulator beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from e2e.lab import environment as lab_environment
from e2e.lab.companions import compute_answers
from e2e.lab.places import REPOSITORY, State, write_json
from e2e.lab.seed import recording
from e2e.lab.topology import ROUTER, SUBNET, Node, Topology

NAME = "pathcheck"
CONFIGURATION = Path(__file__).with_name("cluster.yaml")
# kind takes the network's name from here (pkg/cluster/internal/providers/docker/network.go), and no address of a node from anywhere:
# Docker hands out this range from its start.
NETWORK = {"KIND_EXPERIMENTAL_DOCKER_NETWORK": NAME}
ADDRESSES = "10.142.15.204/30"
IMAGES = {"operator": "pathcheck-operator:dev", "probe": "pathcheck-probe:dev"}
PROGRAMS = {
    "docker": "https://docs.docker.com/engine/install/",
    "kind": "0.33 or newer: https://kind.sigs.k8s.io/",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
}


class KindError(Exception):
    """Something that is needed did not work; the message says what."""


def state() -> State:
    """Settings, seed and logs of a running kind cluster, in the user's cache; `down` removes them."""
    return State(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pathcheck-kind")


def environment() -> dict[str, str]:
    """The same variables as in the lab."""
    return lab_environment.variables(state())


def missing() -> list[str]:
    """What keeps this machine from running it; empty when it can."""
    found = [f"{name} ({where})" for name, where in PROGRAMS.items() if not shutil.which(name)]
    if not found and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        found.append("a running Docker that this user may use (try: docker info)")
    if sys.platform != "linux":
        found.append(
            "Linux: elsewhere the Docker network's gateway is not this machine, so pods would not find the emulator"
        )
    return found


def up() -> None:
    """The cluster, the images in it, CoreDNS once on the control plane's node, and the story's rules in force.

    Raises:
        KindError: a command failed; its own words are in the message.
    """
    root = state().root
    root.mkdir(parents=True, exist_ok=True)
    if NAME not in _run("kind", "get", "clusters").split():
        _make_network()
        _run(
            "kind",
            "create",
            "cluster",
            "--config",
            str(CONFIGURATION),
            "--wait",
            "120s",
            "--kubeconfig",
            str(state().user_kubeconfig),
        )
    for target, image in IMAGES.items():
        _run("docker", "build", "--quiet", "--target", target, "--tag", image, str(REPOSITORY))
    _run("kind", "load", "docker-image", *IMAGES.values(), "--name", NAME)
    # The story has one CoreDNS, so that each query crosses the network or does not.
    _kubectl("-n", "kube-system", "scale", "deployment/coredns", "--replicas=1")
    _kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
    _start_cloud()


def down() -> None:
    """Nothing is left but the images and Docker's build cache.

    Raises:
        KindError: a command failed.
    """
    _stop_cloud()
    if NAME in _run("kind", "get", "clusters").split():
        _run("kind", "delete", "cluster", "--name", NAME, "--kubeconfig", str(state().user_kubeconfig))
    if NAME in _run("docker", "network", "ls", "--format", "{{.Name}}").split():
        _run("docker", "network", "rm", NAME)
    shutil.rmtree(state().root, ignore_errors=True)


def topology(nodes: str) -> Topology:
    """The cluster as the emulator is to know it, from `kubectl get nodes -o json`.

    Raises:
        KindError: a node is not as cluster.yaml makes it.
    """
    found = []
    for node in json.loads(nodes)["items"]:
        name, spec = node["metadata"]["name"], node["spec"]
        addresses = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        provider = spec.get("providerID", "").removeprefix("gce://").split("/")
        if len(addresses) != 1 or len(provider) != 3 or "podCIDR" not in spec:
            raise KindError(f"node {name} has no provider id, address or pod range as {CONFIGURATION.name} makes them")
        labels = node["metadata"]["labels"]
        found.append(
            Node(
                name=name,
                address=IPv4Address(addresses[0]),
                zone=provider[1],
                pool=labels.get("cloud.google.com/gke-nodepool", ""),
                pods=IPv4Network(spec["podCIDR"]),
            )
        )
    return Topology(tuple(found))


def _make_network() -> None:
    if NAME in _run("docker", "network", "ls", "--format", "{{.Name}}").split():
        return
    where = [f"--subnet={SUBNET}", f"--gateway={ROUTER}", f"--ip-range={ADDRESSES}"]
    # The cluster keeps its packets' addresses within; what leaves for the world is hidden by the machine, as kind's own network does.
    _run("docker", "network", "create", "--driver=bridge", *where, NAME)


def _start_cloud() -> None:
    _stop_cloud()
    write_json(state().seed, recording(topology(_kubectl("get", "nodes", "-o", "json"))))
    command = [sys.executable, "-m", "e2e.kind.cloud", str(state().seed), str(state().root / "compute")]
    log = state().root / "compute.log"
    with log.open("w") as output:
        cloud = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output, start_new_session=True)
    _pid_file().write_text(str(cloud.pid))
    deadline = time.monotonic() + 30
    while not compute_answers():
        if cloud.poll() is not None or time.monotonic() > deadline:
            raise KindError(f"the emulator does not answer: {log.read_text().strip() or '(it said nothing)'}")
        time.sleep(0.1)


def _stop_cloud() -> None:
    if not _pid_file().exists():
        return
    pid = int(_pid_file().read_text())
    _pid_file().unlink()
    # A number may belong to another program by now.
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or b"e2e.kind.cloud" not in command.read_bytes():
        return
    os.kill(pid, signal.SIGTERM)
    while command.exists() and b"e2e.kind.cloud" in command.read_bytes():
        time.sleep(0.05)


def _pid_file() -> Path:
    return state().root / "compute.pid"


def _kubectl(*arguments: str) -> str:
    return _run("kubectl", "--kubeconfig", str(state().user_kubeconfig), *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, env={**os.environ, **NETWORK}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KindError(f"{' '.join(command[:3])} …: {done.stderr.strip() or done.returncode}")
    return done.stdout
