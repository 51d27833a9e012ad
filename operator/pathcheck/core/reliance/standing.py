"""Which rules could go, whatever anybody asks? Of each rule in force: would any packet be predicted otherwise without it?

    needed       some packet would
    redundant    it decides some, and without it each of them would come to the same
    shadowed     it decides none: what is asked ahead of it decides all that it matches
    unmet        it matches none: nobody in the recording has what it names as its other end
    unapplied    no machine of the recording is among its targets
    untold       it cannot be judged itself, or what it stands behind cannot; or it would take too long

Packets are all that there can be: of every machine of the recording, with every local address, between it and every other machine or
address of nobody's, of every protocol and port. Exact, not sampled (`cover`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pathcheck.core.reliance.ground import grounds
from pathcheck.core.reliance.missed import Cover, Covers, TooManyPiecesError
from pathcheck.model.firewall import Firewall
from pathcheck.model.rules import Rule

# Some ten microseconds each. Most rules meet a few dozen, all of 5,000 random ones some hundred thousand; those that meet few come first.
_MOST_AT_FIRST = 1_000
MOST_FOR_ONE = 50_000
MOST_FOR_ALL = 1_000_000
_TOO_MANY = "what is matched falls into too many pieces to look at each of them"


class Standing(StrEnum):
    """What is to be said of a rule, whatever anybody asks."""

    NEEDED = "needed"
    REDUNDANT = "redundant"
    SHADOWED = "shadowed"
    UNMET = "unmet"
    UNAPPLIED = "unapplied"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Stand:
    """One rule. `by` are the deciders that shadow it, or would decide in its stead, named as in `decided_by`; `why` it is untold."""

    rule: Rule
    standing: Standing
    by: tuple[str, ...] = ()
    why: str = ""


@dataclass(slots=True)
class _Seen:
    """One rule in all places where it is asked."""

    rule: Rule
    applies: bool = False
    untold: str = ""
    covers: list[Cover] = field(default_factory=list)


def standings(firewall: Firewall, one: int = MOST_FOR_ONE, every: int = MOST_FOR_ALL) -> tuple[Stand, ...]:
    """Of all rules in force, VPC rules first, each kind as the recording has them.

    For more than `one` pieces of one rule's packets, or `every` of all rules', what is left is untold.
    """
    rules = [r for r in (*firewall.rules, *(r for p in firewall.policies for r in p.rules)) if r.in_force]
    # What nobody knows (`policies`) is nothing that could be deleted.
    seen = {rule.id: _Seen(rule) for rule in rules if ":" in rule.id}
    questions: list[tuple[Covers, int, _Seen]] = []
    for ground in grounds(firewall):
        covers = Covers(ground, firewall)
        for place, rule in enumerate(ground.index.rules):
            found = seen.get(rule.id)
            if found is None or not covers.applies(place):
                continue
            found.applies = True
            why = covers.doubt(place)
            found.untold = found.untold or why
            if not why:
                questions.append((covers, place, found))
    left = every
    for most in (min(_MOST_AT_FIRST, one), one):
        again = []
        for covers, place, found in questions:
            try:
                cover = covers.of(place, min(most, left))
                found.covers.append(cover)
                left -= cover.looked
            except TooManyPiecesError:
                again.append((covers, place, found))
                left -= min(most, left)
        questions = again
    for _, _, found in questions:
        found.untold = found.untold or _TOO_MANY
    return tuple(_stand(found) for found in seen.values())


def _stand(seen: _Seen) -> Stand:
    covers, rule = seen.covers, seen.rule
    if any(cover.missed for cover in covers):
        return Stand(rule, Standing.NEEDED)
    doubts = [name for cover in covers for name in cover.doubts]
    if seen.untold or doubts:
        return Stand(rule, Standing.UNTOLD, why=seen.untold or f"{doubts[0]} cannot be judged")
    if not seen.applies:
        return Stand(rule, Standing.UNAPPLIED)
    for standing, by in (
        (Standing.REDUNDANT, [name for cover in covers for name in cover.instead]),
        (Standing.SHADOWED, [name for cover in covers for name in cover.ahead]),
    ):
        if by:
            return Stand(rule, standing, tuple(dict.fromkeys(by)))
    return Stand(rule, Standing.UNMET)
