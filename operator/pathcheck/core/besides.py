"""What else would a change of rules do? Every flow that it flips, but for those it is made for, between all addresses it is about.

Exact: `atlas` cuts addresses and ports wherever any rule tells them apart, and every piece is asked of before and of after. Longer than
200 lines because flips are worded by the very pieces in which they are found: a second room would be handed all of the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_network, summarize_address_range

from pathcheck.core.atlas import Tract, Traffic, address_of, locate, spoken, tracts, traffics, units_of
from pathcheck.core.near_misses import listed
from pathcheck.core.tabulate import Table, tabulate
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow, Range
from pathcheck.model.rules import L4Match, Rule
from pathcheck.model.words import Direction

_MOST_LINES = 8
_MOST_LEFT_OUT = 4
Set = frozenset[int]


@dataclass(frozen=True, slots=True)
class Besides:
    """Lines as `Fix` has them; `weight` is the number of address pairs times ports that are flipped."""

    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    beyond: int = 0
    weight: int = 0


@dataclass(slots=True)
class _Flips:
    """What one direction of one network's changed rules flips: for each pair of sets of tracts, the traffic, opened or closed."""

    sources: list[Tract]
    destinations: list[Tract]
    found: dict[tuple[bool, Set, Set], list[Traffic]]


def besides(
    changed: Sequence[Rule], made_for: Sequence[Flow], sources: Sequence[Range], before: Firewall, after: Firewall
) -> Besides:
    """`changed` are the rules that differ between `before` and `after`.

    `made_for` stands for all of the ranges that its addresses are in: those delivered to their machines, or those in `sources`.
    """
    found: list[_Line] = []
    for network in sorted({rule.network for rule in changed}):
        for direction in Direction:
            own = [r for r in changed if r.network == network and r.direction is direction]
            for version in (4, 6):
                if any(_speaks(rule, version) for rule in own):
                    found += _lines(_flips(network, version, own, made_for, sources, before, after))
    # Where both sides are changed, either may find the same flow.
    found.sort(key=lambda line: (-line.weight, line.starts[0].first, line.ends[0].first))
    shown = list(dict.fromkeys((line.opened, str(line)) for line in found[:_MOST_LINES]))
    return Besides(
        opens=tuple(text for opened, text in shown if opened),
        closes=tuple(text for opened, text in shown if not opened),
        beyond=max(len(found) - _MOST_LINES, 0),
        weight=sum(line.weight for line in found),
    )


def _speaks(rule: Rule, version: int) -> bool:
    return any(r.version == version for r in rule.remote_ranges) or rule.any_remote or not rule.remote_ranges


def _flips(
    network: str,
    version: int,
    changed: Sequence[Rule],
    made_for: Sequence[Flow],
    sources: Sequence[Range],
    before: Firewall,
    after: Firewall,
) -> _Flips:
    telling = [rule for firewall in (before, after) for rule in _rules(firewall) if _overlaps(rule, changed)]
    units = units_of(changed, version)
    outside = {end.address for flow in made_for for end in (flow.source, flow.destination) if end.instance is None}
    alone = [ip_network(a) for a in outside if not any(a in r for r in sources)]
    nearby = tracts(network, version, telling, [*units, *sources, *alone], before)
    inward = changed[0].direction is Direction.INGRESS
    local = [t for t in nearby if t.machine is not None and t.network == network and any(map(_aims_at(t), changed))]
    remote = [t for t in nearby if any(_hears(rule, t) for rule in changed)]
    starts, ends = (remote, local) if inward else (local, remote)
    if not starts or not ends:
        return _Flips(starts, ends, {})
    wished = [f for f in made_for if f.source.address.version == version]
    traffic = traffics(changed, telling, wished)
    l4s = [piece.l4 for piece in traffic]
    start_points, end_points = [t.endpoint for t in starts], [t.endpoint for t in ends]
    old, new = (tabulate(start_points, end_points, l4s, firewall) for firewall in (before, after))
    found: dict[tuple[bool, Set, Set], list[Traffic]] = defaultdict(list)
    pairs = _wished(wished, traffic, nearby)
    for k, piece in enumerate(traffic):
        by_sources: dict[tuple[bool, Set], set[int]] = defaultdict(set)
        for opened, froms, tos in _flipped(k, starts, ends, old, new):
            for j in tos:
                others = _others(starts, ends[j], froms, pairs[k])
                if others:
                    by_sources[opened, others].add(j)
        for (opened, froms), members in by_sources.items():
            found[opened, froms, frozenset(members)].append(piece)
    return _Flips(starts, ends, found)


