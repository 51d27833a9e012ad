"""How the engine's pieces are timed: by one core's time, so that what else the machine does meanwhile is not in it."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Figure

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


class Disagreement(AssertionError):  # noqa: N818 - it reads as what it says
    """Two ways to the same answer came to different ones: no figure of this run is worth anything."""


def seconds(deed: Callable[[], T]) -> tuple[float, T]:
    """How long it takes, and what comes of it."""
    gc.collect()  # what the pieces before left behind is not this one's cost
    begun = time.process_time()
    done = deed()
    return time.process_time() - begun, done


def started(what: str, words: Sequence[str], rounds: int, goal: tuple[float, float] | None = None) -> Figure:
    """A program, in milliseconds, so many times; the goal is for the median and for the worst."""
    _run(words)  # the first one leaves its bytecode behind, which an installed program has from the start
    samples = tuple(1000 * _run(words) for _ in range(rounds))
    return Figure(what, "ms", samples, goal)


def _run(words: Sequence[str]) -> float:
    """Seconds, the interpreter's start included; by the clock it is the same where nothing else runs."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.stderr:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.splitlines()[-1]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
