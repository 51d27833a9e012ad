"""Where the story is played: in the lab, or on kind with `LAB=kind` in the environment."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.kind import cluster as kind
from e2e.lab import environment as lab_environment
from e2e.lab.places import REPOSITORY, state


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster with the Compute Engine emulator beside it.

    `module` is run as `python -m` with up and down; `overlay` are the manifests for it; `environment` is what kubectl, gcloud and
    our own programs need; `shell` and `down` are what a user types.
    """

    what: str
    module: str
    overlay: Path
    environment: Callable[[], dict[str, str]]
    missing: Callable[[], list[str]]
    shell: str
    down: str

    def up(self) -> bool:
        """Whether it came up; if not, it has said why."""
        return subprocess.run([sys.executable, "-m", self.module, "up"], cwd=REPOSITORY, check=False).returncode == 0


def _missing_for_the_lab() -> list[str]:
    missing = []
    if platform.system() != "Linux":
        missing.append(f"Linux (this is {platform.system()})")
    elif os.geteuid() != 0:
        missing.append("root, for network namespaces and containers (try: sudo make demo)")
    if not shutil.which("go"):
        missing.append("Go 1.26 or newer, to build Kubernetes once: https://go.dev/dl/")
    return missing


LAB = Place(
    what="a real cluster: API server, scheduler, kubelets, containers, each node a network namespace",
    module="e2e.lab",
    overlay=REPOSITORY / "manifests" / "lab",
    environment=lambda: lab_environment.variables(state()),
    missing=_missing_for_the_lab,
    shell="make lab-shell",
    down="make lab-down",
)
KIND = Place(
    what="a real cluster: kind, each node a container",
    module="e2e.kind",
    overlay=REPOSITORY / "manifests" / "kind",
    environment=kind.environment,
    missing=kind.missing,
    shell='eval "$(.venv/bin/python -m e2e.kind env)"',
    down=".venv/bin/python -m e2e.kind down",
)


def asked(environment: Mapping[str, str] = os.environ) -> Place:
    """As LAB says; the lab where it says nothing.

    Raises ValueError for any other word.
    """
    word = environment.get("LAB") or "lab"
    places = {"lab": LAB, "kind": KIND}
    if word not in places:
        raise ValueError(f"LAB is {' or '.join(places)}, not {word!r}")
    return places[word]
