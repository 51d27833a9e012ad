"""Which rules would have decided a side of a flow the other way, but for one field, or two?

Every field of every rule of the wished action is looked at, so that the answer is a rule somebody once wrote with this flow in mind,
and the field to look at. The remote range is always part of the sentence: the console's and gcloud's listings leave it out, and it is
what nobody sees.

With a bit set for each field that matched, "all but this one" is an intersection; only what comes out of it is looked at singly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from pathcheck.core.rules.places import Side
from pathcheck.core.rules.walk import Answer
from pathcheck.model.firewall import NearMiss
from pathcheck.model.flows import L4
from pathcheck.model.rules import L4Match, Rule
from pathcheck.model.words import Action, Direction

# Nearest first: a rule switched off was meant for this very flow; one for another protocol was hardly meant for it at all.
_NEAREST_FIRST = ("disabled", "sourceRanges", "destinationRanges", "target", "priority", "traffic")
_MOST_SHOWN = 6
# Hundreds of rules for other ports are of no interest, and a sentence for each would cost more than the walk.
_MOST_MISSES = 8
_MOST_COMPARED = 256


def near_misses(side: Side, answer: Answer, wished: Action) -> tuple[NearMiss, ...]:
    """The 8 nearest, nearest first: those that miss one field before those that miss two."""
    index = side.index
    remote, local = range_fields(side.direction)
    matched = {
        "disabled": ~index.disabled,
        "target": side.target.sure,
        "priority": answer.asked,
        "traffic": side.traffic.sure,
        local: side.near.sure,
        remote: side.far.sure,
    }
    candidates = index.doing[wished] & ~index.unsure & (index.in_force | index.disabled)
    gaps = _gaps(side)
    found: list[NearMiss] = []
    for many in (1, 2):
        for missed in combinations(_NEAREST_FIRST, many):
            bits = candidates
            for field, holds in matched.items():
                bits &= ~holds if field in missed else holds
            places = _some(bits)
            if len(places) > 1:
                # Of rules that are equally far off, the one that is asked first.
                places.sort(key=lambda place: ([gaps[field](place) for field in missed], place))
            near = (index.rules[place] for place in places[: _MOST_MISSES - len(found)])
            found += [_near_miss(rule, missed, side, answer) for rule in near]
            if len(found) == _MOST_MISSES:
                return tuple(found)
    return tuple(found)


def _some(bits: int) -> list[int]:
    places: list[int] = []
    while bits and len(places) < _MOST_COMPARED:
        low = bits & -bits
        places.append(low.bit_length() - 1)
        bits ^= low
    return places


def _near_miss(rule: Rule, missed: Sequence[str], side: Side, answer: Answer) -> NearMiss:
    return NearMiss(rule, tuple(spelt(rule, field, side) for field in missed), _sentence(rule, side, missed, answer))


def spelt(rule: Rule, field: str, side: Side) -> str:
    """The field's name: `traffic` is the port where the protocol is one of the rule's, else the protocol."""
    if field != "traffic":
        return field
    return "port" if any(entry.protocol == side.l4.protocol for entry in rule.l4) else "protocol"


def range_fields(direction: Direction) -> tuple[str, str]:
    """The API's names for the remote and the local range."""
    fields = ("sourceRanges", "destinationRanges")
    return fields if direction is Direction.INGRESS else (fields[1], fields[0])


Gap = Callable[[int], int]
"""How far off a rule is, by its place in the index; comparable for rules that miss the same field."""


def _gaps(side: Side) -> dict[str, Gap]:
    remote, local = range_fields(side.direction)
    far, near = int(side.remote_address), int(side.local_address)
    rules, index, version = side.index.rules, side.index, side.remote_address.version
    gaps: dict[str, Gap] = dict.fromkeys(_NEAREST_FIRST, lambda _: 0)
    gaps["traffic"] = lambda place: _ports_off(rules[place], side.l4)
    gaps[remote] = lambda place: _bits_off(far, index.remote_networks(place, version))
    gaps[local] = lambda place: _bits_off(near, index.local_networks(place, version))
    return gaps


