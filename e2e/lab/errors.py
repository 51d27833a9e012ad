"""What can go wrong in the lab, as sentences for the person at the keyboard; `__main__` prints them without a traceback."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""


class CommandError(LabError):
    """A program that the lab ran ended with an error; the message holds what it printed."""

    def __init__(self, command: Sequence[str], code: int, printed: str) -> None:
        super().__init__(f"`{' '.join(command)}` ended with {code}: {printed.strip() or '(printed nothing)'}")
        self.code = code


def run(command: Sequence[str], *, given: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Runs a program and gives its standard output.

    Raises:
        CommandError: it ended with a code other than 0.
    """
    ended = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise CommandError(command, ended.returncode, ended.stderr or ended.stdout)
    return ended.stdout
