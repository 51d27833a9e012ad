"""Which rules together admit, of what was tried, exactly what crosses? Allows alone, or allows less what a deny takes.

Of a deny that is asked before an allow the allow keeps what the deny does not take; one on the sender's side takes from every allow. Each
deny is tried alone, and all that are surely about the ends together: the hypothesis that nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pathcheck.core.rules.walk import rules_in
from pathcheck.core.signatures.catalogue import SOME_PORTS
from pathcheck.core.signatures.contrast import width
from pathcheck.core.signatures.cover import Steps, covers
from pathcheck.core.signatures.tried import Tried, places, union
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Cause
from pathcheck.model.words import Action

_MOST_COVERS = 32
_MOST_DENIES = 32
_STEPS = 50_000

Parts = Mapping[int, int]
"""Rules by what they admit of what was tried."""


@dataclass(frozen=True, slots=True)
class Found:
    """Causes of `explained`, which is as much as can be; the likeliest first. `complete` and `smallest` as in Signature."""

    explained: int
    causes: tuple[Cause, ...]
    complete: bool
    smallest: bool


def causes(tried: Tried, excluded: int) -> Found:
    """By rules that are not excluded; by those alone that are surely about the ends, where that is enough."""
    denies = _denies(tried)
    every = _hypotheses(tried, tried.allows & ~excluded, denies)
    goal = max((h.reach for h in every), key=int.bit_count)
    surely = _hypotheses(tried, tried.sure & ~excluded, [deny for deny in denies if deny.sure])
    found = _explain(tried, surely, goal)
    found = found if found.causes else _explain(tried, every, goal)
    return found if len(denies) <= _MOST_DENIES else replace(found, complete=False)


@dataclass(frozen=True, slots=True)
class Deny:
    """A deny rule and what of the tried it takes: of the allows behind it, or, on the sender's side (`place` -1), of all."""

    rule: Rule
    place: int
    takes: int
    sure: bool


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """That these denies are in force: `plain` are the allows that lose nothing silent to them, `less` those that do, by what is left.

    `reach` is what of what crosses they can admit, and nothing silent.
    """

    denies: tuple[Deny, ...]
    plain: Parts
    less: Parts
    sets: tuple[int, ...]
    reach: int


def _hypotheses(tried: Tried, allows: int, denies: Sequence[Deny]) -> list[Hypothesis]:
    """No deny, each deny alone, and all together that are surely about the ends."""
    parts = _parts(tried, allows)
    surely = tuple(deny for deny in denies if deny.sure)
    found = []
    for taken in ((), *((deny,) for deny in denies[:_MOST_DENIES]), *((surely,) if len(surely) > 1 else ())):
        plain, less = _less(parts, taken, tried)
        sets = tuple(m for m in sorted({*plain, *less}, key=lambda m: (-m.bit_count(), m)) if not m & tried.silent)
        found.append(Hypothesis(taken, plain, less, sets, union(sets)))
    return found


def _explain(tried: Tried, hypotheses: Sequence[Hypothesis], goal: int) -> Found:
    steps = Steps(_STEPS)
    found: dict[Cause, _Unlikely] = {}
    complete = smallest = True
    for hypothesis in hypotheses:
        if goal & ~hypothesis.reach:
            continue
        answer = covers(hypothesis.sets, goal, _MOST_COVERS, steps)
        complete, smallest = complete and answer.complete, smallest and answer.smallest
        for members in answer.found:
            # What needs no deny was found without one.
            rules = [hypothesis.less.get(m) or hypothesis.plain[m] for m in members]
            part = [deny for deny in hypothesis.denies if _takes_from(deny, rules, tried)]
            if part or not hypothesis.denies:
                cause, unlikely = _cause(rules, part, tried)
                found[cause] = unlikely
    return Found(goal, tuple(sorted(found, key=found.__getitem__)), complete, smallest)


