"""How is a flip said? `10.24.0.0/14 → tcp (not 22, 80), udp on machines tagged gke-node: no longer permitted`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathcheck.core.fixes.atlas import Tract, Traffic, spoken
from pathcheck.core.fixes.besides import merged
from pathcheck.core.fixes.flips import Flip
from pathcheck.core.rules import ports
from pathcheck.core.rules.near_misses import listed
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range
from pathcheck.model.rules import L4Match, Rule
from pathcheck.model.words import Prediction

_FEW = 6
_BECOMES = {
    (Prediction.PERMITTED, Prediction.BLOCKED): "no longer permitted",
    (Prediction.BLOCKED, Prediction.PERMITTED): "now permitted",
    (Prediction.PERMITTED, Prediction.UNDETERMINED): "permitted before, now undetermined",
    (Prediction.BLOCKED, Prediction.UNDETERMINED): "blocked before, now undetermined",
}


def told(flip: Flip, rules: Iterable[Rule], ground: Firewall) -> str:
    """One line. `rules` are those that changed: what they are for is called as they call it."""
    tags = [tag for rule in rules for tag in sorted(rule.target_tags)]
    starts = _said(flip.starts, flip.sources, tags, ground)
    ends = _said(flip.ends, flip.destinations, tags, ground)
    becomes = _BECOMES.get((flip.was, flip.becomes), f"{flip.was} before, now {flip.becomes}")
    return f"{starts} → {_traffic(flip.traffic)} on {ends}: {becomes}"


def _traffic(traffic: Sequence[Traffic]) -> str:
    if any(piece.but for piece in traffic):
        return spoken(traffic)
    matches = (L4Match(piece.l4.protocol, (piece.ports,) if piece.ports else ()) for piece in traffic)
    return ports.spoken(ports.merged(matches))


def _said(held: Sequence[Tract], every: Sequence[Tract], tags: Sequence[str], ground: Firewall) -> str:
    """By the tag that just these machines have, by their names, or by range; how many ranges there are where they are many."""
    machines = {t.machine.name: t.machine for t in held if t.machine is not None}
    # Where only its pods are meant, a machine's name would say too much.
    own = {t.machine.name for t in held if t.machine is not None and t.own}
    rest = set(held)
    whole_ones = all(t in rest for t in every if t.machine is not None and t.machine.name in machines)
    if machines and own == machines.keys() and whole_ones and all(t.machine is not None for t in held):
        shared = frozenset.intersection(*(machine.tags for machine in machines.values()))
        for tag in dict.fromkeys([*tags, *sorted(shared)]):
            if {m.name for m in ground.instances if tag in m.tags} == own:
                return f"machines tagged {tag}"
        return listed(sorted(own))
    found, whole = merged(held), merged(every)
    if len(found) > len(whole):
        missing = merged([t for t in every if t not in rest])
        if len(missing) <= _FEW:
            return f"{_ranges(whole)} but {_ranges(missing)}"
    return _ranges(found)


def _ranges(ranges: Sequence[Range]) -> str:
    texts = [str(r.network_address) if r.num_addresses == 1 else str(r) for r in ranges]
    return f"{len(texts)} ranges: {listed(texts)}" if len(texts) > _FEW else listed(texts)
