"""What it costs at rest: memory, processor time, requests to the API server, metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from e2e import install
from e2e.faults import levers

SECONDS = 120
TICKS = os.sysconf("SC_CLK_TCK")


def requests() -> float:
    """All that the API server has answered since it began: apiserver_request_total."""
    lines = install.kubectl("get", "--raw", "/metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("apiserver_request_total{"))


def requests_a_minute() -> float:
    """Over SECONDS; our own asking is one of them."""
    before = requests()
    time.sleep(SECONDS)
    return (requests() - before - 1) * 60 / SECONDS


@dataclass(frozen=True)
class Used:
    """MiB resident, MiB as shares of what is shared, seconds of processor time."""

    resident: float
    proportional: float
    seconds: float


def used(pid: int) -> Used:
    """By /proc (proc_pid_smaps(5), proc_pid_stat(5))."""
    kib = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        kib[name] = int(value)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Used(kib["Rss:"] / 1024, kib["Pss:"] / 1024, (int(fields[11]) + int(fields[12])) / TICKS)


def at_rest(nodes: Iterable[str]) -> list[Figure]:
    """Of the operator, its reader and the probes on these nodes; then without them all, for what the cluster asks by itself."""
    home = levers.operator_node()
    (operator,) = levers.processes(home, "run")
    (reader,) = levers.processes(home, "pathcheck.shell.reader")
    probes = [pid for node in nodes for pid in levers.processes(node, "pathcheck.probe")]
    pids = [operator, reader, *probes]
    before = {pid: used(pid) for pid in pids}
    asked = requests_a_minute()
    after = {pid: used(pid) for pid in pids}
    share = {pid: (after[pid].seconds - before[pid].seconds) / SECONDS * 100 for pid in pids}
    series = [line for line in _metrics().splitlines() if line and not line.startswith("#")]
    return [
        Figure("operator, resident", "MiB", (after[operator].resident,), (110, 110)),
        Figure("operator, of one core", "%", (share[operator],)),
        Figure("its reader of the Compute API, resident", "MiB", (after[reader].resident,)),
        Figure("its reader, of one core", "%", (share[reader],)),
        Figure("probe, resident", "MiB", tuple(after[pid].resident for pid in probes), (20, 20)),
        Figure("probe, its share of what is shared (PSS)", "MiB", tuple(after[pid].proportional for pid in probes)),
        Figure("probe, of one core", "%", tuple(share[pid] for pid in probes)),
        Figure("series on /metrics", "", (len(series),)),
        Figure("requests to the API server a minute, beside the cluster's own", "", (asked - _without(),), (20, 20)),
    ]


def _without() -> float:
    """Requests a minute of the same cluster when nothing of ours runs any more; it is for the caller to put it back."""
    install.kubectl("delete", "pathcheck", "--all")
    levers.until("without probe pods", lambda: not levers.probe_pods(), within=60)
    install.kubectl("-n", install.NAMESPACE, "scale", "deployment/pathcheck-operator", "--replicas=0")
    # Ended watches and a pod's end are told to the API server for some seconds more.
    time.sleep(15)
    return requests_a_minute()


def _metrics() -> str:
    (pod,) = levers.objects("pods", "-n", install.NAMESPACE, "-l", "app.kubernetes.io/name=pathcheck-operator")
    path = f"/api/v1/namespaces/{install.NAMESPACE}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    return install.kubectl("get", "--raw", path)
