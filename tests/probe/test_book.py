"""What is known, and what the status says of it."""

from __future__ import annotations

import pytest

from pathcheck.model.words import Observation
from pathcheck.probe import words
from pathcheck.probe.book import Book
from pathcheck.probe.words import BY_WEIGHT, REACHED, SILENT, UNMEASURED, moment
from pathcheck.wire.path_probes import report_of
from tests.builders import NOON

T = NOON.timestamp()


def test_since_is_the_first_round_of_an_observation_and_at_the_latest() -> None:
    """Only another observation, or a first one, is news."""
    book = Book()
    news = [
        book.record("echo udp/53 10.24.9.31", began, T + began, outcome)
        for began, outcome in [
            (0, (REACHED, "", 310)),
            (5, (REACHED, "", 290)),
            (10, (SILENT, "", None)),
            (15, (SILENT, "", None)),
        ]
    ]
    assert news == [True, False, True, False]
    assert book.status("uid", "10.24.12.41", T + 16, {})["results"] == [
        {
            "id": "echo udp/53 10.24.9.31",
            "observation": "silent",
            "since": "2026-01-26T12:00:10.000000Z",
            "at": "2026-01-26T12:00:15.000000Z",
            "detail": "",
        }
    ]


def test_a_round_that_began_earlier_does_not_undo_a_later_one() -> None:
    """A silent round ends late; a proof that was asked for in between has said more by then."""
    book = Book()
    book.record("self", 2, T + 2, (REACHED, "", 100))
    assert book.record("self", 1, T + 1, (SILENT, "", None)) is False
    assert book.status("uid", "10.24.12.41", T, {})["results"][0]["observation"] == "reached"


def test_a_clock_that_is_set_back_does_not_stop_the_news() -> None:
    """Rounds are put in order by a clock that never goes back."""
    book = Book()
    book.record("self", 1, T, (REACHED, "", 100))
    assert book.record("self", 2, T - 3600, (SILENT, "", None)) is True


def test_what_is_no_longer_assigned_is_forgotten() -> None:
    """The status does not grow with what was asked once."""
    book = Book()
    for id_ in ("self", "self udp/53"):
        book.record(id_, 1, T, (REACHED, "", 100))
    book.keep(["self"])
    assert [r["id"] for r in book.status("uid", "10.24.12.41", T, {})["results"]] == ["self"]
    assert book.knows(["self"])
    assert not book.knows(["self", "self udp/53"])


def test_a_status_is_what_the_operator_reads() -> None:
    """The two spellings of the report, here and in wire, are one; too long a detail is cut to what the schema takes."""
    book = Book()
    book.record("self", 1, T + 0.25, (REACHED, "", 100))
    book.record("self udp/53", 1, T, (UNMEASURED, "why " * 100, None))
    said = book.status("uid", "10.24.12.41", T + 9, {"udp/53": "EADDRINUSE: address already in use", "tcp/53": ""})
    read = report_of("node-2", said)
    assert read is not None
    assert [(r.id, r.observation, r.since.timestamp() - T, len(r.detail)) for r in read.results] == [
        ("self", Observation.REACHED, 0.25, 0),
        ("self udp/53", Observation.UNMEASURED, 0, 256),
    ]
    assert [(str(s.l4), s.bound, s.detail) for s in read.listeners] == [
        ("tcp/53", True, ""),
        ("udp/53", False, "EADDRINUSE: address already in use"),
    ]


def test_the_words_are_the_models() -> None:
    """The probe imports nothing of the model, so that a test must hold the two together."""
    assert {getattr(words, o.name) for o in Observation} == {o.value for o in Observation} == set(BY_WEIGHT)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (T + 0.000001, "2026-01-26T12:00:00.000001Z"),
        (T + 0.9999999, "2026-01-26T12:00:01.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
    ],
)
def test_moments(seconds: float, text: str) -> None:
    """All moments have one shape, to the microsecond."""
    assert moment(seconds) == text
