"""What was typed, or stands in a file, and cannot be read: how every command says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


class BadInput(Exception):  # noqa: N818 - it reads as what it says
    """Lines, one for each thing that cannot be read, which name it."""


@contextmanager
def told(command: str) -> Iterator[None]:
    """Each line of it on standard error behind the command's name, and the exit code 2."""
    try:
        yield
    except BadInput as error:
        for line in error.args:
            typer.echo(f"pathcheck {command}: {line}", err=True)
        raise typer.Exit(2) from None