def _rules(firewall: Firewall) -> Iterable[Rule]:
    yield from firewall.rules
    for policy in firewall.policies:
        yield from policy.rules


def _overlaps(rule: Rule, changed: Sequence[Rule]) -> bool:
    """Whether it can tell apart any packets that the changed rules are about, by protocol and port."""
    if not rule.in_force:
        return False
    theirs = [entry for other in changed for entry in other.l4]
    return not rule.l4 or any(_alike(mine, their) for mine in rule.l4 for their in theirs)


def _alike(one: L4Match, other: L4Match) -> bool:
    if None in (one.protocol, other.protocol) or one.protocol != other.protocol:
        return None in (one.protocol, other.protocol)
    if not one.ports or not other.ports:
        return True
    return any(p.first <= q.last and q.first <= p.last for p in one.ports for q in other.ports)


class _aims_at:  # noqa: N801 - it reads as what it says
    """Whether a rule may be for this tract's machine."""

    def __init__(self, tract: Tract) -> None:
        self.tract = tract

    def __call__(self, rule: Rule) -> bool:
        machine = self.tract.machine
        assert machine is not None  # asked of tracts with a machine only
        return (
            rule.any_target
            or bool(rule.target_tags & machine.tags or rule.target_service_accounts & machine.service_accounts)
            or bool(
                rule.target_secure_tags
                and (machine.secure_tags is None or rule.target_secure_tags & machine.secure_tags)
            )
        )


def _hears(rule: Rule, tract: Tract) -> bool:
    """Whether the rule may be about this remote tract: by range, or by some name that its machine may carry."""
    named = rule.remote_tags or rule.remote_service_accounts or rule.remote_secure_tags or rule.remote_unsure
    if rule.any_remote or (named and tract.machine is not None) or rule.remote_unsure:
        return True
    return any(tract.endpoint.address in r for r in rule.remote_ranges)


def _flipped(
    k: int, starts: Sequence[Tract], ends: Sequence[Tract], old: Table, new: Table
) -> Iterable[tuple[bool, Set, list[int]]]:
    """Whether opened, and the classes of sources and destinations between which it is so."""
    froms, tos = _joint(old.sources, new.sources), _joint(old.destinations, new.destinations)
    for (a, b), members in froms.items():
        row, changed = old.cells[k][a], new.cells[k][b]
        every = frozenset(members)
        for (c, d), others in tos.items():
            if row[c] != changed[d]:
                # The table's codes go from permitted to blocked.
                yield changed[d] < row[c], every, others
    for (i, j), was in old.apart[k].items():
        becomes = new.apart[k][i, j]
        if was != becomes and starts[i].machine is not ends[j].machine:
            yield becomes < was, frozenset({i}), [j]


def _joint(one: Sequence[int], other: Sequence[int]) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, key in enumerate(zip(one, other, strict=True)):
        found[key].append(place)
    return found


Owner = tuple[str, Range]


def _owner(tract: Tract) -> Owner:
    return (tract.machine.name if tract.machine else "", tract.range)


def _wished(
    flows: Sequence[Flow], traffic: Sequence[Traffic], nearby: Sequence[Tract]
) -> list[dict[Owner, set[Owner]]]:
    """For each piece of traffic, what is wished from whom by destination."""
    pairs: list[dict[Owner, set[Owner]]] = [defaultdict(set) for _ in traffic]
    for flow in flows:
        start, end = locate(flow.source.address, nearby), locate(flow.destination.address, nearby)
        if start is None or end is None:
            continue
        for k, piece in enumerate(traffic):
            if piece.holds(flow.l4):
                pairs[k][_owner(end)].add(_owner(start))
    return pairs


