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
    """Renews these sections of the page, each with what it is `about`, and leaves the others, people's notes among them."""
    text = path.read_text() if path.exists() else HEADING
    for title, figures in sections.items():
        rows = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}", *(f"| {' | '.join(f.cells())} |" for f in figures)]
        said = f"*{datetime.now(UTC):%Y-%m-%d}, {about}. {_machine()}*"
        section = "\n".join([f"## {title}", "", said, "", *rows, "", ""])
        before, mark, rest = text.partition(f"## {title}\n")
        if not mark:
            # New ones come before the notes.
            before, notes, rest = text.partition("## Notes\n")
            text = before + section + notes + rest
        else:
            text = before + section + "".join(rest.partition("## ")[1:])
    path.write_text(text)


HEADING = """# Figures

Written by `make bench`. Times are from the moment in which a rule is in force, or no longer, to the one in which
`kubectl get --watch` shows the status. No test asserts them.

## Notes
"""


def _machine() -> str:
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"Cluster and all on one machine with {cores} cores, Linux {platform.release().split('-')[0]}."
