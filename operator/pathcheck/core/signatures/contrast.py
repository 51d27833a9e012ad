"""Which further port would tell explanations apart? One that one of them admits and another does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations, islice

from pathcheck.model.flows import L4, WITH_PORTS
from pathcheck.model.rules import L4Match, Rule
from pathcheck.model.signature import Cause, Pattern

_MOST_COMPARED = 16
_MOST_PORTS = 3
_TRIED_BY_ANYBODY = frozenset({1, 6, 17, 58})

Guess = tuple[tuple[Rule, ...], tuple[Rule, ...]]
"""Allows and denies."""


def telling(causes: Sequence[Cause], pattern: Pattern, some_ports: Collection[Rule]) -> tuple[tuple[L4, ...], bool]:
    """Up to three protocols with ports, not tried yet, that together tell apart as many of these causes as can be; whether all.

    None where there is but one cause, or where they admit the same. Of rules in `some_ports` nobody knows what else they admit: they tell
    nothing.
    """
    guesses = list(islice(_guesses(causes), _MOST_COMPARED))
    tried = {*pattern.crossing, *pattern.silent, *pattern.mixed}
    ports = sorted({l4 for guess in guesses for rule in guess[0] for l4 in _examples(rule)} - tried, key=_easiest)
    pairs = list(combinations(guesses, 2))
    left = [pair for pair in pairs if not _open(pair, some_ports)]
    found: list[L4] = []
    while left and ports and len(found) < _MOST_PORTS:
        best = max(ports, key=lambda l4: sum(_admits(a, l4) != _admits(b, l4) for a, b in left))
        alike = [(a, b) for a, b in left if _admits(a, best) == _admits(b, best)]
        if len(alike) == len(left):
            break
        found.append(best)
        left = alike
    return tuple(found), not left and not any(_open(pair, some_ports) for pair in pairs)


def _easiest(l4: L4) -> tuple[bool, L4]:
    """What anybody can try first: ping and nc."""
    return l4.protocol not in _TRIED_BY_ANYBODY, l4


def _guesses(causes: Sequence[Cause]) -> Iterator[Guess]:
    """Each cause by its likeliest rules, and with each rule that would do in another's place."""
    for cause in causes:
        first = tuple(alike[0] for alike in cause.allows)
        yield first, cause.denies
        for n, alike in enumerate(cause.allows):
            for other in alike[1:]:
                yield (*first[:n], other, *first[n + 1 :]), cause.denies


def _open(pair: tuple[Guess, Guess], some_ports: Collection[Rule]) -> bool:
    return any(rule in some_ports for allows, _ in pair for rule in allows)


def _examples(rule: Rule) -> Iterator[L4]:
    for match in rule.l4:
        if match.protocol in WITH_PORTS:
            # Port 0 cannot be dialled; of all ports take one that no narrower rule is likely to have.
            firsts = [ports.first for ports in match.ports if ports.first]
            yield from (L4(match.protocol, port) for port in (*firsts, 61000))
        elif match.protocol is not None:
            yield L4(match.protocol)


def _admits(guess: Guess, l4: L4) -> bool:
    allows, denies = guess
    return any(holds(rule, l4) for rule in allows) and not any(holds(rule, l4) for rule in denies)


def holds(rule: Rule, l4: L4) -> bool:
    """Whether the rule is about this protocol and port."""
    return any(_matches(match, l4) for match in rule.l4)


def _matches(match: L4Match, l4: L4) -> bool:
    if match.protocol not in (None, l4.protocol):
        return False
    return not match.ports or l4.port is None or any(l4.port in ports for ports in match.ports)


def width(rule: Rule) -> int:
    """How much the rule admits: ports of protocols, those of a protocol without ports as all of them."""
    return sum(
        (256 if match.protocol is None else 1)
        * (sum(ports.last - ports.first + 1 for ports in match.ports) if match.ports else 65536)
        for match in rule.l4
    )
