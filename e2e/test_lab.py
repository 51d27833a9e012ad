"""The lab on this machine, as root: it comes up, it is mended, and whatever happens in between, `down` leaves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from e2e.lab import cgroups, network
from e2e.lab.lifecycle import SYSCTLS
from e2e.lab.places import REPOSITORY, state
from e2e.lab.topology import LOCAL_COMPUTE_PORT, NAMESPACE_PREFIX, PROJECT

LAB = [sys.executable, "-m", "e2e.lab"]


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def traces() -> dict[str, object]:
    """Everything by which a lab could have changed this machine."""
    return {
        "namespaces": network.namespaces(),
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if not _foreign(line)],
        "cgroups": cgroups.lab_groups(),
        "processes": _processes(),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "sysctls": {name: _sysctl(name) for name in SYSCTLS},
        "state": state().root.exists(),
    }


def _foreign(mount: str) -> bool:
    """Named network namespaces of others, and the directory of all, come and go with other programs."""
    return " /run/netns" in mount and f" {network.NAMED}/{NAMESPACE_PREFIX}" not in mount


def _sysctl(name: str) -> str:
    path = Path("/proc/sys", *name.split("."))
    return path.read_text().strip() if path.exists() else "absent"


def _processes() -> set[str]:
    """Processes in another pid namespace than ours, and those of this lab beside them; not the dead that init has yet to reap."""
    found = set()
    ours = Path("/proc/self/ns/pid").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (
                "e2e.lab.forward" in command
                or str(state().root) in command
                or (process / "ns" / "pid").readlink() != ours
            ):
                found.add(f"{process.name} {command}")
    return found


@pytest.fixture
def nothing() -> Iterator[dict[str, object]]:
    """A machine without a lab, and what it looks like; without a lab again afterwards, even if the test failed."""
    lab("down")
    yield traces()
    lab("down")


@contextmanager
def up_until(line: str) -> Iterator[subprocess.Popen[str]]:
    """An `up` that has just said `line`; the body makes it end."""
    with subprocess.Popen([*LAB, "up"], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = next((said for said in process.stderr if line in said), None)
        assert said is not None, f"`up` never said {line!r}"
        yield process
        # To its end: a program that cannot write would end for another reason than the one tried here.
        process.stderr.read()


def test_up_makes_a_usable_cluster_and_down_leaves_nothing(nothing: dict[str, object]) -> None:
    """A cluster comes up that `status` calls usable and a second `up` leaves alone; taken down, all is as before."""
    came_up = lab("up")
    assert came_up.returncode == 0, came_up.stderr
    assert lab("status").returncode == 0
    assert "up already" in lab("up").stderr
    assert lab("down").returncode == 0
    assert traces() == nothing


@pytest.mark.parametrize("line", ["namespaces", "API server ready"])
def test_down_leaves_nothing_of_a_killed_up(nothing: dict[str, object], line: str) -> None:
    """After SIGKILL in the middle of `up`, `down` removes every trace."""
    with up_until(line) as process:
        process.kill()
    assert traces() != nothing
    assert lab("down").returncode == 0
    assert traces() == nothing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_takes_itself_down(nothing: dict[str, object], number: signal.Signals) -> None:
    """After Ctrl-C or SIGTERM in the middle, `up` ends with an error and leaves nothing, without any `down`."""
    with up_until("namespaces") as process:
        process.send_signal(number)
    assert process.returncode != 0
    assert traces() == nothing


def test_up_starts_anew_after_a_killed_up(nothing: dict[str, object]) -> None:
    """A second `up` makes a usable cluster out of what a killed one left."""
    with up_until("API server ready") as process:
        process.kill()
    came_up = lab("up")
    assert came_up.returncode == 0, came_up.stderr
    assert lab("status").returncode == 0


def test_up_boots_machines_that_are_off(nothing: dict[str, object]) -> None:
    """After power cuts `status` names the machines, and `up` boots them without starting the others anew."""
    assert lab("up").returncode == 0
    before = cgroups.machine_processes("node-1")
    lab("kill", "node-2")
    lab("kill", "cp")
    stands = lab("status")
    assert stands.returncode == 1
    assert "node-2 is off" in stands.stderr
    assert "cp is off" in stands.stderr
    came_up = lab("up")
    assert came_up.returncode == 0, came_up.stderr
    assert lab("status").returncode == 0
    assert min(before) in cgroups.machine_processes("node-1")


def test_one_command_at_a_time(nothing: dict[str, object]) -> None:
    """While `up` is at work, another command is refused and names its process."""
    with up_until("namespaces") as process:
        refused = lab("down")
        process.kill()
    assert refused.returncode == 1
    assert f"process {process.pid}" in refused.stderr


POD_RULE = "gke-august-period-234610-all"
COMPUTE = f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}/compute/v1/projects/{PROJECT}/global/firewalls"
LOOKUP = "nslookup -type=a kubernetes.default.svc.cluster.local"


def start_pods() -> None:
    """A shell on each node, one of them with its node's own address."""
    for name, node, own_network in (("on-1", 1, True), ("on-2", 2, True), ("on-3", 3, True), ("host-2", 2, False)):
        spec = {"nodeName": f"node-{node}", "hostNetwork": not own_network, "terminationGracePeriodSeconds": 0}
        place = f"--overrides={json.dumps({'spec': spec})}"
        image = "--image=lab.local/busybox:1"
        assert lab("kubectl", "run", name, image, place, "--command", "--", "sleep", "infinity").returncode == 0
    assert lab("kubectl", "wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s").returncode == 0