def _others(starts: Sequence[Tract], end: Tract, froms: Set, pairs: dict[Owner, set[Owner]]) -> Set:
    """Sources from which it is not wished. One on the very same machine is never asked about, and parts no line from another."""
    wished = pairs.get(_owner(end))
    others = frozenset(i for i in froms if _owner(starts[i]) not in wished) if wished else froms
    return (
        others
        if any(starts[i].machine is None or starts[i].machine is not end.machine for i in others)
        else frozenset()
    )


# In words


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a fix; hundreds may be found, and few are shown, so the words are made last."""

    opened: bool
    starts: tuple[Tract, ...]
    ends: tuple[Tract, ...]
    traffic: tuple[Traffic, ...]
    flips: _Flips

    @property
    def weight(self) -> int:
        """Address pairs times ports."""
        return sum(t.size for t in self.starts) * sum(t.size for t in self.ends) * sum(t.size for t in self.traffic)

    def __str__(self) -> str:
        start, end = _places(self.starts, self.flips.sources), _places(self.ends, self.flips.destinations)
        return f"{spoken(self.traffic)} from {start} to {end}"


def _lines(flips: _Flips) -> Iterable[_Line]:
    merged: dict[tuple[bool, Set, tuple[Traffic, ...]], set[int]] = defaultdict(set)
    for (opened, froms, tos), traffic in flips.found.items():
        merged[opened, tos, tuple(traffic)] |= froms
    for (opened, tos, traffic_), froms_ in merged.items():
        starts, ends = [flips.sources[i] for i in sorted(froms_)], [flips.destinations[j] for j in sorted(tos)]
        yield _Line(opened, _elsewhere(starts, ends), _elsewhere(ends, starts), traffic_, flips)


def _elsewhere(some: Sequence[Tract], others: Sequence[Tract]) -> tuple[Tract, ...]:
    """Without what is on the others' one machine, if they are on one."""
    machines = {t.machine.name if t.machine else "" for t in others}
    (only,) = machines if len(machines) == 1 else ("",)
    return tuple(t for t in some if t.machine is None or t.machine.name != only)


def _places(some: Sequence[Tract], every: Sequence[Tract]) -> str:
    """Machines by name where all that was asked of them is meant, else by range; how many there are where it is not one."""
    whole, own = _by_machine(every), _by_machine(some)
    names = [name for name, held in own.items() if name and len(held) == len(whole[name]) and len(held) > 1]
    labels = list(names)
    for name, held in own.items():
        if name not in names:
            labels += _ranges(name, held, whole[name])
    return f"{len(labels)} places: {listed(labels)}" if len(labels) > 6 else listed(labels)


def _by_machine(of: Iterable[Tract]) -> dict[str, list[Tract]]:
    found: dict[str, list[Tract]] = defaultdict(list)
    for tract in of:
        found[tract.machine.name if tract.machine else ""].append(tract)
    return found


def _ranges(name: str, held: Sequence[Tract], whole: Sequence[Tract]) -> Iterable[str]:
    if not name and len(whole) > 1 and any(t.range.prefixlen == 0 for t in held):
        missing = _merged([t for t in whole if t not in set(held)])
        if len(missing) < _MOST_LEFT_OUT:
            yield f"every address outside{' but ' if missing else ''}{' and '.join(map(str, missing))}"
            return
    for own in (True, False):
        for range_ in _merged([t for t in held if t.own is own]):
            text = str(range_.network_address) if range_.num_addresses == 1 else str(range_)
            yield f"{text} ({'' if own else 'pods of '}{name})" if name else text


def _merged(held: Sequence[Tract]) -> Sequence[Range]:
    """The ranges that these tracts, which are of one family, come to together."""
    found: list[Range] = []
    for tract in held:
        first, version = tract.endpoint.address, tract.endpoint.address.version
        found += summarize_address_range(first, address_of(tract.last, version))
    return list(collapse_addresses(found))  # type: ignore[type-var]
