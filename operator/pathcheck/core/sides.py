"""One side of a flow, where it is, and whether a rule is about it: the same code for ingress and egress.

Three values: YES, NO, and MAYBE for a rule that could not be read to the end or that speaks of some of the asked ports only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pathcheck.model.firewall import Explanation, Firewall, Instance, Interface, L4Match, Rule
from pathcheck.model.flows import L4, WITH_PORTS, Address, Endpoint
from pathcheck.model.words import Direction, Prediction

Match = Literal["yes", "no", "maybe"]
YES: Match = "yes"
NO: Match = "no"
MAYBE: Match = "maybe"


@dataclass(frozen=True, slots=True)
class Place:
    """The machine and the interface at which a side's rules are asked."""

    instance: Instance
    interface: Interface


@dataclass(frozen=True, slots=True)
class Side:
    """What the rules of one direction are asked. `local` is the machine they are applied to, `remote` the other one, if it is one.

    `remote_tagged`: the remote address carries its machine's tags and service accounts.
    """

    direction: Direction
    l4: L4
    network: str
    region: str
    local_address: Address
    local: Instance
    remote_address: Address
    remote: Instance | None
    remote_tagged: bool


def place_of(endpoint: Endpoint, firewall: Firewall) -> Place | Explanation | None:
    """Where this end's rules are asked; None for a peer that is no machine; why not, where the recording does not say."""
    if endpoint.instance is None:
        return None
    name = endpoint.instance
    machines = firewall.machines(name)
    if not machines:
        return undetermined(f"undecided:instance:{name}", f"the recording has no instance {name}")
    holding = [Place(m, i) for m in machines for i in m.interfaces if _holds(i, endpoint.address)]
    # A machine with one interface receives whatever is routed to it, known range or not.
    places = holding or [Place(m, i) for m in machines for i in m.interfaces]
    if len(places) == 1:
        return places[0]
    why = f"the recording does not show which interface of {name} has {endpoint.address}"
    return undetermined(f"undecided:instance:{name}", why)


def _holds(interface: Interface, address: Address) -> bool:
    return any(address in r for r in (*interface.primary, *interface.alias_ranges, *interface.routed_ranges))


def undetermined(name: str, why: str) -> Explanation:
    """Without any side having been asked."""
    return Explanation(Prediction.UNDETERMINED, (name,), why)


def matches(rule: Rule, side: Side) -> Match:
    """Whether the rule is about this side. Disabled is not looked at."""
    carried = l4_matches(rule, side)
    if carried is NO:
        return NO
    if rule.cannot_tell:
        return MAYBE
    return carried if target_matches(rule, side) and local_matches(rule, side) and remote_matches(rule, side) else NO


def l4_matches(rule: Rule, side: Side) -> Match:
    """By protocol and port; a rule whose protocols could not be read may be about any."""
    if rule.cannot_tell and not rule.l4:
        return MAYBE
    match = NO
    for entry in rule.l4:
        entry_match = _entry_matches(entry, side.l4)
        if entry_match is YES:
            return YES
        if entry_match is MAYBE:
            match = MAYBE
    return match


def _entry_matches(entry: L4Match, l4: L4) -> Match:
    if entry.protocol is None:
        return YES
    if entry.protocol != l4.protocol:
        return NO
    if not entry.ports or l4.protocol not in WITH_PORTS:
        return YES
    if l4.port is None:
        return YES if any(p.first == 0 and p.last == 65535 for p in entry.ports) else MAYBE
    for ports in entry.ports:
        if ports.first <= l4.port <= ports.last:
            return YES
    return NO


def target_matches(rule: Rule, side: Side) -> bool:
    """By the local machine's tags and service accounts; a rule with neither is for every machine of its network."""
    if not rule.target_tags and not rule.target_service_accounts:
        return True
    return bool(rule.target_tags & side.local.tags or rule.target_service_accounts & side.local.service_accounts)


def local_matches(rule: Rule, side: Side) -> bool:
    """By the local address, where the rule narrows it."""
    return not rule.local_ranges or any(side.local_address in r for r in rule.local_ranges)


def remote_matches(rule: Rule, side: Side) -> bool:
    """By range, or by tag or service account where the remote address carries them."""
    if not rule.remote_ranges and not rule.remote_tags and not rule.remote_service_accounts:
        return True
    if any(side.remote_address in r for r in rule.remote_ranges):
        return True
    if side.remote is None or not side.remote_tagged:
        return False
    return bool(rule.remote_tags & side.remote.tags or rule.remote_service_accounts & side.remote.service_accounts)
