"""How faults are made, each undone when its `with` block ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from e2e import compute, install
from e2e.lab import cgroups
from e2e.lab.topology import LOCAL_COMPUTE_PORT, NETWORK, PODS, PROJECT, ROUTER_NAMESPACE

EMULATOR = f"http://127.0.0.1:{LOCAL_COMPUTE_PORT}"
FIREWALLS = f"{EMULATOR}/compute/v1/projects/{PROJECT}/global/firewalls"


# processes


def processes(machine: str, word: str) -> list[int]:
    """The processes of a machine (as this machine numbers them) that have this word in their command line."""
    return [pid for pid in sorted(cgroups.machine_processes(machine)) if word in _words(pid)]


def _words(pid: int) -> list[str]:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []  # it has ended
    first, *rest = line.split("\0")
    return [first.rpartition("/")[2], *rest]


@contextmanager
def stopped(machine: str, program: str) -> Iterator[None]:
    """The program neither ends nor answers, as on a machine that swaps: its connections stay open."""
    pids = [pid for pid in processes(machine, program) if _words(pid)[0] == program]
    assert pids, f"no {program} on {machine}"
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def kill(machine: str, word: str) -> None:
    """As the kernel's OOM killer does."""
    pids = processes(machine, word)
    assert pids, f"nothing with {word} on {machine}"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


# machines


def power_off(node: str) -> None:
    """A power cut."""
    subprocess.run([sys.executable, "-m", "e2e.lab", "kill", node], cwd=install.ROOT, check=True)


def power_on(node: str) -> None:
    """The disk is kept."""
    subprocess.run([sys.executable, "-m", "e2e.lab", "boot", node], cwd=install.ROOT, check=True)


# the network


@contextmanager
def swallowed(*matches: str) -> Iterator[None]:
    """The router drops what matches, in a table of its own that no firewall rule explains."""
    hook = "type filter hook forward priority -10; policy accept;"
    rules = "\n".join(f"{match} drop" for match in matches)
    _nft(f"table inet faults {{\nchain drops {{\n{hook}\n{rules}\n}}\n}}\n")
    try:
        yield
    finally:
        _nft("delete table inet faults\n")


def _nft(script: str) -> None:
    command = ["ip", "netns", "exec", ROUTER_NAMESPACE, "nft", "-f", "-"]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True)


# the firewall


STORY_RULE = {
    "name": compute.DELETED_RULE,
    "network": f"projects/{PROJECT}/global/networks/{NETWORK}",
    "sourceRanges": [str(PODS)],
    "allowed": [{"IPProtocol": protocol} for protocol in ("udp", "icmp", "esp", "ah", "sctp", "tcp")],
}


def delete_rule() -> float:
    """The story's rule goes; the moment. By no client, so that the API's faults for reading do not meet us."""
    call("DELETE", f"{FIREWALLS}/{compute.DELETED_RULE}")
    return time.time()


def restore_rule() -> float:
    """It is made again; the moment."""
    call("POST", FIREWALLS, STORY_RULE)
    return time.time()


@contextmanager
def rule(name: str, **fields: Any) -> Iterator[None]:
    """One more firewall rule, in the API's own spelling."""
    call("POST", FIREWALLS, {"name": name, "network": STORY_RULE["network"], **fields})
    try:
        yield
    finally:
        call("DELETE", f"{FIREWALLS}/{name}")


@contextmanager
def compute_api(**fault: Any) -> Iterator[None]:
    """The Compute API behaves so (docs/emulator.md, the side door), for the calls that read rules."""
    call("POST", f"{EMULATOR}/lab/faults", {"match": {"method": "GET"}, **fault})
    try:
        yield
    finally:
        call("DELETE", f"{EMULATOR}/lab/faults")


def call(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    """One request to the emulator; its answer as JSON."""
    data = json.dumps(body).encode() if body is not None else None
    request = Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


# the cluster


def objects(*arguments: str) -> list[dict[str, Any]]:
    """`kubectl get ARGUMENTS`, its items."""
    return list(json.loads(install.kubectl("get", *arguments, "-o", "json"))["items"])


def probe_pods() -> dict[str, dict[str, Any]]:
    """By node."""
    found = objects("pods", "-n", install.NAMESPACE, "-l", "app.kubernetes.io/name=pathcheck-probe")
    return {pod["spec"].get("nodeName", ""): pod for pod in found}


def operator_node() -> str:
    """Where the operator runs."""
    (pod,) = objects("pods", "-n", install.NAMESPACE, "-l", "app.kubernetes.io/name=pathcheck-operator")
    return str(pod["spec"]["nodeName"])


def node_is_ready(node: str) -> bool:
    """By the node's own condition."""
    (found,) = [n for n in objects("nodes") if n["metadata"]["name"] == node]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"]["conditions"])


def events(name: str) -> list[dict[str, Any]]:
    """Those about a PathCheck, oldest first."""
    found = objects("events", "-n", "default", "--field-selector", f"involvedObject.name={name}")
    return sorted(found, key=lambda event: event["eventTime"] or "")


def judgements(name: str) -> list[dict[str, Any]]:
    """Of these the ones about a change of Upheld."""
    return [event for event in events(name) if event.get("action") == "Judge"]


def moment(text: str) -> float:
    """An RFC 3339 time in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def until(what: str, holds: Callable[[], bool], within: float) -> float:
    """Waits until it holds; returns the moment. Raises AssertionError when it does not within so many seconds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not {what} within {within} s"
        time.sleep(0.2)
    return time.time()
