"""The two programs that run beside the machines, in the real machine's own namespaces, for as long as the lab is up.

The forwarder is the way to the API server from here. The emulator is the project's Compute Engine API: it holds the
firewall's rules and puts them in force in the router, so that without it no packet would be filtered.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

from e2e.lab import cgroups
from e2e.lab.errors import LabError
from e2e.lab.places import REPOSITORY, State, write_json
from e2e.lab.seed import ELSEWHERE, recording
from e2e.lab.topology import (
    API_PORT,
    INTERFACE_PREFIX,
    LOCAL_API_PORT,
    LOCAL_COMPUTE_PORT,
    NETWORK,
    OUTSIDE_COMPUTE_PORT,
    PROJECT,
    ROUTER_NAMESPACE,
    Topology,
)


@dataclass(frozen=True, slots=True)
class Companion:
    """A Python module that runs as a process in the lab's cgroup of its name and serves at a port of 127.0.0.1."""

    name: str
    port: int
    command: tuple[str, ...]

    def is_on(self) -> bool:
        """Whether it runs."""
        return bool(cgroups.machine_processes(self.name))

    def start(self, state: State) -> None:
        """Starts it; no wait.

        Raises:
            LabError: its port is taken by somebody else.
        """
        _need_free_port(self.port)
        state.logs.mkdir(parents=True, exist_ok=True)
        with (state.logs / f"{self.name}.log").open("a") as log:
            subprocess.Popen(
                cgroups.command_inside(self.name, [sys.executable, "-m", *self.command]),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def forwarder(topology: Topology) -> Companion:
    """127.0.0.1:16443 → the API server."""
    machine = topology.control_plane
    listen, target = f"127.0.0.1:{LOCAL_API_PORT}", f"{machine.address}:{API_PORT}"
    return Companion("forwarder", LOCAL_API_PORT, ("e2e.lab.forward", listen, machine.namespace, target))


def emulator(state: State, topology: Topology) -> Companion:
    """The Compute Engine API, on 127.0.0.1:8787 for this machine and at the outside address for the pods."""
    outside = f"{topology.outside.namespace}/{topology.outside.address}:{OUTSIDE_COMPUTE_PORT}"
    return Companion(
        "compute",
        LOCAL_COMPUTE_PORT,
        (
            "e2e.lab.cloud",
            f"--seed={state.seed}",
            f"--router-netns={ROUTER_NAMESPACE}",
            f"--interface-prefix={INTERFACE_PREFIX}",
            f"--listen=127.0.0.1:{LOCAL_COMPUTE_PORT}",
            f"--listen-in={outside}",
            f"--state={state.root / 'compute'}",
        ),
    )


def start(state: State, topology: Topology) -> None:
    """Starts what does not run; no wait. The emulator begins with the story's rules, whatever they were before.

    Raises:
        LabError: a port is taken.
    """
    way_in, compute = forwarder(topology), emulator(state, topology)
    if not way_in.is_on():
        way_in.start(state)
    if not compute.is_on():
        write_json(state.seed, recording(topology) | ELSEWHERE)
        compute.start(state)


def wait_for_rules(state: State, topology: Topology, seconds: float) -> None:
    """Waits until the emulator serves, and its rules are in force.

    Raises:
        LabError: it does not within `seconds`; the message has its last words.
    """
    compute = emulator(state, topology)
    deadline = time.monotonic() + seconds
    while not compute_answers():
        if time.monotonic() > deadline or not compute.is_on():
            said = (state.logs / f"{compute.name}.log").read_text().strip().splitlines()
            raise LabError(f"the Compute Engine emulator does not answer: {said[-1] if said else '(it said nothing)'}")
        time.sleep(0.05)


def compute_answers() -> bool:
    """Whether the emulator answers for the network; it serves only once its rules are in force."""
    connection = http.client.HTTPConnection("127.0.0.1", LOCAL_COMPUTE_PORT, timeout=5)
    try:
        connection.request("GET", f"/compute/v1/projects/{PROJECT}/global/networks/{NETWORK}")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def problems(topology: Topology) -> list[str]:
    """What is wrong with the companions now, one line each."""
    found = []
    if not forwarder(topology).is_on():
        found.append(f"the way to the API server (127.0.0.1:{LOCAL_API_PORT}) is closed")
    if not compute_answers():
        found.append(f"the Compute Engine emulator (127.0.0.1:{LOCAL_COMPUTE_PORT}) does not answer")
    return found


def _need_free_port(port: int) -> None:
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(f"127.0.0.1:{port} is taken and the lab needs it ({error.strerror})") from error