def _ports_off(rule: Rule, l4: L4) -> int:
    """How many ports off; a rule for other protocols is farther off than every port."""
    ports = [p for e in rule.l4 if e.protocol == l4.protocol for p in e.ports]
    if not ports:
        return 1 << 16
    return 0 if l4.port is None else min(max(p.first - l4.port, l4.port - p.last) for p in ports)


def _bits_off(address: int, networks: Sequence[int]) -> int:
    """The last bits in which the address leaves the nearest network: 0 inside it; 129 where all are of the other family."""
    return min(((address ^ network).bit_length() for network in networks), default=129)


def _sentence(rule: Rule, side: Side, missed: Sequence[str], answer: Answer) -> str:
    verb = "admits" if rule.action is Action.ALLOW else "denies"
    way = "from" if side.direction is Direction.INGRESS else "to"
    remote, _ = range_fields(side.direction)
    what = l4_of(rule.l4) if "traffic" in missed else str(side.l4)
    # The range that is missed is named where it is said to be missed.
    far = "" if remote in missed else f" {way} {remote_of(rule)}"
    return (
        f"{numbered(rule)} {verb} {what}{far}, but {' and '.join(but(rule, side, field, answer) for field in missed)}"
    )


def but(rule: Rule, side: Side, field: str, answer: Answer) -> str:
    """How the rule misses this side by this field."""
    remote, local = range_fields(side.direction)
    if field == "traffic":
        return f"not {side.l4}"
    if field == remote:
        return _not_remote(rule, side)
    if field == local:
        return f"{side.local_address} is not in {listed(rule.local_ranges)}"
    if field == "target":
        return f"only for machines with {target_of(rule)}, and {side.local.name} has {_own(rule, side)}"
    if field == "disabled":
        return "is disabled"
    before = answer.rules or answer.handed_on
    if not before:
        return "is not asked"
    return f"{numbered(before[0])} is asked first"


def _not_remote(rule: Rule, side: Side) -> str:
    tags = rule.remote_tags | rule.remote_service_accounts | rule.remote_secure_tags
    outside = f"{side.remote_address} is not in {listed(rule.remote_ranges)}"
    if not tags:
        return outside
    named = listed(sorted(tags))
    own = side.remote
    if own is not None and tags & (own.tags | own.service_accounts | (own.secure_tags or frozenset())):
        # The classic trap: the pod's node has the tag, but only its primary address carries it.
        carried = f"{named} holds for {own.name}'s own address, not for its pods: {side.remote_address}"
    else:
        carried = f"{side.remote_address} does not carry {named}"
    return f"{outside} and {carried}" if rule.remote_ranges else carried


def _own(rule: Rule, side: Side) -> str:
    machine = side.local
    if rule.target_tags:
        return listed(sorted(machine.tags)) or "none"
    if rule.target_service_accounts:
        return listed(sorted(machine.service_accounts)) or "none"
    return "unknown ones" if machine.secure_tags is None else listed(sorted(machine.secure_tags)) or "none"


def numbered(rule: Rule) -> str:
    """`NAME (PRIORITY)`; a policy's rule has the priority in its name."""
    return rule.spoken if rule.policy else f"{rule.name} ({rule.priority})"


def l4_of(entries: Sequence[L4Match]) -> str:
    """`tcp/80, tcp/443`."""
    return listed(entries)


def remote_of(rule: Rule) -> str:
    """Ranges, tags and service accounts of the remote side, the ranges first."""
    tags = [f"tag {t}" for t in sorted(rule.remote_tags | rule.remote_secure_tags)]
    accounts = [f"account {a}" for a in sorted(rule.remote_service_accounts)]
    return listed([*rule.remote_ranges, *tags, *accounts]) or "anywhere"


def target_of(rule: Rule) -> str:
    """`tag a, b` or `service account c`."""
    if rule.target_tags:
        return f"tag {listed(sorted(rule.target_tags))}"
    if rule.target_service_accounts:
        return f"service account {listed(sorted(rule.target_service_accounts))}"
    return f"secure tag {listed(sorted(rule.target_secure_tags))}"


def listed(things: Iterable[object]) -> str:
    """The first few, and how many more."""
    texts = [str(thing) for thing in things]
    more = len(texts) - _MOST_SHOWN
    return ", ".join(texts[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