def _parts(tried: Tried, rules: int) -> dict[int, int]:
    """These rules by what they admit; those that admit nothing of it left out."""
    parts = {0: rules}
    for n in range(len(tried.l4s)):
        admits = tried.admitting(n)
        split = [(m | 1 << n, bits & admits) for m, bits in parts.items()]
        split += [(m, bits & ~admits) for m, bits in parts.items()]
        parts = {m: bits for m, bits in split if bits}
    parts.pop(0, None)
    return parts


def _denies(tried: Tried) -> list[Deny]:
    """The denies that can be judged and take something silent, one for each place and effect; those surely about the ends first."""
    found: dict[tuple[int, int], Deny] = {}
    for side, outward in ((tried.into, False), (tried.out, True)):
        if side is None:
            continue
        index = side.index
        bits = index.doing[Action.DENY] & side.about.possible & ~index.unread
        bits &= union(index.traffic(tried.l4s[n]).sure for n in places(tried.silent))
        for place in places(bits):
            takes = sum(1 << n for n, l4 in enumerate(tried.l4s) if index.traffic(l4).sure >> place & 1)
            if outward:
                # What the sender's side allows before is not taken.
                before = index.doing[Action.ALLOW] & side.about.sure & (1 << place) - 1
                takes &= ~sum(1 << n for n, l4 in enumerate(tried.l4s) if index.traffic(l4).sure & before)
            if takes & tried.silent:
                own = Deny(index.rules[place], -1 if outward else place, takes, bool(side.about.sure >> place & 1))
                found.setdefault((own.place, takes), own)
    return sorted(found.values(), key=lambda deny: not deny.sure)


def _less(parts: Parts, denies: Sequence[Deny], tried: Tried) -> tuple[Parts, Parts]:
    """The rules by what is left of what they admit: those that lose nothing silent to these denies, and those that do."""
    left = {(m, False): bits for m, bits in parts.items()}
    for deny in denies:
        before = (1 << deny.place) - 1 if deny.place >= 0 else 0
        after: dict[tuple[int, bool], int] = {}
        for (m, lost), bits in left.items():
            for own, mask in ((bits & before, m), (bits & ~before, m & ~deny.takes)):
                if own and mask:
                    key = (mask, lost or bool(m & ~mask & tried.silent))
                    after[key] = after.get(key, 0) | own
        left = after
    return {m: b for (m, lost), b in left.items() if not lost}, {m: b for (m, lost), b in left.items() if lost}


def _takes_from(deny: Deny, members: Iterable[int], tried: Tried) -> bool:
    """Whether it takes anything silent from these rules; else it is no part of the cause."""
    behind = union(members) & (-1 << max(deny.place, 0))
    return any(tried.admitting(n) & behind for n in places(deny.takes & tried.silent))


_Unlikely = tuple[int, int, int, tuple[str, ...]]
"""How many rules, how many of them may not be about these ends, how much they admit."""


def _cause(members: Iterable[int], denies: Sequence[Deny], tried: Tried) -> tuple[Cause, _Unlikely]:
    """The cause of which each member is one of these rules."""
    allows, unsure, many = [], sum(not deny.sure for deny in denies), len(denies)
    for bits in members:
        unsure += not bits & tried.sure
        rules = sorted(rules_in(tried.into.index, bits & tried.sure or bits), key=lambda r: (width(r), r.spoken))
        told = [r for r in rules if r not in SOME_PORTS]
        # That a rule has just these ports is as much to assume as a rule for each.
        many += 1 if told else sum(bool(tried.admitting(n) & bits) for n in places(tried.crossing))
        allows.append(tuple(told or rules))
    allows.sort(key=lambda alike: alike[0].spoken)
    first = [alike[0] for alike in allows]
    taken = sorted((deny.rule for deny in denies), key=lambda rule: rule.spoken)
    unlikely = (many, unsure, sum(map(width, first)), tuple(r.spoken for r in (*first, *taken)))
    return Cause(tuple(allows), tuple(taken)), unlikely
