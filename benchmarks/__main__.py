"""`make bench`: measures the engine, then brings up the lab, measures, prints, writes docs/benchmarks.md, takes the lab down.

About fourteen minutes; `python -m benchmarks engine` is the first four of them, and needs neither root nor the lab.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks import cost, engine, impact, outage
from benchmarks.figures import Figure, page, show
from e2e import compute, install
from e2e.lab.lifecycle import completed
from e2e.watching import Watch, is_true

PAGE = install.ROOT / "docs" / "benchmarks.md"
BROKEN = ("kube-dns", "pod-to-pod")
console = Console(width=110, highlight=False)


def main() -> None:
    """All of it; LAB_NODES as for `make lab-up`."""
    words = argparse.ArgumentParser(prog="make bench", description=__doc__)
    words.add_argument("part", nargs="?", choices=("engine", "lab"), help="one of the two (both)")
    words.add_argument("--rounds", type=int, default=10, help="outages and applies for each figure (10)")
    words.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    words.add_argument(
        "--only", choices=("outages", "rest"), help="outages at the default cadence, or the costs at rest"
    )
    asked = words.parse_args()
    if asked.part != "lab" and asked.only is None:
        of_engine: dict[str, Sequence[Figure]] = {}
        for part in (engine, impact):
            for title, figures in part.figures(max(3, asked.rounds // 2), asked.seed):
                of_engine[title] = figures
                show(title, figures, console)
        _write(of_engine, asked.seed)
    if asked.part != "engine":
        _measure_lab(asked.rounds, asked.seed, asked.only)


def _measure_lab(rounds: int, seed: int, only: str | None) -> None:
    _lab("down")
    _lab("up")
    try:
        sections = measured(rounds, random.Random(seed), only)
    finally:
        _lab("down")
    _write(sections, seed)


def _write(sections: dict[str, Sequence[Figure]], seed: int) -> None:
    page(sections, f"seed {seed}", PAGE)
    console.print(f"written: {PAGE.relative_to(install.ROOT)}")


def measured(rounds: int, dice: random.Random, only: str | None) -> dict[str, Sequence[Figure]]:
    """Each section by its title."""
    nodes = [node.name for node in completed().nodes]
    n = len(nodes)
    sections: dict[str, Sequence[Figure]] = {}

    def add(title: str, figures: Sequence[Figure]) -> None:
        sections[title] = figures
        show(title, figures, console)

    compute.restore_story()
    install.install()
    with Watch(install.environment()) as watch:
        install.apply_examples()
        for name in outage.NAMES:
            watch.wait_for(name, "True", is_true, within=120)
        if only is None:
            add(f"{n} nodes: from nothing", outage.applies(watch, rounds))
        if only != "rest":
            goals = outage.Goals((4.5, 7), (5.5, 7.5) if n <= 3 else (6, 8))
            add(f"{n} nodes: outages, every 5 s asked", outage.outages(watch, n, rounds, goals, dice))
        if only is None:
            outage.set_cadence(watch, BROKEN, 1)
            goals = outage.Goals((2, 3), (3, 4))
            title = f"{n} nodes: outages, every second asked, each attempt waited for 0.2 s"
            add(title, outage.outages(watch, n, rounds, goals, dice))
            outage.set_cadence(watch, BROKEN, 5)
        if only != "outages":
            # After all this, not fresh from the start: that is what it costs for months.
            add(f"{n} nodes: at rest, every 5 s asked", cost.at_rest(nodes))
    return sections


def _lab(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "e2e.lab", verb], cwd=install.ROOT, check=True)


if __name__ == "__main__":
    main()
