"""How are protocols with their ports put together, and how are they said?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pathcheck.model.rules import ALL_PORTS, L4Match, PortRange

# GKE's own rule for a cluster's pod range admits these and nothing else.
SIX_PROTOCOLS = (6, 17, 1, 50, 51, 132)


def joined(ports: Iterable[PortRange]) -> Iterator[PortRange]:
    """Neighbouring and overlapping runs of ports as one, in order."""
    first, last = -1, -2
    for p in sorted(ports, key=lambda p: p.first):
        if p.first <= last + 1:
            last = max(last, p.last)
            continue
        if last >= first:
            yield PortRange(first, last)
        first, last = p.first, p.last
    if last >= first:
        yield PortRange(first, last)


def collected(traffic: Iterable[tuple[int, PortRange]]) -> tuple[L4Match, ...]:
    """Each protocol once, those of GKE's rule first."""
    by_protocol: dict[int, list[PortRange]] = {}
    for protocol, ports in traffic:
        by_protocol.setdefault(protocol, []).append(ports)
    order = {number: i for i, number in enumerate(SIX_PROTOCOLS)}
    found = []
    for protocol in sorted(by_protocol, key=lambda p: (order.get(p, len(order)), p)):
        runs = tuple(joined(by_protocol[protocol]))
        found.append(L4Match(protocol, () if runs == (ALL_PORTS,) else runs))
    return tuple(found)


def merged(traffic: Iterable[L4Match]) -> tuple[L4Match, ...]:
    """The same traffic, each protocol once, with as few runs of ports as say it."""
    return collected((m.protocol or 0, ports) for m in traffic for ports in m.ports or (ALL_PORTS,))


def spoken(traffic: Iterable[L4Match]) -> str:
    """`tcp (not 22, 80), udp, esp`: by what is missing where that is shorter."""
    return ", ".join(_spoken(match) for match in traffic)


def _spoken(match: L4Match) -> str:
    if not match.ports:
        return str(match)
    missing, next_port = [], 0
    for ports in match.ports:
        if ports.first > next_port:
            missing.append(PortRange(next_port, ports.first - 1))
        next_port = ports.last + 1
    if next_port <= 65535:
        missing.append(PortRange(next_port, 65535))
    if len(missing) >= len(match.ports):
        return str(match)
    return f"{L4Match(match.protocol)} (not {', '.join(map(str, missing))})"
