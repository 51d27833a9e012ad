"""What the probe carries into the pod."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pathcheck.probe

# What these would cost stands in the package's docstring; the pod has 20 MiB.
HEAVY = {
    "asyncio",
    "dataclasses",
    "email",
    "http",
    "inspect",
    "logging",
    "pydantic",
    "random",
    "typing",
    "datetime",
    "ipaddress",
}


def loaded() -> set[str]:
    """The modules of a bare interpreter that has imported all of the probe, without site and without the environment."""
    package = Path(pathcheck.probe.__file__).parent
    modules = [
        f"pathcheck.probe.{path.stem}" for path in package.glob("*.py") if path.stem not in ("__init__", "__main__")
    ]
    program = (
        f"import sys, json; sys.path.insert(0, {str(package.parent.parent)!r})\n"
        f"for name in {[*modules, 'pathcheck.probe.__main__']!r}: __import__(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(out.stdout))


def test_it_runs_on_a_bare_interpreter_and_carries_nothing_heavy() -> None:
    """The standard library is enough, and the parts of it that would not fit in 20 MiB are not loaded."""
    assert loaded() & HEAVY == set()


def test_it_takes_nothing_else_of_the_package() -> None:
    """The probe's image has no other part of pathcheck in it."""
    ours = {name for name in loaded() if name.startswith("pathcheck")}
    assert {name for name in ours if not name.startswith("pathcheck.probe")} == {"pathcheck"}
