"""The offline impact: every rule with what hangs on it, for people or for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from pathcheck.cli.manifests import read_checks, read_nodes
from pathcheck.cli.predict import read
from pathcheck.core.rely import rely


def tell(recording: Path, manifests: Sequence[Path], nodes: Path | None, as_json: bool) -> None:
    """Prints the answer.

    Raises BadInput.
    """
    found = read_checks(manifests)
    firewall = read(recording)
    rules, untold = rely(found.checks, read_nodes(nodes, firewall), firewall)
    problems = [str(problem) for problem in firewall.problems]
    if as_json:
        said = [{"rule": h.rule, "flows": h.flows, "checks": h.checks} for h in rules]
        typer.echo(
            json.dumps({"rules": said, "cannotTell": untold, "problems": problems}, indent=2, ensure_ascii=False)
        )
        return
    for hanging in (h for h in rules if h.checks):
        checks = ", ".join(f"{name} ({flows})" for name, flows in sorted(hanging.checks.items()))
        typer.echo(f"{hanging.flows:>8} flows  {hanging.rule.removeprefix('firewall:')}: {checks}")
    idle = [h.rule.removeprefix("firewall:") for h in rules if not h.checks]
    if idle:
        typer.echo(f"nothing hangs on {', '.join(sorted(idle))}")
    for name, why in untold.items():
        typer.secho(f"? cannot tell of {name}: {why}", fg="yellow")
    for problem in problems:
        typer.secho(f"  could not be read: {problem}", fg="yellow")
