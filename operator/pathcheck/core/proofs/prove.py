"""What would the firewall do with all of it: every address of these ranges, every port? A proof, or the ranges where it fails.

The cases (core/proofs/cases) are exact and many; here those that come to the same are put together into few boxes of ranges and ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import summarize_address_range

from pathcheck.core.proofs.alike import Piece, address_of
from pathcheck.core.proofs.cases import WORST_FIRST, cases
from pathcheck.core.rules.ports import collected
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import Flow, Range
from pathcheck.model.proofs import Part, Proof, Span
from pathcheck.model.rules import ALL_PORTS, L4Match, PortRange


def prove(
    sources: Sequence[Span], destinations: Sequence[Span], traffic: Sequence[L4Match], firewall: Firewall
) -> Proof:
    """The proof that everything comes to what its parts say. Total: what cannot be told is a part that is undetermined.

    `traffic` names each protocol by its number; a match without ports is all of them.
    """
    boxes: list[_Box] = []
    pairs: dict[tuple[int, int], int] = {}
    for case in cases(sources, destinations, traffic, firewall):
        pair = id(case.senders), id(case.receivers)
        pairs[pair] = case.pairs
        for p in case.pieces:
            e = p.explanation
            meaning = (e.prediction, e.decided_by, e.egress, e.ingress)
            at = (
                frozenset(case.senders.pieces(p.source, case.receivers)),
                frozenset(case.receivers.pieces(p.destination, case.senders)),
            )
            l4 = frozenset((p.traffic.protocol or 0, ports) for ports in p.traffic.ports or (ALL_PORTS,))
            boxes.append(_Box(meaning, *at, l4, frozenset({pair}), e, p.example))
    parts = [_part(box, sum(pairs[pair] for pair in box.pairs)) for box in _merged(boxes)]
    parts.sort(key=lambda part: (WORST_FIRST.index(part.explanation.prediction), -part.pairs))
    return Proof(tuple(parts), sum(pairs.values()))


@dataclass(frozen=True, slots=True)
class _Box:
    meaning: tuple[object, ...]
    sources: frozenset[Piece]
    destinations: frozenset[Piece]
    traffic: frozenset[tuple[int, PortRange]]
    pairs: frozenset[tuple[int, int]]
    explanation: Explanation
    example: Flow


_ALL_BUT_ONE: tuple[Callable[[_Box], object], ...] = (
    lambda box: (box.sources, box.destinations),
    lambda box: (box.destinations, box.traffic),
    lambda box: (box.sources, box.traffic),
)


def _merged(boxes: list[_Box]) -> list[_Box]:
    """Boxes that differ in one dimension only become one, until none do: few and large, though not provably the fewest."""
    before = -1
    while len(boxes) != before:
        before = len(boxes)
        for same in _ALL_BUT_ONE:
            groups: dict[object, list[_Box]] = {}
            for box in boxes:
                groups.setdefault((box.meaning, same(box)), []).append(box)
            boxes = [_union(group) for group in groups.values()]
    return boxes


def _union(group: list[_Box]) -> _Box:
    if len(group) == 1:
        return group[0]
    return _Box(
        group[0].meaning,
        frozenset().union(*(b.sources for b in group)),
        frozenset().union(*(b.destinations for b in group)),
        frozenset().union(*(b.traffic for b in group)),
        frozenset().union(*(b.pairs for b in group)),
        group[0].explanation,
        group[0].example,
    )


def _part(box: _Box, pairs: int) -> Part:
    return Part(
        _ranges(box.sources), _ranges(box.destinations), collected(box.traffic), box.explanation, box.example, pairs
    )


def _ranges(pieces: Iterable[Piece]) -> tuple[Range, ...]:
    """As few CIDRs as say the same. Neighbouring ranges of two machines stay apart: people know them so."""
    ranges: list[Range] = []
    for version, first, last in pieces:
        ranges.extend(summarize_address_range(address_of(version, first), address_of(version, last)))
    return tuple(sorted(ranges, key=lambda r: (r.version, r)))
