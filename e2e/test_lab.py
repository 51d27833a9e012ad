"""The lab on this machine, as root: it comes up, it is mended, and whatever happens in between, `down` leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from e2e.lab import cgroups, network
from e2e.lab.lifecycle import SYSCTLS
from e2e.lab.places import REPOSITORY, state

LAB = [sys.executable, "-m", "e2e.lab"]


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def traces() -> dict[str, object]:
    """Everything by which a lab could have changed this machine."""
    return {
        "namespaces": network.namespaces(),
        "mounts": Path("/proc/self/mounts").read_text().splitlines(),
        "cgroups": cgroups.lab_groups(),
        "processes": _processes(),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "sysctls": {name: _sysctl(name) for name in SYSCTLS},
        "state": state().root.exists(),
    }


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
    """A cluster comes up whose resolver answers a pod on another node; taken down, the machine is as before."""
    came_up = lab("up")
    assert came_up.returncode == 0, came_up.stderr
    assert lab("status").returncode == 0
    question = ["nslookup", "-type=a", "kubernetes.default.svc.cluster.local"]
    place = '{"spec": {"nodeName": "node-2"}}'
    pod = ["run", "asks", "--image=lab.local/busybox:1", f"--overrides={place}", "--restart=Never", "--rm", "--attach"]
    asked = lab("kubectl", *pod, "--quiet", "--command", "--", *question)
    assert "10.27.240.1" in asked.stdout, asked.stderr
    assert "up already" in lab("up").stderr
    assert lab("down").returncode == 0
    assert traces() == nothing


@pytest.mark.parametrize("line", ["network and firewall", "API server ready"])
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
    with up_until("network and firewall") as process:
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
    with up_until("network and firewall") as process:
        refused = lab("down")
        process.kill()
    assert refused.returncode == 1
    assert f"process {process.pid}" in refused.stderr
