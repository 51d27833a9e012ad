"""Which packets does a change of the firewall flip? Every flow that is predicted otherwise after it, between all addresses it is about.

Exact: `atlas` cuts addresses and ports wherever any rule tells them apart, and every piece is asked of before and of after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from pathcheck.core.fixes.atlas import Tract, Traffic, locate, tracts, traffics, units_of
from pathcheck.core.fixes.concerns import aims_at, hears, overlaps, speaks
from pathcheck.core.rules.tabulate import PREDICTIONS, Table, tabulate
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow, Range
from pathcheck.model.rules import Rule
from pathcheck.model.words import Direction, Prediction

Set = frozenset[int]
Turn = tuple[int, int]
"""A cell of the table before, and after."""


@dataclass(frozen=True, slots=True)
class Flip:
    """All of this traffic from any of the starts to any of the ends on another machine, and what is predicted of it.

    `sources` and `destinations` are all addresses that were asked about beside these.
    """

    was: Prediction
    becomes: Prediction
    starts: tuple[Tract, ...]
    ends: tuple[Tract, ...]
    traffic: tuple[Traffic, ...]
    sources: Sequence[Tract]
    destinations: Sequence[Tract]

    @property
    def opened(self) -> bool:
        """Whether it is nearer to being permitted."""
        return PREDICTIONS.index(self.becomes) < PREDICTIONS.index(self.was)

    @property
    def weight(self) -> int:
        """Address pairs times ports."""
        return sum(t.size for t in self.starts) * sum(t.size for t in self.ends) * sum(t.size for t in self.traffic)


def flips(
    changed: Sequence[Rule],
    before: Firewall,
    after: Firewall,
    *,
    made_for: Sequence[Flow] = (),
    sources: Sequence[Range] = (),
    ground: Firewall | None = None,
) -> list[Flip]:
    """The weightiest first. `changed` are the rules that come to something else in `after` than in `before`.

    What is `made_for` is left out: it stands for all of the ranges that its addresses are in, those delivered to their machines, or
    those in `sources`. `ground` has the machines whose addresses are asked about, those of `before` if it is not given.
    """
    found: list[Flip] = []
    for network in sorted({rule.network for rule in changed}):
        for direction in Direction:
            own = [r for r in changed if r.network == network and r.direction is direction]
            for version in (4, 6):
                if any(speaks(rule, version) for rule in own):
                    found += _flips(network, version, own, made_for, sources, before, after, ground or before)
    # Where both sides are changed, either may find the same flow.
    found.sort(key=lambda flip: (-flip.weight, flip.starts[0].first, flip.ends[0].first))
    return found


def _flips(
    network: str,
    version: int,
    changed: Sequence[Rule],
    made_for: Sequence[Flow],
    sources: Sequence[Range],
    before: Firewall,
    after: Firewall,
    ground: Firewall,
) -> Iterable[Flip]:
    telling = [rule for firewall in (before, after) for rule in _rules(firewall) if overlaps(rule, changed)]
    units = units_of(changed, version)
    outside = {end.address for flow in made_for for end in (flow.source, flow.destination) if end.instance is None}
    alone = [ip_network(a) for a in outside if not any(a in r for r in sources)]
    nearby = tracts(network, version, telling, [*units, *sources, *alone], ground)
    inward = changed[0].direction is Direction.INGRESS
    local = [
        t
        for t in nearby
        if t.machine is not None and t.network == network and any(aims_at(rule, t.machine) for rule in changed)
    ]
    remote = [t for t in nearby if any(hears(rule, t) for rule in changed)]
    starts, ends = (remote, local) if inward else (local, remote)
    if not starts or not ends:
        return
    wished = [f for f in made_for if f.source.address.version == version]
    traffic = traffics(changed, telling, wished)
    l4s = [piece.l4 for piece in traffic]
    start_points, end_points = [t.endpoint for t in starts], [t.endpoint for t in ends]
    old, new = (tabulate(start_points, end_points, l4s, firewall) for firewall in (before, after))
    found: dict[tuple[Turn, Set, Set], list[Traffic]] = defaultdict(list)
    pairs = _wished(wished, traffic, nearby)
    for k, piece in enumerate(traffic):
        by_sources: dict[tuple[Turn, Set], set[int]] = defaultdict(set)
        for turn, froms, tos in _flipped(k, starts, ends, old, new):
            for j in tos:
                others = _others(starts, ends[j], froms, pairs[k])
                if others:
                    by_sources[turn, others].add(j)
        for (turn, froms), members in by_sources.items():
            found[turn, froms, frozenset(members)].append(piece)
    yield from _merged(found, starts, ends)


def _merged(
    found: dict[tuple[Turn, Set, Set], list[Traffic]], starts: Sequence[Tract], ends: Sequence[Tract]
) -> Iterable[Flip]:
    merged: dict[tuple[Turn, Set, tuple[Traffic, ...]], set[int]] = defaultdict(set)
    for (turn, froms, tos), traffic in found.items():
        merged[turn, tos, tuple(traffic)] |= froms
    for (turn, tos, traffic_), froms_ in merged.items():
        some, others = [starts[i] for i in sorted(froms_)], [ends[j] for j in sorted(tos)]
        was, becomes = (PREDICTIONS[code] for code in turn)
        yield Flip(was, becomes, _elsewhere(some, others), _elsewhere(others, some), traffic_, starts, ends)


def _elsewhere(some: Sequence[Tract], others: Sequence[Tract]) -> tuple[Tract, ...]:
    """Without what is on the others' one machine, if they are on one."""
    machines = {t.machine.name if t.machine else "" for t in others}
    (only,) = machines if len(machines) == 1 else ("",)
    return tuple(t for t in some if t.machine is None or t.machine.name != only)


def _rules(firewall: Firewall) -> Iterable[Rule]:
    yield from firewall.rules
    for policy in firewall.policies:
        yield from policy.rules


def _flipped(
    k: int, starts: Sequence[Tract], ends: Sequence[Tract], old: Table, new: Table
) -> Iterable[tuple[Turn, Set, list[int]]]:
    """What turns into what, and the classes of sources and destinations between which it is so."""
    froms, tos = _joint(old.sources, new.sources), _joint(old.destinations, new.destinations)
    for (a, b), members in froms.items():
        row, changed = old.cells[k][a], new.cells[k][b]
        every = frozenset(members)
        for (c, d), others in tos.items():
            if row[c] != changed[d]:
                yield (row[c], changed[d]), every, others
    for (i, j), was in old.apart[k].items():
        becomes = new.apart[k][i, j]
        if was != becomes and starts[i].machine is not ends[j].machine:
            yield (was, becomes), frozenset({i}), [j]


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
