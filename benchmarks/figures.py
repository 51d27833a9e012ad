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
    """One line: what was measured, its samples, and the goal for their median and the worst of them, if there is one.

    Where more is better there may be a `floor` instead, below which not even the worst may fall.
    """

    what: str
    unit: str
    samples: tuple[float, ...]
    goal: tuple[float, float] | None = None
    floor: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def worst(self) -> float:
        return min(self.samples) if self.unit in MORE_IS_BETTER else max(self.samples)

    @property
    def met(self) -> bool | None:
        """None where there is no goal."""
        if self.floor is not None:
            return self.worst >= self.floor
        if self.goal is None:
            return None
        # As precise as it is printed, and no more.
        return round(self.median, 1) <= self.goal[0] and round(self.worst, 1) <= self.goal[1]

    def cells(self) -> tuple[str, ...]:
        """What, n, median, worst, goal, verdict."""
        once = len(self.samples) == 1
        if self.floor is not None:
            goal = f"≥ {self.floor:,.0f}"
        elif self.goal is None:
            goal = ""
        else:
            goal = f"≤ {self.goal[0]:g}" if self.goal[0] == self.goal[1] else f"≤ {self.goal[0]:g} / {self.goal[1]:g}"
        verdict = {None: "", True: "met", False: "**missed**"}[self.met]
        worst = "" if once else _number(self.worst)
        return self.what, str(len(self.samples)), f"{_number(self.median)} {self.unit}", worst, goal, verdict


MORE_IS_BETTER = ("flows/s", "times as fast")
HEAD = ("measured", "n", "median", "worst", "goal", "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


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

Written by `make bench`. Times of outages are from the moment in which a rule is in force, or no longer, to the one in which
`kubectl get --watch` shows the status. No test asserts them.

## Notes
"""


def _machine() -> str:
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    return f"All on one machine with {cores} cores, Linux {platform.release().split('-')[0]}."
