"""Observation and prediction at the same time, or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from pathcheck.core.checks.align import Aligned, align
from pathcheck.model.findings import Seen
from pathcheck.model.firewall import Explanation, Firewall, Obstacle
from pathcheck.model.words import Direction, Expectation, Observation, Prediction, Reason
from tests.builders import check, seconds

SILENT, REACHED = Observation.SILENT, Observation.REACHED
BLOCKED, PERMITTED = Explanation(Prediction.BLOCKED), Explanation(Prediction.PERMITTED)
_ROUTE = Obstacle("route:missing:10.24.9.0/24", "route", Direction.INGRESS, "no way", Reason.NO_ROUTE_TO_POD_RANGE)
LOST = Explanation(Prediction.PERMITTED, obstacles=(_ROUTE,))
CHANGED_LATELY = Explanation(Prediction.UNDETERMINED, why="the firewall's rules changed less than a round ago")
READ_BEFORE = Explanation(Prediction.UNDETERMINED, why="the firewall was last read at 12:00:03 UTC, before this began")


def read(first: float, last: float) -> Firewall:
    return Firewall("p", "r", first_read=seconds(first), last_read=seconds(last))


def since(observation: Observation, moment: float) -> Seen:
    return Seen(observation, seconds(moment), seconds(moment))


@pytest.mark.parametrize(
    ("sentence", "explanation", "seen", "expectation", "firewall", "now", "expected"),
    [
        (
            "silence explained by a later reading",
            BLOCKED,
            since(SILENT, 5),
            "reachable",
            read(6, 7),
            8,
            Aligned(BLOCKED),
        ),
        (
            "silence that began after the last reading",
            PERMITTED,
            since(SILENT, 5),
            "reachable",
            read(0, 3),
            6,
            Aligned(READ_BEFORE, outdated=True),
        ),
        (
            "silence explained by a route that was lost just now, whatever rules permit",
            LOST,
            since(SILENT, 5),
            "reachable",
            read(6, 7),
            8,
            Aligned(LOST),
        ),
        (
            "an answer, though a route is lost",
            LOST,
            since(REACHED, 0),
            "reachable",
            read(6, 7),
            8,
            Aligned(LOST),
        ),
        ("an answer that agrees", PERMITTED, since(REACHED, 5), "reachable", read(0, 3), 6, Aligned(PERMITTED)),
        (
            "an answer, and rules that block since just now",
            BLOCKED,
            since(REACHED, 0),
            "reachable",
            read(5, 6),
            7,
            Aligned(CHANGED_LATELY, settling=True, ahead=BLOCKED),
        ),
        (
            "an answer, and rules that block since long ago",
            BLOCKED,
            since(REACHED, 0),
            "reachable",
            read(5, 60),
            60,
            Aligned(BLOCKED),
        ),
        (
            "an intruder that came after the last reading",
            BLOCKED,
            since(REACHED, 5),
            "isolated",
            read(0, 3),
            6,
            Aligned(READ_BEFORE, outdated=True),
        ),
        (
            "an answer since a fix that could not be read yet contradicts nothing",
            BLOCKED,
            since(REACHED, 5),
            "reachable",
            read(-60, 3),
            60,
            Aligned(READ_BEFORE, outdated=True),
        ),
        ("isolation that agrees", BLOCKED, since(SILENT, 5), "isolated", read(0, 3), 6, Aligned(BLOCKED)),
        ("nothing measured", BLOCKED, Seen(Observation.UNMEASURED), "reachable", read(0, 3), 6, Aligned(BLOCKED)),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_a_prediction_counts_only_for_what_it_was_made_for(
    sentence: str,
    explanation: Explanation,
    seen: Seen,
    expectation: str,
    firewall: Firewall,
    now: float,
    expected: object,
) -> None:
    """Whether the explanation may be used, and whether the firewall should be read again."""
    of = check(expectation=Expectation(expectation))
    assert align(explanation, seen, of, firewall, seconds(now)) == expected, sentence


def test_a_firewall_from_a_file_has_no_age() -> None:
    """Without reading times there is nothing to compare."""
    timeless = replace(read(0, 0), first_read=None, last_read=None)
    now: datetime = seconds(9)
    assert align(BLOCKED, since(SILENT, 5), check(), timeless, now) == Aligned(BLOCKED)
