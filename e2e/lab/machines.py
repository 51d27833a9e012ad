"""Machines: a machine is the namespaces and the cgroup of one process tree below `machine-init.sh`.

Its disk is a directory of the lab's state. Killing it is a power cut, starting it again a reboot with the disk kept.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from e2e.lab import cgroups
from e2e.lab.errors import LabError
from e2e.lab.places import State, write
from e2e.lab.topology import Machine

INIT = Path(__file__).resolve().with_name("machine-init.sh")
STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Service:
    """A program that a machine keeps running; it starts when all files of `after` exist."""

    name: str
    command: tuple[str, ...]
    after: tuple[Path, ...] = field(default=())

    def line(self) -> str:
        """The shell line that `machine-init.sh` reads."""
        if not self.after:
            return shlex.join(["keep", self.name, *self.command])
        missing = " || ".join(f"! test -e {shlex.quote(str(file))}" for file in self.after)
        waiting = f"while {missing}; do sleep 0.1; done; exec {shlex.join(self.command)}"
        return shlex.join(["keep", self.name, "sh", "-c", waiting])


def install(state: State, machine: Machine, services: tuple[Service, ...]) -> None:
    """Writes the machine's disk: what `boot` will start."""
    place = state.machine(machine.name)
    for directory in ("var-lib", "var-log", "log"):
        (place / directory).mkdir(parents=True, exist_ok=True)
    write(place / "services.sh", "".join(f"{service.line()}\n" for service in services))


def boot(state: State, machine: Machine) -> None:
    """Puts the machine on; no wait. The caller may be anywhere: the machine is born in its own cgroup."""
    place = state.machine(machine.name)
    namespaces = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--cgroup", "--kill-child"]
    command = [
        *("nsenter", f"--net=/run/netns/{machine.namespace}", "unshare", *namespaces),
        *("sh", str(INIT), machine.name, str(place)),
    ]
    with (place / "log" / "init.log").open("a") as log:
        process = subprocess.Popen(
            cgroups.command_inside(machine.name, command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={"PATH": f"{state.binaries}:{STANDARD_PATH}", "HOME": "/root"},
        )
    write(place / "pid", str(process.pid))


def first_process(state: State, machine: Machine) -> int:
    """The machine's PID 1, as seen from outside.

    Raises:
        LabError: the machine is off.
    """
    off = LabError(f"{machine.name} is off; `boot {machine.name}` puts it on")
    try:
        outer = int((state.machine(machine.name) / "pid").read_text())
        if outer not in cgroups.machine_processes(machine.name):
            raise off
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])
    except (FileNotFoundError, IndexError) as error:
        raise off from error


def is_on(machine: Machine) -> bool:
    """Whether the machine runs."""
    return bool(cgroups.machine_processes(machine.name))


def power_off(machine: Machine) -> None:
    """Puts the machine off as a power cut does: no shutdown, its disk stays.

    Raises:
        LabError: it does not end.
    """
    cgroups.end(lambda: cgroups.machine_processes(machine.name))


def command_in(state: State, machine: Machine, command: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command line and environment that run `command` inside the machine, with kubectl and ctr working.

    Raises:
        LabError: the machine is off.
    """
    inner = first_process(state, machine)
    environment = os.environ | {
        "PATH": f"{state.binaries}:{STANDARD_PATH}",
        "KUBECONFIG": str(state.kubeconfig("admin")),
    }
    return [
        "nsenter",
        f"--target={inner}",
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--cgroup",
        *command,
    ], environment
