"""What README.md shows is what is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pathcheck.cli.main import app

ROOT = Path(__file__).parents[2]


def test_the_plan_of_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command above the block, typed in a checkout, prints the block and ends with 1."""
    monkeypatch.chdir(ROOT)
    shown = re.search(
        r"^    \.venv/bin/pathcheck (plan .*)\n\n<!-- plan -->\n```\n(.*?)```\n<!-- /plan -->",
        (ROOT / "README.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert shown is not None
    result = CliRunner().invoke(app, shlex.split(shown.group(1)))
    assert (result.exit_code, result.stdout) == (1, shown.group(2))
