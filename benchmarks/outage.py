"""How soon: the story's rule is deleted and made again, over and over, at moments that have nothing to do with anybody's rounds."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.figures import Figure
from e2e import compute, install
from e2e.faults import levers
from e2e.watching import Watch, is_false, is_true, names_the_rule, violated

NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")
# What a script would do instead: one path, one connection a second, a second's patience. It says when it first failed after it was sent
# a line.
NAIVE = """
import socket, sys, threading, time
asked = [0.0]
def listen():
    for line in sys.stdin:
        asked[0] = time.time()
threading.Thread(target=listen, daemon=True).start()
while True:
    began = time.time()
    try:
        socket.create_connection((sys.argv[1], 8080), 1).close()
    except OSError:
        if asked[0]:
            print(time.time(), flush=True)
            asked[0] = 0.0
    time.sleep(max(0, began + 1 - time.time()))
"""


@dataclass(frozen=True)
class Goals:
    """Median and maximum, in seconds."""

    first: tuple[float, float]
    complete: tuple[float, float]
    named: tuple[float, float] = (2, 2)
    recovery: tuple[float, float] = (6, 9)


def outages(watch: Watch, nodes: int, rounds: int, goals: Goals, dice: random.Random) -> list[Figure]:
    """So many outages, each waited for until all is told, and all is well again."""
    broken = {"kube-dns": 2 * (nodes - 1), "pod-to-pod": 2 * nodes * (nodes - 1)}
    first, complete, named, recovered, naive = [], [], [], [], []
    for _ in range(rounds):
        with _naive_dialer() as dialer:
            time.sleep(dice.uniform(2, 8))
            assert dialer.stdin is not None
            assert dialer.stdout is not None
            dialer.stdin.write("\n")
            dialer.stdin.flush()
            levers.delete_rule()
            deleted = compute.changed_at()
            turned = {n: watch.wait_for(n, "False", is_false, 60, deleted).at for n in broken}
            told = {n: watch.wait_for(n, "named", names_the_rule, 60, deleted).at for n in broken}
            whole = [watch.wait_for(n, "complete", violated(count), 60, deleted).at for n, count in broken.items()]
            naive.append(float(dialer.stdout.readline()) - deleted)
        first.append(min(turned.values()) - deleted)
        named.append(max(told[n] - turned[n] for n in broken))
        complete.append(max(whole) - deleted)
        levers.restore_rule()
        restored = compute.changed_at()
        recovered.append(max(watch.wait_for(n, "True", is_true, 60, restored).at for n in broken) - restored)
    pairs = broken["kube-dns"] + broken["pod-to-pod"]
    return [
        Figure("rule deleted → first `Upheld=False`", "s", tuple(first), goals.first),
        Figure(f"rule deleted → all {pairs} broken flows in status", "s", tuple(complete), goals.complete),
        Figure("`Upheld=False` → the missing rule named", "s", tuple(named), goals.named),
        Figure("rule back → all `Upheld=True`", "s", tuple(recovered), goals.recovery),
        Figure("baseline: a loop that dials one of the broken paths every second", "s", tuple(naive)),
        Figure(
            "first `Upheld=False` as a multiple of the baseline",
            "×",
            tuple(a / b for a, b in zip(first, naive, strict=True)),
        ),
    ]


@contextmanager
def _naive_dialer() -> Iterator[subprocess.Popen[str]]:
    """In the network of node-2's probe pod, to node-1's."""
    (pid,) = levers.processes("node-2", "pathcheck.probe")
    address = levers.probe_pods()["node-1"]["status"]["podIP"]
    command = ["nsenter", f"--target={pid}", "--net", sys.executable, "-c", NAIVE, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def applies(watch: Watch, rounds: int) -> list[Figure]:
    """From `kubectl apply` of the first PathChecks of all, images present, to the last that is complete and True."""
    took = []
    for _ in range(rounds):
        install.kubectl("delete", "pathcheck", "--all")
        levers.until("without probe pods", lambda: not levers.probe_pods(), within=60)
        applied = time.time()
        install.apply_examples()
        took.append(max(watch.wait_for(n, "True", is_true, 60, applied).at for n in NAMES) - applied)
    return [Figure("`kubectl apply` → all three complete and `True`", "s", tuple(took), (6, 6))]


def set_cadence(watch: Watch, names: Sequence[str], seconds: int) -> None:
    """Of these checks; until they are True at it."""
    for name in names:
        began = time.time()
        cadence = f'{{"spec": {{"cadence": {{"intervalSeconds": {seconds}, "timeoutMilliseconds": {min(1000, 200 * seconds)}}}}}}}'
        install.kubectl("patch", "pathcheck", name, "--type=merge", "-p", cadence)
        watch.wait_for(name, "True", is_true, within=60, after=began)
