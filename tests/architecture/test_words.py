"""The words of operator/README.md are those of the code."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from pathcheck.model.words import Action, ConditionStatus, Evidence, Expectation, Observation, Prediction, Verdict

OPERATOR = Path(__file__).parents[2] / "operator"
STAGES: tuple[type[StrEnum], ...] = (Expectation, Evidence, Action, Prediction, Observation, Verdict, ConditionStatus)


def test_table() -> None:
    """Each stage's row in the table has the enum's name and its words in the enum's order."""
    rows = re.findall(r"^\| what .*? \| `(\w+)` \| (.*?) \|", (OPERATOR / "README.md").read_text(), re.MULTILINE)
    table = {name: re.findall(r"`(\w+)`", words) for name, words in rows}
    assert table == {stage.__name__: [word.value for word in stage] for stage in STAGES}


def test_no_word_twice() -> None:
    """No word is used at two stages; `unknown` and `Unknown` are two spellings on purpose: what we hold, and what kubectl shows."""
    words = [word.value for stage in STAGES for word in stage]
    assert len(words) == len(set(words))


def test_no_package() -> None:
    """operator/ is no package: it would shadow the standard library's `operator`."""
    assert not (OPERATOR / "__init__.py").exists()
