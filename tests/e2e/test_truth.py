"""The judge of the judge: what counts as a lie."""

from __future__ import annotations

import pytest

from e2e.truth import Fact, Truth
from e2e.watching import Change, Watch

NAME = ("kube-dns",)


def published(*states: tuple[float, str]) -> list[Change]:
    """What was shown from which second on."""
    return [
        Change(at, {"status": {"conditions": [{"type": "Upheld", "status": status}]}} if status else {})
        for at, status in states
    ]


@pytest.mark.parametrize(
    ("sentence", "facts", "states", "lies"),
    [
        ("green while all is whole", [], [(10, "True")], 0),
        ("red while all is whole", [], [(10, "True"), (20, "False"), (20.1, "True")], 1),
        ("unknown is no lie", [], [(10, "True"), (20, "Unknown")], 0),
        ("nothing said is no lie", [], [(10, "")], 0),
        ("an outage seen in time", [Fact(20, NAME, False)], [(10, "True"), (39, "False")], 0),
        ("an outage seen too late", [Fact(20, NAME, False)], [(10, "True"), (41, "False")], 1),
        ("an outage never seen", [Fact(20, NAME, False)], [(10, "True")], 1),
        (
            "green again in the middle of an outage",
            [Fact(20, NAME, False)],
            [(10, "True"), (25, "False"), (50, "True"), (51, "False")],
            1,
        ),
        (
            "a recovery seen in time",
            [Fact(20, NAME, False), Fact(60, NAME, True)],
            [(10, "True"), (25, "False"), (70, "True")],
            0,
        ),
        (
            "a recovery seen too late",
            [Fact(20, NAME, False), Fact(60, NAME, True)],
            [(10, "True"), (25, "False"), (90, "True")],
            1,
        ),
        (
            "a path that flaps is never lied about",
            [Fact(20, NAME, None), Fact(90, NAME, True)],
            [(10, "True"), (50, "False"), (95, "True")],
            0,
        ),
        ("another check's outage is no excuse", [Fact(20, ("web",), False)], [(10, "True"), (50, "False")], 1),
        ("what stood before the test began", [], [(1, "False"), (4, "True")], 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_a_lie(sentence: str, facts: list[Fact], states: list[tuple[float, str]], lies: int) -> None:
    """Each state that contradicts the truth, beyond the time that news need, is one."""
    watch = Watch({})
    watch.history["kube-dns"] = published(*states)
    assert len(Truth(watch, NAME, began=5, facts=facts).lies()) == lies, sentence
