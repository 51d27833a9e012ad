"""Which endpoints are one class, since no rule tells them apart, and which flows does no class speak for?

A project has thousands of machines and a few dozen classes; whoever asks about very many flows asks once for each pair of classes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pathcheck.core.rules.index import Bits, index_of
from pathcheck.core.rules.places import Nowhere, Place, place_of, seen_from
from pathcheck.core.rules.predict import METADATA_SERVERS
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint
from pathcheck.model.words import Direction

Scope = tuple[str, str]
"""Network and region: where rules are asked."""

Pair = tuple[int, int]
"""A flow, by the places of its source and its destination in what was asked."""


@dataclass(frozen=True, slots=True)
class End:
    """What decides about one end: where its own rules are asked, which match there, and what the other ends' rules see of it."""

    scope: Scope | None
    own: tuple[Bits, Bits] | None
    seen: tuple[Bits, ...]
    version: int

    def meets(self, other: End) -> bool:
        """Whether any rule is asked between the two at all."""
        return (self.own is not None or other.own is not None) and self.version == other.version


@dataclass(frozen=True, slots=True)
class Classes:
    """Each source's and each destination's class, and the classes; `seen` of the ones is in the order of the others' scopes.

    `inside` are the flows within one machine, which meet no rule, and `apart` the other ones that are not as their classes are.
    """

    sources: tuple[int, ...]
    destinations: tuple[int, ...]
    starts: tuple[End, ...]
    ends: tuple[End, ...]
    out_scopes: tuple[Scope, ...]
    in_scopes: tuple[Scope, ...]
    inside: tuple[Pair, ...]
    apart: tuple[Pair, ...]


def classes_of(sources: Sequence[Endpoint], destinations: Sequence[Endpoint], firewall: Firewall) -> Classes:
    """The classes of all flows from these sources to these destinations."""
    senders = [place_of(end, firewall) for end in sources]
    receivers = [place_of(end, firewall) for end in destinations]
    out_scopes, in_scopes = _scopes(senders), _scopes(receivers)
    starts, start_classes = _sorted(sources, senders, Direction.EGRESS, in_scopes, firewall)
    ends, end_classes = _sorted(destinations, receivers, Direction.INGRESS, out_scopes, firewall)
    inside: list[Pair] = []
    apart: list[Pair] = []
    for i, j in _odd(sources, destinations, senders, receivers):
        (inside if _within_a_machine(sources[i], senders[i], receivers[j]) else apart).append((i, j))
    return Classes(starts, ends, start_classes, end_classes, out_scopes, in_scopes, tuple(inside), tuple(apart))


def _scopes(places: Sequence[Place | Nowhere | None]) -> tuple[Scope, ...]:
    return tuple(dict.fromkeys((p.interface.network, p.interface.region) for p in places if isinstance(p, Place)))


def _sorted(
    endpoints: Sequence[Endpoint],
    places: Sequence[Place | Nowhere | None],
    direction: Direction,
    others: Sequence[Scope],
    firewall: Firewall,
) -> tuple[tuple[int, ...], tuple[End, ...]]:
    """The class of each endpoint, and the classes. `direction` is that of its own rules, `others` are where the other ends' are asked."""
    opposite = Direction.INGRESS if direction is Direction.EGRESS else Direction.EGRESS
    far = [(network, index_of(firewall, network, region, opposite)) for network, region in others]
    numbers: dict[End, int] = {}
    found = []
    for endpoint, place in zip(endpoints, places, strict=True):
        scope, own = None, None
        if isinstance(place, Place):
            scope = place.interface.network, place.interface.region
            index = index_of(firewall, *scope, direction)
            own = index.target(place.instance), index.local(endpoint.address)
        seen = tuple(seen_from(endpoint.address, place, network, index, firewall) for network, index in far)
        found.append(numbers.setdefault(End(scope, own, seen, endpoint.address.version), len(numbers)))
    return tuple(found), tuple(numbers)


def _within_a_machine(source: Endpoint, sender: Place | Nowhere | None, receiver: Place | Nowhere | None) -> bool:
    """Packets that surely stay there, whatever they carry."""
    here = isinstance(sender, Place) and isinstance(receiver, Place) and sender.instance == receiver.instance
    return here and source.instance is not None


def _odd(
    sources: Sequence[Endpoint],
    destinations: Sequence[Endpoint],
    senders: Sequence[Place | Nowhere | None],
    receivers: Sequence[Place | Nowhere | None],
) -> Iterator[Pair]:
    """Flows that no class speaks for: within a machine, with the metadata server, from or to where the recording does not say."""
    lost = {j for j, place in enumerate(receivers) if isinstance(place, Nowhere)}
    lost |= {j for j, end in enumerate(destinations) if end.address in METADATA_SERVERS}
    on: dict[str, list[int]] = {}
    for j, end in enumerate(destinations):
        if end.instance is not None:
            on.setdefault(end.instance, []).append(j)
    for i, (start, place) in enumerate(zip(sources, senders, strict=True)):
        if isinstance(place, Nowhere) or start.address in METADATA_SERVERS:
            yield from ((i, j) for j in range(len(destinations)))
        else:
            yield from ((i, j) for j in {*lost, *on.get(start.instance or "", ())})


@dataclass(frozen=True, slots=True)
class Crowd:
    """One end of all flows: classes in groups, of which each is asked by its own rules as one.

    Of each scope of the other end, `looks` are the ways in which the rules there see this end. `members[group][scope]` says how many of
    a group look which way, and `met[scope][look]` which groups, and how many of each, look so.
    """

    groups: tuple[End, ...]
    group_of: tuple[int, ...]
    sizes: tuple[int, ...]
    looks: tuple[tuple[Bits, ...], ...]
    look_of: tuple[tuple[int, ...], ...]
    members: tuple[tuple[Mapping[int, int], ...], ...]
    met: tuple[Mapping[int, Sequence[tuple[int, int]]], ...]

    def cells(self, others: Crowd) -> int:
        """How often rules are asked for this end's groups about the other end's looks."""
        return len(self.groups) * max(map(len, others.looks), default=0)


def crowd_of(classes: Sequence[End], counts: Mapping[int, int], scopes: int) -> Crowd:
    """The crowd of these classes, of which there are so many each, for so many scopes of the other end."""
    groups: dict[object, End] = {}
    for end in classes:
        groups.setdefault(_asked(end), end)
    number = {key: group for group, key in enumerate(groups)}
    group_of = tuple(number[_asked(end)] for end in classes)
    looks = tuple(tuple(dict.fromkeys(end.seen[i] for end in classes)) for i in range(scopes))
    place = [{look: k for k, look in enumerate(some)} for some in looks]
    look_of = tuple(tuple(place[i][end.seen[i]] for i in range(scopes)) for end in classes)
    sizes = [0] * len(groups)
    members: list[tuple[Counter[int], ...]] = [tuple(Counter() for _ in range(scopes)) for _ in groups]
    for class_, group in enumerate(group_of):
        sizes[group] += counts[class_]
        for i, look in enumerate(look_of[class_]):
            members[group][i][look] += counts[class_]
    met: tuple[dict[int, list[tuple[int, int]]], ...] = tuple(defaultdict(list) for _ in range(scopes))
    for group, by_scope in enumerate(members):
        for i, some in enumerate(by_scope):
            for look, size in some.items():
                met[i][look].append((group, size))
    return Crowd(tuple(groups.values()), group_of, tuple(sizes), looks, look_of, tuple(members), met)


def _asked(end: End) -> object:
    return end.scope, end.own, end.version
