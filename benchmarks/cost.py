"""What it costs at rest: memory, processor time, requests to the API server, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from e2e import install
from e2e.faults import levers

SECONDS = 60


def requests() -> float:
    """How many requests about PathChecks and PathProbes the API server has answered since it began (a watch counts when it ends)."""
    lines = install.kubectl("get", "--raw", "/metrics").splitlines()
    ours = [line for line in lines if line.startswith("apiserver_request_total{") and 'group="pathcheck.dev"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in ours)


@dataclass(frozen=True)
class Used:
    """MiB resident, MiB as shares of what is shared, seconds of processor time."""

    resident: float
    proportional: float
    seconds: float


def used(pid: int) -> Used:
    """By /proc: smaps_rollup, and schedstat of each thread, whose nanoseconds count where bursts are shorter than a clock tick."""
    kib = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        kib[name] = int(value)
    nanoseconds = [int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return Used(kib["Rss:"] / 1024, kib["Pss:"] / 1024, sum(nanoseconds) / 1e9)


def at_rest(nodes: Iterable[str]) -> list[Figure]:
    """Of the operator, its reader and the probes on these nodes."""
    home = levers.operator_node()
    (operator,) = levers.processes(home, "run")
    (reader,) = levers.processes(home, "pathcheck.shell.reader")
    probes = [pid for node in nodes for pid in levers.processes(node, "pathcheck.probe")]
    pids = [operator, reader, *probes]
    before = {pid: used(pid) for pid in pids}
    asked = requests()
    time.sleep(SECONDS)
    asked = (requests() - asked) * 60 / SECONDS
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
        Figure("requests about PathChecks and PathProbes a minute", "", (asked,), (20, 20)),
    ]


def _metrics() -> str:
    (pod,) = levers.objects("pods", "-n", install.NAMESPACE, "-l", "app.kubernetes.io/name=pathcheck-operator")
    path = f"/api/v1/namespaces/{install.NAMESPACE}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    return install.kubectl("get", "--raw", path)
