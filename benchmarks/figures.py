"""Figures and how they are shown: on the terminal and in docs/benchmarks.md, from one list."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, its samples, and the goal for their median and maximum, if there is one."""

    what: str
    unit: str
    samples: tuple[float, ...]
    goal: tuple[float, float] | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def worst(self) -> float:
        return max(self.samples)

    @property
    def met(self) -> bool | None:
        """None where there is no goal."""
        if self.goal is None:
            return None
        # As precise as it is printed, and no more.
        return round(self.median, 1) <= self.goal[0] and round(self.worst, 1) <= self.goal[1]

    def cells(self) -> tuple[str, ...]:
        """What, n, median, maximum, goal, verdict."""
        once = len(self.samples) == 1
        if self.goal is None:
            goal = ""
        else:
            goal = f"≤ {self.goal[0]:g}" if self.goal[0] == self.goal[1] else f"≤ {self.goal[0]:g} / {self.goal[1]:g}"
        verdict = {None: "", True: "met", False: "**missed**"}[self.met]
        worst = "" if once else f"{self.worst:.1f}"
        return self.what, str(len(self.samples)), f"{self.median:.1f} {self.unit}", worst, goal, verdict


HEAD = ("measured", "n", "median", "maximum", "goal", "")


def show(title: str, figures: Sequence[Figure], console: Console) -> None:
    """One table on the terminal."""
    table = Table(*HEAD, title=title, title_justify="left")
    for figure in figures:
        cells = figure.cells()
        table.add_row(*cells[:-1], cells[-1].strip("*"), style="red" if figure.met is False else "")
    console.print(table)


def page(sections: dict[str, Sequence[Figure]], about: str, path: Path) -> None:
    """Writes the measured part of the page; what stands below its mark is written by people and stays."""
    lines = [
        "# Figures",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {about}. {_machine()}",
        "Times are from the moment in which a rule is in force, or no longer, to the one in which `kubectl get --watch` shows the status.",
        "",
    ]
    for title, figures in sections.items():
        lines += [f"## {title}", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
        lines += [f"| {' | '.join(figure.cells())} |" for figure in figures]
        lines.append("")
    said = path.read_text().partition(MARK)[2] if path.exists() else "\n"
    path.write_text("\n".join(lines) + MARK + said)


MARK = "<!-- below: by hand -->"


def _machine() -> str:
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"All of it, cluster included, on one machine with {cores} cores, Linux {platform.release().split('-')[0]}."
