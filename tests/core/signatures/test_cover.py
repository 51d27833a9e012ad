"""Exact covers by sets of bits, against all subsets."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.core.signatures.cover import Covers, Steps, covers

sets = st.lists(st.integers(1, 127), max_size=8)
PLENTY = 1_000_000


def together(members: tuple[int, ...]) -> int:
    bits = 0
    for member in members:
        bits |= member
    return bits


def all_minimal(given_sets: list[int], goal: int) -> list[set[int]]:
    """Every set of distinct members that makes up the goal, and of which none can be left out, by trying all."""
    distinct = sorted(set(given_sets))
    every = [set(c) for size in range(1, len(distinct) + 1) for c in combinations(distinct, size)]
    exact = [c for c in every if together(tuple(c)) == goal]
    return [c for c in exact if not any(other < c for other in exact)]


@given(sets, st.integers(1, 127))
def test_all_minimal_covers_are_found_smallest_first(given_sets: list[int], goal: int) -> None:
    """Exactly those that trying all subsets finds."""
    answer = covers(given_sets, goal, 1000, Steps(PLENTY))
    assert (answer.complete, answer.smallest) == (True, True)
    assert sorted(map(sorted, answer.found)) == sorted(map(sorted, all_minimal(given_sets, goal)))
    assert [len(found) for found in answer.found] == sorted(len(found) for found in answer.found)


@given(sets, st.integers(1, 127), st.integers(1, 40))
def test_what_is_found_in_few_steps_is_a_cover_all_the_same(given_sets: list[int], goal: int, steps: int) -> None:
    """Where the search is given up, it says so; what it then says is a minimal cover, and there is one if there is any."""
    answer, every = covers(given_sets, goal, 1000, Steps(steps)), all_minimal(given_sets, goal)
    assert all(set(found) in every for found in answer.found)
    assert bool(answer.found) == bool(every)
    if answer.smallest and every:
        assert len(answer.found[0]) == min(map(len, every))
    if answer.complete:
        assert len(answer.found) == len(every)


@pytest.mark.parametrize(
    ("given_sets", "goal", "expected"),
    [
        ([0b001, 0b010, 0b100, 0b011], 0b111, ((0b100, 0b011), (0b001, 0b010, 0b100))),
        # What has a bit beside the goal is no part of it.
        ([0b001, 0b110], 0b011, ()),
        ([], 0b1, ()),
        ([0b1], 0, ()),
    ],
)
def test_table(given_sets: list[int], goal: int, expected: tuple[tuple[int, ...], ...]) -> None:
    """Members stand in the order in which the sets are given."""
    assert covers(given_sets, goal, 10, Steps(PLENTY)) == Covers(expected)


def test_no_more_than_asked_for() -> None:
    """The rest is said to be left out."""
    answer = covers([0b01, 0b10, 0b11], 0b11, 1, Steps(PLENTY))
    assert answer == Covers(((0b11,),), complete=False)
