"""What is meant by `--from` and `--to` of a proof, and by its traffic: text in, ranges at machines and ports out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network, summarize_address_range

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.predict import protocol_of
from pathcheck.core.rules.ports import SIX_PROTOCOLS
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import WITH_PORTS, Range
from pathcheck.model.machines import Instance
from pathcheck.model.proofs import Span
from pathcheck.model.rules import L4Match, PortRange


def spans_of(option: str, text: str, firewall: Firewall) -> tuple[Span, ...]:
    """`tag:NAME`, `instance:NAME`, CIDR@INSTANCE or CIDR, which is then parted by the machines to which it is delivered.

    Raises BadInput.
    """
    kind, colon, name = text.partition(":")
    if kind == "tag" and colon:
        machines = [m for m in firewall.instances if name in m.tags]
        if not machines:
            known = ", ".join(sorted({tag for m in firewall.instances for tag in m.tags})[:5]) or "none"
            raise BadInput(f"{option}: no machine of the recording has the tag {name!r}; their tags are {known}")
        return _pods(option, text, machines)
    if kind == "instance" and colon:
        return _pods(option, text, _named(option, name, firewall))
    range_text, at, name = text.partition("@")
    try:
        range_ = ip_network(range_text)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None
    if at:
        return (Span((range_,), instance=_named(option, name, firewall)[0].name),)
    return tuple(_parted(option, range_, firewall))


def traffic_of(words: Sequence[str]) -> tuple[L4Match, ...]:
    """`any`, `udp`, `udp/53`, `tcp/1-1024`, `esp`, or a protocol's number.

    Raises BadInput.
    """
    found: list[L4Match] = []
    for word in words:
        name, slash, ports = word.partition("/")
        if name.lower() == "any" and not slash:
            found += [L4Match(protocol) for protocol in SIX_PROTOCOLS]
            continue
        try:
            protocol = protocol_of(name)
        except ValueError as error:
            raise BadInput(f"PROTOCOL[/PORTS]: {error}; any stands for tcp, udp, icmp, esp, ah and sctp") from None
        if slash and protocol not in WITH_PORTS:
            raise BadInput(f"PROTOCOL[/PORTS]: {name} has no ports")
        found.append(L4Match(protocol, (_ports(ports),) if slash else ()))
    return tuple(dict.fromkeys(found))


def _ports(text: str) -> PortRange:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(n.isascii() and n.isdigit() and len(n) <= 5 and int(n) <= 65535 for n in numbers):
        raise BadInput(f"PROTOCOL[/PORTS]: ports {text!r} are not within 0-65535")
    if int(numbers[0]) > int(numbers[1]):
        raise BadInput(f"PROTOCOL[/PORTS]: ports {text!r} end before they begin")
    return PortRange(int(numbers[0]), int(numbers[1]))


def _named(option: str, name: str, firewall: Firewall) -> Sequence[Instance]:
    machines = firewall.machines(name)
    if not machines:
        known = ", ".join(sorted({m.name for m in firewall.instances})[:5]) or "none"
        raise BadInput(f"{option}: the recording has no instance {name!r}; it has {known}")
    return machines


def _pods(option: str, text: str, machines: Iterable[Instance]) -> tuple[Span, ...]:
    """What is delivered to them beside their own addresses: alias ranges, and static routes."""
    spans = []
    for machine in machines:
        ranges = tuple(r for i in machine.interfaces for r in (*i.alias_ranges, *i.routed_ranges))
        if ranges:
            spans.append(Span(ranges, instance=machine.name))
    if not spans:
        raise BadInput(f"{option}: the recording shows no pod range at {text}; for other addresses write CIDR@INSTANCE")
    return tuple(spans)


def _parted(option: str, range_: Range, firewall: Firewall) -> Iterable[Span]:
    """A span a machine, by the most specific range that is delivered to one, and one for what is delivered to none."""
    delivered = sorted(
        {
            (r.prefixlen, int(r.network_address), int(r.broadcast_address), machine.name)
            for machine in firewall.instances
            for i in machine.interfaces
            for r in (*i.primary, *i.alias_ranges, *i.routed_ranges)
            if r.version == range_.version and r.overlaps(range_)
        }
    )
    start, end = int(range_.network_address), int(range_.broadcast_address)
    cuts = sorted({start, *(c for _, first, last, _ in delivered for c in (first, last + 1) if start < c <= end)})
    lengths, owners = [-1] * len(cuts), [frozenset[str]()] * len(cuts)
    # Wider ranges first, so that narrower ones are written over them.
    for length, first, last, name in delivered:
        for i in range(max(bisect_right(cuts, first) - 1, 0), bisect_right(cuts, last)):
            if cuts[i] >= first:
                owners[i] = owners[i] | {name} if lengths[i] == length else frozenset({name})
                lengths[i] = length
    ranges: dict[str, list[Range]] = {}
    address = IPv4Address if range_.version == 4 else IPv6Address
    for i, first in enumerate(cuts):
        last = cuts[i + 1] - 1 if i + 1 < len(cuts) else end
        if len(owners[i]) > 1:
            names = sorted(owners[i])
            raise BadInput(f"{option}: {address(first)} is delivered to {' and '.join(names)}; write CIDR@INSTANCE")
        owner = next(iter(owners[i]), "")
        ranges.setdefault(owner, []).extend(summarize_address_range(address(first), address(last)))
    return [Span(tuple(found), instance=owner or None) for owner, found in ranges.items()]
