"""What hangs on each rule between the machines themselves, whatever anybody asks about?

From and to each machine's own address and one of each range that is delivered to it, by one protocol and port of every kind that no rule
tells apart. So a rule on which no check hangs is still known to be used, and by how much.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pathcheck.core.reliance.tally import Load, TooManyCellsError, tally
from pathcheck.core.rules.index import index_of
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Endpoint
from pathcheck.model.words import Direction

# A second or two.
MOST_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Between:
    """The rules on which any of `flows` flows hangs, those with the most first; or `why` nobody counted."""

    loads: tuple[Load, ...] = ()
    flows: int = 0
    why: str = ""


def between(firewall: Firewall, most: int = MOST_CELLS) -> Between:
    """Of all machines of the recording; nobody counts where `tally` would take more than so many cells."""
    ends = [
        Endpoint(range_.network_address, instance=machine.name, nic=interface.name)
        for machine in firewall.instances
        for interface in machine.interfaces
        for range_ in (*interface.primary[:1], *interface.alias_ranges, *interface.routed_ranges)
    ]
    l4s = _traffic(firewall)
    try:
        loads = tally(ends, ends, l4s, firewall, most)
    except TooManyCellsError:
        return Between(why="rules part the machines and their traffic into too many kinds")
    within = sum(count * count for count in Counter(end.instance for end in ends).values())
    return Between(loads, (len(ends) ** 2 - within) * len(l4s))


def _traffic(firewall: Firewall) -> list[L4]:
    """One of every kind that some rule in force tells apart; ports before what has none."""
    scopes = dict.fromkeys((i.network, i.region) for machine in firewall.instances for i in machine.interfaces)
    indexes = [index_of(firewall, *scope, direction) for scope in scopes for direction in Direction]
    protocols = sorted({p for index in indexes for p in index.protocols})
    kinds: dict[tuple[int, ...], L4] = {}
    for protocol in protocols:
        cuts = {first for index in indexes for first, _, _ in index.ports(protocol).pieces(0, 65535)}
        for port in sorted(cuts) if protocol in WITH_PORTS else (None,):
            l4 = L4(protocol, port)
            kinds.setdefault(tuple(index.traffic(l4).sure & index.in_force for index in indexes), l4)
    return list(kinds.values())
