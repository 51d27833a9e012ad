"""Which few sets of bits make up exactly this one? The minimal exact covers, smallest first.

Sets are plain integers. All covers of one member are looked for before those of two, and so on, so that the smallest come first
whatever is left out at the end. The search is bounded; where it finds nothing within its bound, the widest set first (Johnson 1974)
finds some cover, which need not be the smallest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Cover = tuple[int, ...]


@dataclass(slots=True)
class Steps:
    """How many steps a search may still take; shared by searches that belong together."""

    left: int


@dataclass(frozen=True, slots=True)
class Covers:
    """`complete`: there are no others. `smallest`: none of the others is smaller."""

    found: tuple[Cover, ...]
    complete: bool = True
    smallest: bool = True


def covers(sets: Sequence[int], goal: int, most: int, steps: Steps) -> Covers:
    """Up to `most` covers of `goal` by these sets, in none of which a member can be left out; each in the order of `sets`.

    Sets with other bits than the goal's cannot be members. None where even all sets together do not make up the goal.
    """
    usable = [s for s in dict.fromkeys(sets) if s and not s & ~goal]
    together = 0
    for s in usable:
        together |= s
    if together != goal or not goal:
        return Covers(())
    order = {s: i for i, s in enumerate(usable)}
    found: dict[Cover, None] = {}
    for size in range(1, goal.bit_count() + 1):
        for members in _of_size(usable, goal, (), size, steps):
            if _minimal(members):
                found[tuple(sorted(members, key=order.__getitem__))] = None
            if len(found) >= most:
                return Covers(tuple(found), complete=False)
        if steps.left <= 0:
            return (
                Covers(tuple(found), complete=False) if found else Covers((_greedy(usable, goal, order),), False, False)
            )
    return Covers(tuple(found))


def _of_size(sets: Sequence[int], missing: int, chosen: Cover, size: int, steps: Steps) -> Iterator[Cover]:
    """Covers with up to `size` members more, by the lowest bit that is missing; the same one may come in several orders."""
    if not missing:
        yield chosen
        return
    if not size:
        return
    low = missing & -missing
    for s in sets:
        steps.left -= 1
        if steps.left <= 0:
            return
        if s & low:
            yield from _of_size(sets, missing & ~s, (*chosen, s), size - 1, steps)


def _minimal(members: Cover) -> bool:
    once = twice = 0
    for s in members:
        twice |= once & s
        once |= s
    return all(s & ~twice for s in members)


def _greedy(sets: Sequence[int], goal: int, order: dict[int, int]) -> Cover:
    missing, members = goal, []
    while missing:
        best = max(sets, key=lambda s: (s & missing).bit_count())
        members.append(best)
        missing &= ~best
    for s in members[:]:
        rest = 0
        for other in members:
            rest |= other if other != s else 0
        if rest == goal:
            members.remove(s)
    return tuple(sorted(members, key=order.__getitem__))
