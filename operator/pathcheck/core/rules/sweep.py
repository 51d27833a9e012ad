"""Which rules hold at this point of a line? Intervals with bit sets, cut wherever the answer changes.

A point is an address or a port as an integer. Between two neighbouring cuts every point gives the same answer, which is what makes
proofs over ranges exact: one point of each piece stands for all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Interval = tuple[int, int]
"""First and last point, both inclusive."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """`bits[i]` holds from `cuts[i]` up to the point before `cuts[i + 1]`; before the first cut, `nowhere` does."""

    cuts: tuple[int, ...] = ()
    bits: tuple[int, ...] = ()
    nowhere: int = 0

    def at(self, point: int) -> int:
        """The bit set at this point."""
        index = bisect_right(self.cuts, point)
        return self.bits[index - 1] if index else self.nowhere

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """The pieces of this interval, in order, as (first, last, bits)."""
        index = bisect_right(self.cuts, first)
        while first <= last:
            end = min(last, self.cuts[index] - 1) if index < len(self.cuts) else last
            yield first, end, self.bits[index - 1] if index else self.nowhere
            first, index = end + 1, index + 1


def sweep(intervals: Iterable[tuple[int, Iterable[Interval]]], everywhere: int = 0) -> Sweep:
    """From (bit, intervals of one rule), and the rules that hold at every point. Intervals of one rule may overlap."""
    changes: dict[int, int] = {}
    for bit, own in intervals:
        mask = 1 << bit
        for first, last in _merged(own):
            changes[first] = changes.get(first, 0) ^ mask
            changes[last + 1] = changes.get(last + 1, 0) ^ mask
    current = everywhere
    cuts, bits = [], []
    for point in sorted(changes):
        if changes[point]:
            current ^= changes[point]
            cuts.append(point)
            bits.append(current)
    return Sweep(tuple(cuts), tuple(bits), everywhere)


def _merged(intervals: Iterable[Interval]) -> Iterable[Interval]:
    """The same points without overlaps, so that each bit is switched on and off in turn."""
    ordered = sorted(intervals)
    if len(ordered) < 2:
        return ordered
    merged = [ordered[0]]
    for first, last in ordered[1:]:
        if first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
