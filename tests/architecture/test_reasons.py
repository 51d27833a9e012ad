"""The page of reasons is the enum of reasons."""

from __future__ import annotations

import re
from pathlib import Path

from pathcheck.model.words import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_every_reason_is_explained_once() -> None:
    """What users alert on has a line that says what it means and where to look."""
    explained = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(Reason)
