"""How is an edit found and said? What all kinds of edits share: pairs of what is one and the same, and lists that have more or less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pathcheck.model.drift import Edit
from pathcheck.model.rules import Rule

T = TypeVar("T")
Edited = tuple[Edit, tuple[Rule, ...]]
"""An edit with the rules that come to something else because of it."""


def paired(before: Iterable[T], after: Iterable[T], key: Callable[[T], object]) -> Iterator[tuple[T | None, T | None]]:
    """What is one and the same, in the order of `before`, then what is new."""
    had, has = _by(before, key), _by(after, key)
    yield from ((thing, has.get(k)) for k, thing in had.items())
    yield from ((None, thing) for k, thing in has.items() if k not in had)


def _by(things: Iterable[T], key: Callable[[T], object]) -> Mapping[object, T]:
    return {key(thing): thing for thing in things}


def more_or_less(field: str, had: Sequence[str], has: Sequence[str], empty: str = "any") -> Iterator[str]:
    """`empty` is what having none of them means."""
    lost, won = [x for x in had if x not in has], [x for x in has if x not in had]
    if lost and won:
        yield f"{field} {', '.join(sorted(lost))} → {', '.join(sorted(won))}"
    elif lost:
        yield f"{field} without {', '.join(sorted(lost))}" if has else f"{field} {', '.join(sorted(lost))} → {empty}"
    elif won:
        yield f"{field} with {', '.join(sorted(won))}" if had else f"{field} {empty} → {', '.join(sorted(won))}"
