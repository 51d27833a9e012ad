"""One rule as it applies in one place, whatever kind of rule it was, and its lines of nftables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from e2e.lab.cloud.interfaces import Interface, Network

_NUMBERS = {"icmp": 1, "ipip": 4, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "sctp": 132}
_PORT_FIELDS = {6: "tcp dport", 17: "udp dport", 132: "sctp dport"}
_ALL_PORTS = (0, 65535)
_INSTANCE_IS_AT = {"INGRESS": "oifname", "EGRESS": "iifname"}


@dataclass(frozen=True, slots=True)
class Clause:
    """What a rule says: who, from where, to where, by what, and then what.

    `targets` are of the place where the rule applies; `sources` and `destinations` None mean any address of either family,
    empty ones none at all. `protocols` are (protocol, ranges of ports as text), all ports where there are none.
    """

    name: str
    direction: str
    verdict: str
    targets: Sequence[Interface]
    sources: Sequence[Network] | None
    destinations: Sequence[Network] | None
    protocols: Sequence[tuple[str, Sequence[str]]]

    def lines(self, local: Sequence[Interface]) -> list[str]:
        """The lines of nftables for these interfaces of the place; none where it can match nothing."""
        if not self.targets:
            return []
        every = len(self.targets) == len(local)
        names = a_set(quoted(target.name) for target in self.targets)
        where = [] if every else [f"{_INSTANCE_IS_AT[self.direction]} {names}"]
        return [
            " ".join([*where, *addresses, *protocol, "counter", self.verdict, f'comment "{self.name}"'])
            for addresses in self._addresses()
            for protocol in _protocols(self.protocols)
        ]

    def _addresses(self) -> list[list[str]]:
        """The address part of the lines: one for each family in which it can match anything."""
        given = [("saddr", self.sources), ("daddr", self.destinations)]
        sides = [(key, side) for key, side in given if side is not None]
        if not sides:
            return [[]]
        lines = []
        for version, field in ((4, "ip"), (6, "ip6")):
            ranges = {key: _of(version, side) for key, side in sides}
            if not all(ranges.values()):
                continue
            nets = [
                f"{field} {key} {a_set(map(str, found))}" for key, found in ranges.items() if not _is_everything(found)
            ]
            lines.append(nets or [f"meta nfproto ipv{version}"])
        return lines


def quoted(name: str) -> str:
    """A name as nftables takes it."""
    return f'"{name}"'


def a_set(elements: Iterable[str]) -> str:
    """An anonymous set."""
    return f"{{ {', '.join(elements)} }}"


def _of(version: int, networks: Iterable[Network]) -> list[Network]:
    # nftables refuses sets whose intervals overlap.
    if version == 4:
        return list(collapse_addresses(net for net in networks if isinstance(net, IPv4Network)))
    return list(collapse_addresses(net for net in networks if isinstance(net, IPv6Network)))


def _is_everything(networks: Sequence[Network]) -> bool:
    return any(network.prefixlen == 0 for network in networks)


def _protocols(entries: Iterable[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """The protocol part of the lines: whole protocols in one, each protocol with ports in its own."""
    whole: set[int] = set()
    ports: dict[int, list[tuple[int, int]]] = {}
    for protocol, texts in entries:
        if protocol == "all":
            return [[]]
        number = _NUMBERS.get(protocol)
        number = int(protocol) if number is None else number
        intervals = [_interval(text) for text in texts]
        if not intervals or _ALL_PORTS in intervals:
            whole.add(number)
        else:
            ports.setdefault(number, []).extend(intervals)
    lines = [[f"meta l4proto {a_set(map(str, sorted(whole)))}"]] if whole else []
    for number in sorted(ports.keys() - whole):
        merged = (str(low) if low == high else f"{low}-{high}" for low, high in _merged(ports[number]))
        lines.append([f"{_PORT_FIELDS[number]} {a_set(merged)}"])
    return lines


def _interval(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