def what_works() -> dict[str, bool]:
    """The story's lookups and connections, and the health signals that Kubernetes has."""
    far = lab("kubectl", "get", "pod", "on-3", "--output=jsonpath={.status.podIP}").stdout

    def in_pod(pod: str, command: str, expected: str) -> bool:
        done = lab("kubectl", "exec", pod, "--", "sh", "-c", command)
        return expected in done.stdout + done.stderr

    return {
        "lookup from the resolver's own node": in_pod("on-1", LOOKUP, "10.27.240.1\n"),
        "lookup from node-2": in_pod("on-2", LOOKUP, "10.27.240.1\n"),
        "lookup from node-3": in_pod("on-3", LOOKUP, "10.27.240.1\n"),
        "lookup with node-2's own address": in_pod("host-2", f"{LOOKUP} 10.27.240.10", "10.27.240.1\n"),
        "ping between pods": in_pod("on-2", f"ping -c1 -W2 {far}", "1 packets received"),
        # Nobody listens: the refusal proves that the packet arrived.
        "tcp/80 between pods": in_pod("on-2", f"nc -w 2 {far} 80", "refused"),
        "tcp/8080 between pods": in_pod("on-2", f"nc -w 2 {far} 8080", "refused"),
        "API server from a pod": in_pod("on-2", "nc -w 2 10.27.240.1 443 </dev/null && echo connected", "connected"),
        "Compute API from a pod": in_pod("on-2", "nc -w 2 198.51.100.10 80 </dev/null && echo connected", "connected"),
        "nodes Ready, kube-dns available": lab("status").returncode == 0,
    }


def test_the_storys_outage_shows_on_packets_and_nowhere_else(nothing: dict[str, object]) -> None:
    """Without the pod range's rule, exactly udp/53 and tcp/8080 between pods of two nodes fail; with it again, nothing."""
    assert lab("up").returncode == 0
    start_pods()
    everything = dict.fromkeys(what_works(), True)
    assert what_works() == everything
    with urlopen(f"{COMPUTE}/{POD_RULE}") as answer:
        rule = json.load(answer)
    urlopen(Request(f"{COMPUTE}/{POD_RULE}", method="DELETE")).close()
    broken = ("lookup from node-2", "lookup from node-3", "tcp/8080 between pods")
    assert what_works() == everything | dict.fromkeys(broken, False)
    wanted = {field: rule[field] for field in ("name", "network", "sourceRanges", "allowed", "priority")}
    headers = {"Content-Type": "application/json"}
    urlopen(Request(COMPUTE, json.dumps(wanted).encode(), headers, method="POST")).close()
    assert what_works() == everything
