"""Which rules may be about these two ends? As far as the ends are known: of an end that nobody named, every machine may be meant.

The same sets as for a flow (core/rules/places), with "any" in the place of what is not known: a rule is surely about the ends only
if it is about all that they may be.
"""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.core.rules.index import Bits, Index, index_of
from pathcheck.core.rules.places import Nowhere, Place, place_of, seen_from
from pathcheck.model.firewall import Firewall, Run
from pathcheck.model.flows import Endpoint
from pathcheck.model.rules import Stage
from pathcheck.model.words import Direction


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rules of one direction, and which of those in force are surely, or possibly, about the ends."""

    index: Index
    about: Bits


def suspects(
    direction: Direction, near: Endpoint | None, far: Endpoint | None, version: int, firewall: Firewall
) -> Suspects | None:
    """Of the side whose machine is `near`; None for a sender outside of these networks, which has no rules.

    A receiver outside has none either: it is taken for one that is not known. `version` is that of the addresses.
    """
    place = place_of(near, firewall) if near is not None else Nowhere("", "")
    if place is None and direction is Direction.EGRESS:
        return None
    if isinstance(place, Place):
        index = index_of(firewall, place.interface.network, place.interface.region, direction)
        target = index.target(place.instance)
    else:
        index = _every(direction, firewall)
        target = index.target_unknown()
    local = index.local(near.address) if near is not None else index.local_unknown(version)
    if far is None:
        remote = index.remote_nowhere(version)
    elif isinstance(place, Place):
        remote = seen_from(far.address, place_of(far, firewall), place.interface.network, index, firewall)
    else:
        remote = index.remote_unknown(far.address)
    sure = target.sure & local.sure & remote.sure & index.in_force & ~index.unsure
    return Suspects(index, Bits(sure, target.possible & local.possible & remote.possible & index.in_force))


def _every(direction: Direction, firewall: Firewall) -> Index:
    """The rules of every network and region, those of each in their order. Between networks the order means nothing."""
    key = ("every rule", direction)
    known = firewall.compiled.get(key)
    if known is None:
        places: dict[Run, int] = {}
        for network, region in scopes(firewall):
            last = firewall.network(network).before_classic is not False
            for run in firewall.runs(network, region, direction):
                vpc = run[0].stage is Stage.VPC
                places[run] = Stage.REGIONAL + 1 if vpc and last else run[0].stage
        runs = sorted(places, key=places.__getitem__)
        known = firewall.compiled[key] = Index(runs, firewall.unread("secureTagBindings"))
    assert isinstance(known, Index)
    return known


def scopes(firewall: Firewall) -> list[tuple[str, str]]:
    """Networks and regions in which there are machines; networks of rules alone, in no region."""
    found = {(i.network, i.region) for machine in firewall.instances for i in machine.interfaces}
    networks = {network for network, _ in found}
    return sorted(found | {(rule.network, "") for rule in firewall.rules if rule.network not in networks})
