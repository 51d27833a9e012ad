"""What else would a change of rules do? Every flow that it flips, but for those it is made for, in a few lines of words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import collapse_addresses, summarize_address_range

from pathcheck.core.fixes.atlas import Tract, address_of, spoken
from pathcheck.core.fixes.flips import Flip, flips
from pathcheck.core.rules.near_misses import listed
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow, Range
from pathcheck.model.rules import Rule

_MOST_LINES = 8
_MOST_LEFT_OUT = 4


@dataclass(frozen=True, slots=True)
class Besides:
    """Lines as `Fix` has them; `weight` is the number of address pairs times ports that are flipped."""

    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    beyond: int = 0
    weight: int = 0


def besides(
    changed: Sequence[Rule], made_for: Sequence[Flow], sources: Sequence[Range], before: Firewall, after: Firewall
) -> Besides:
    """`changed`, `made_for` and `sources` as in `flips`."""
    found = flips(changed, before, after, made_for=made_for, sources=sources)
    # Hundreds may be found, and few are shown, so the words are made last.
    shown = list(dict.fromkeys((flip.opened, _line(flip)) for flip in found[:_MOST_LINES]))
    return Besides(
        opens=tuple(text for opened, text in shown if opened),
        closes=tuple(text for opened, text in shown if not opened),
        beyond=max(len(found) - _MOST_LINES, 0),
        weight=sum(flip.weight for flip in found),
    )


def _line(flip: Flip) -> str:
    start, end = _places(flip.starts, flip.sources), _places(flip.ends, flip.destinations)
    return f"{spoken(flip.traffic)} from {start} to {end}"


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
        missing = merged([t for t in whole if t not in set(held)])
        if len(missing) < _MOST_LEFT_OUT:
            yield f"every address outside{' but ' if missing else ''}{' and '.join(map(str, missing))}"
            return
    for own in (True, False):
        for range_ in merged([t for t in held if t.own is own]):
            text = str(range_.network_address) if range_.num_addresses == 1 else str(range_)
            yield f"{text} ({'' if own else 'pods of '}{name})" if name else text


def merged(held: Sequence[Tract]) -> Sequence[Range]:
    """The ranges that these tracts, which are of one family, come to together."""
    found: list[Range] = []
    for tract in held:
        first, version = tract.endpoint.address, tract.endpoint.address.version
        found += summarize_address_range(first, address_of(tract.last, version))
    return list(collapse_addresses(found))  # type: ignore[type-var]
