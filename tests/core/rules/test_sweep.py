"""Intervals with bit sets: at every point exactly the rules whose intervals hold it, and the pieces cover the line."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.rules.sweep import Sweep, sweep

LINE = range(24)
intervals = st.lists(
    st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda ends: (min(ends), max(ends))), max_size=4
)


def test_without_intervals_the_same_holds_everywhere() -> None:
    """No cut, and one answer."""
    assert sweep([], everywhere=5) == Sweep(nowhere=5)
    assert [sweep([], everywhere=5).at(point) for point in (0, 7)] == [5, 5]


@given(st.lists(intervals, max_size=6))
def test_a_point_has_the_rules_whose_intervals_hold_it(rules: list[list[tuple[int, int]]]) -> None:
    """Overlapping and neighbouring intervals of one rule are one."""
    found = sweep(enumerate(rules))
    expected = [sum(1 << i for i, own in enumerate(rules) if any(a <= p <= b for a, b in own)) for p in LINE]
    assert [found.at(point) for point in LINE] == expected


@given(st.lists(intervals, max_size=6), st.integers(0, 23), st.integers(0, 23))
def test_pieces_cover_an_interval_and_neighbours_differ(rules: list[list[tuple[int, int]]], a: int, b: int) -> None:
    """In order, without gaps, and no cut where nothing changes."""
    first, last = min(a, b), max(a, b)
    found = sweep(enumerate(rules))
    pieces = list(found.pieces(first, last))
    assert [point for start, end, _ in pieces for point in range(start, end + 1)] == list(range(first, last + 1))
    assert all(found.at(point) == bits for start, end, bits in pieces for point in range(start, end + 1))
    assert all(left[2] != right[2] for left, right in pairwise(pieces))
