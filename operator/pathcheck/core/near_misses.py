"""Which rules would have decided a side of a flow the other way, but for one field?

Every field of every rule of the wished action is looked at, so that the answer is a rule somebody once wrote with this flow in mind,
and the one field to look at. The remote range is always part of the sentence: the console's and gcloud's listings leave it out, and
it is what nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pathcheck.core.sides import YES, Side, l4_matches, local_matches, remote_matches, target_matches
from pathcheck.model.firewall import Firewall, L4Match, NearMiss, Rule
from pathcheck.model.flows import Address, Range
from pathcheck.model.words import Action, Direction

# Nearest first: a rule switched off was meant for this very flow; one for another protocol was hardly meant for it at all.
_NEAREST_FIRST = ("disabled", "sourceRanges", "destinationRanges", "target", "priority", "port", "protocol")
_MOST_SHOWN = 6
# Hundreds of rules for other ports are of no interest, and a sentence for each would cost more than the walk.
_MOST_MISSES = 16


def near_misses(side: Side, firewall: Firewall, wished: Action, decider: Rule | None) -> tuple[NearMiss, ...]:
    """The 16 nearest, nearest first. `decider` is the rule that decided, None for an implied one."""
    found = []
    for rule in firewall.rules_in(side.network, side.direction):
        if rule.action is not wished or rule.cannot_tell:
            continue
        # The second field that is missed ends the look: most rules miss several, and there may be thousands.
        missed = list(islice(_missed(rule, side, decider), 2))
        if len(missed) == 1:
            (field,) = missed
            distance = (_NEAREST_FIRST.index(field), _gap(rule, side, field), rule.priority, rule.name)
            found.append((distance, rule))
    nearest = sorted(found, key=lambda pair: pair[0])[:_MOST_MISSES]
    return tuple(
        NearMiss(rule, field, _sentence(rule, side, field, decider))
        for (rank, *_), rule in nearest
        for field in [_NEAREST_FIRST[rank]]
    )


def _missed(rule: Rule, side: Side, decider: Rule | None) -> Iterator[str]:
    """The fields that kept the rule from deciding, those first that cost little to see."""
    remote, local = _range_fields(side.direction)
    if rule.disabled:
        yield "disabled"
    if l4_matches(rule, side) is not YES:
        yield "port" if any(e.protocol == side.l4.protocol for e in rule.l4) else "protocol"
    if not target_matches(rule, side):
        yield "target"
    if decider is not None and not _asked_before(rule, decider):
        yield "priority"
    if not local_matches(rule, side):
        yield local
    if not remote_matches(rule, side):
        yield remote


def _asked_before(rule: Rule, decider: Rule) -> bool:
    if rule.priority != decider.priority:
        return rule.priority < decider.priority
    return rule.action is Action.DENY


def _range_fields(direction: Direction) -> tuple[str, str]:
    """The API's names for the remote and the local range."""
    fields = ("sourceRanges", "destinationRanges")
    return fields if direction is Direction.INGRESS else (fields[1], fields[0])


def _gap(rule: Rule, side: Side, field: str) -> int:
    """How far off the missed field is, comparable for rules that miss the same field."""
    remote, local = _range_fields(side.direction)
    if field == "port" and side.l4.port is not None:
        return min(
            (
                max(ports.first - side.l4.port, side.l4.port - ports.last)
                for e in rule.l4
                if e.protocol == side.l4.protocol
                for ports in e.ports
            ),
            default=0,
        )
    if field == remote:
        return min((_bits_off(side.remote_address, r) for r in rule.remote_ranges), default=129)
    if field == local:
        return min((_bits_off(side.local_address, r) for r in rule.local_ranges), default=129)
    return 0


def _bits_off(address: Address, range_: Range) -> int:
    """The last bits in which the address leaves the range: 0 inside it, more the farther away; 129 for the other family."""
    if address.version != range_.version:
        return 129
    return (int(address) ^ int(range_.network_address)).bit_length()


def _sentence(rule: Rule, side: Side, field: str, decider: Rule | None) -> str:
    verb = "admits" if rule.action is Action.ALLOW else "denies"
    says = f"{rule.name} ({rule.priority}) {verb}"
    inward = side.direction is Direction.INGRESS
    far = f"{'from' if inward else 'to'} {remote_of(rule)}"
    remote, local = _range_fields(side.direction)
    if field in ("port", "protocol"):
        return f"{says} {l4_of(rule.l4)} {far}, but not {side.l4}"
    if field == remote:
        return f"{says} {side.l4}, but {_not_remote(rule, side)}"
    if field == local:
        return f"{says} {side.l4} {far}, but {side.local_address} is not in {listed(rule.local_ranges)}"
    if field == "target":
        return f"{says} {side.l4} {far}, but only for machines with {target_of(rule)}, and {side.local.name} has {_own(rule, side)}"
    if field == "disabled":
        return f"{says} {side.l4} {far}, but is disabled"
    assert decider is not None  # only a rule has a priority to be beaten by
    return f"{says} {side.l4} {far}, but {decider.name} ({decider.priority}) is asked first"


def _not_remote(rule: Rule, side: Side) -> str:
    tags = rule.remote_tags | rule.remote_service_accounts
    outside = f"{side.remote_address} is not in {listed(rule.remote_ranges)}"
    if not tags:
        return outside
    named = listed(sorted(tags))
    if side.remote is not None and tags & (side.remote.tags | side.remote.service_accounts):
        # The classic trap: the pod's node has the tag, but only its primary address carries it.
        carried = f"{named} holds for {side.remote.name}'s own address, not for its pods: {side.remote_address}"
    else:
        carried = f"{side.remote_address} does not carry {named}"
    return f"{outside} and {carried}" if rule.remote_ranges else carried


def _own(rule: Rule, side: Side) -> str:
    return listed(sorted(side.local.tags if rule.target_tags else side.local.service_accounts)) or "none"


def l4_of(entries: Sequence[L4Match]) -> str:
    """`tcp/80, tcp/443`."""
    return listed(entries)


def remote_of(rule: Rule) -> str:
    """Ranges, tags and service accounts of the remote side, the ranges first."""
    tags = [f"tag {t}" for t in sorted(rule.remote_tags)] + [
        f"account {a}" for a in sorted(rule.remote_service_accounts)
    ]
    return listed([*rule.remote_ranges, *tags]) or "anywhere"


def target_of(rule: Rule) -> str:
    """`tag a, b` or `service account c`."""
    if rule.target_tags:
        return f"tag {listed(sorted(rule.target_tags))}"
    return f"service account {listed(sorted(rule.target_service_accounts))}"


def listed(things: Iterable[object]) -> str:
    """The first few, and how many more."""
    texts = [str(thing) for thing in things]
    more = len(texts) - _MOST_SHOWN
    return ", ".join(texts[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
