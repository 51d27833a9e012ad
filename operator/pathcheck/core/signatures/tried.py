"""What is to be explained, in bits: what was tried, and which rules admit how much of it.

Bit n of a set of traffic is the n-th of what was tried, what crosses before what is silent; bit i of a set of rules is rule i of the
receiver's index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pathcheck.core.rules.index import LOWEST_PRIORITY
from pathcheck.core.signatures.catalogue import SOME_PORTS, catalogue
from pathcheck.core.signatures.suspects import Suspects, suspects
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4
from pathcheck.model.signature import Ends, Pattern
from pathcheck.model.words import Action, Direction

_ICMP, _ICMPV6 = 1, 58


@dataclass(frozen=True, slots=True)
class Tried:
    """`into` and `out` are the rules of the receiver's and the sender's side, `firewall` where they are from.

    `allows` are the rules of the receiver's side that may admit anything between these ends, `sure` those of them that are surely about
    the ends, `some_ports` those of which nobody knows the ports.
    """

    l4s: tuple[L4, ...]
    crossing: int
    silent: int
    firewall: Firewall
    into: Suspects
    out: Suspects | None
    allows: int
    sure: int
    some_ports: int

    def admitting(self, n: int) -> int:
        """The allow rules that admit the n-th; where their ports are not known, only as long as it crosses."""
        admits = self.into.index.traffic(self.l4s[n]).sure & self.allows
        return admits & ~self.some_ports if self.silent >> n & 1 else admits


def tried_between(ends: Ends, pattern: Pattern, known: Firewall | None) -> Tried:
    """The pattern in bits, with the last known rules, or, where none are known, those that everybody has."""
    tried = (*pattern.crossing, *pattern.silent)
    six = any(l4.protocol == _ICMPV6 for l4 in tried)
    version = next((e.address.version for e in (ends.sender, ends.receiver) if e is not None), 6 if six else 4)
    firewall = known or catalogue(ends.sender, version)
    into = suspects(Direction.INGRESS, ends.receiver, ends.sender, version, firewall)
    out = suspects(Direction.EGRESS, ends.sender, ends.receiver, version, firewall)
    assert into is not None  # only a sender may be outside
    index = into.index
    allows = index.doing[Action.ALLOW] & into.about.possible & ~index.unread
    # How an allow at the implied deny's own priority ties with it, nobody says.
    tie = index.tied.get(LOWEST_PRIORITY, 0)
    some_ports = sum(1 << i for i, rule in enumerate(index.rules) if rule in SOME_PORTS) if known is None else 0
    crossing = (1 << len(pattern.crossing)) - 1
    if version == 6:
        tried = tuple(L4(_ICMPV6) if l4.protocol == _ICMP else l4 for l4 in tried)
    silent = (1 << len(tried)) - 1 & ~crossing
    sure = allows & into.about.sure & ~tie
    return Tried(tried, crossing, silent, firewall, into, out, allows, sure, some_ports)


def places(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def union(sets: Iterable[int]) -> int:
    """All bits of these."""
    bits = 0
    for s in sets:
        bits |= s
    return bits
