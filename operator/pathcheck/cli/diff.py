"""The offline difference of two recordings: what was edited, and what that closes and opens, for people or for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from pathcheck.cli.reading import firewall_in, read_json
from pathcheck.core.changes.differ import differ
from pathcheck.core.checks.recount import lines
from pathcheck.model.drift import Deed, Difference
from pathcheck.wire.kept import comparable

_SIGNS = {Deed.CREATED: "+", Deed.DELETED: "-", Deed.CHANGED: "~"}
_COLOURS = {Deed.CREATED: "green", Deed.DELETED: "red", Deed.CHANGED: "yellow"}


def tell(before: Path, after: Path, as_json: bool) -> int:
    """Prints the answer; 0 where no packet can meet anything else, 1 where one can.

    Raises BadInput.
    """
    raw = {name: read_json(name, path) for name, path in (("BEFORE", before), ("AFTER", after))}
    for name, path in (("BEFORE", before), ("AFTER", after)):
        firewall_in(name, path, raw[name])  # each must stand for itself before they are made comparable
    old, new = comparable(raw["BEFORE"], raw["AFTER"])
    one, other = firewall_in("BEFORE", before, old), firewall_in("AFTER", after, new)
    difference = differ(one, other)
    problems = list(dict.fromkeys(str(p) for p in (*one.problems, *other.problems)))
    if as_json:
        typer.echo(json.dumps({**as_object(difference), "problems": problems}, indent=2, ensure_ascii=False))
    else:
        _print(difference, problems)
    return 1 if difference.edits else 0


def as_object(difference: Difference) -> dict[str, object]:
    """Names and values for scripts; docs/history.md promises them."""
    return {
        "edits": [{"id": e.id, "deed": e.deed, "sentence": e.sentence} for e in difference.edits],
        "closes": [*difference.closes],
        "opens": [*difference.opens],
        "linesBeyond": difference.beyond,
        "untold": difference.untold,
    }


def _print(difference: Difference, problems: list[str]) -> None:
    for edit in difference.edits:
        typer.secho(f"{_SIGNS[edit.deed]} {edit.sentence}", fg=_COLOURS[edit.deed])
    for line in lines(difference):
        typer.echo(f"  {line}")
    if not difference.edits:
        typer.echo("nothing differs that decides packets")
    for problem in problems:
        typer.secho(f"  could not be read: {problem}", fg="yellow")
