"""What would the firewall do with the first packet of a flow, and which rule says so?

A packet between two machines is asked about twice: by the sender's egress rules, then by the receiver's ingress rules, each those of
the interface's own network. Both must permit it; an end that is no machine of these networks has no rules
(https://cloud.google.com/firewall/docs/firewalls). On each side the walk is

    policies before the VPC rules ─▶ VPC rules: by priority, deny before allow ─▶ policies after them ─▶ implied: deny in, allow out

and what cannot be judged where it could decide makes that side undetermined. A side that blocks decides whatever the other comes to.

Sources are matched by address; tags and service accounts of a source hold for its interface's primary addresses only, never for pods
(https://cloud.google.com/vpc/docs/alias-ip#firewalls), those of a target for everything that its interface receives and sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from itertools import groupby

from pathcheck.core.near_misses import near_misses
from pathcheck.core.sides import MAYBE, NO, YES, Match, Place, Side, matches, place_of, undetermined
from pathcheck.model.firewall import Explanation, Firewall, Rule
from pathcheck.model.flows import Flow
from pathcheck.model.words import Action, Direction, Prediction

# https://cloud.google.com/firewall/docs/firewalls#alwaysallowed
METADATA_SERVERS = frozenset({ip_address("169.254.169.254"), ip_address("fd20:ce::254")})
# The implied rules' own priority; the API advises against using it, and does not say how an allow rule there ties with implied deny.
LOWEST_PRIORITY = 65535
_COMES_TO = {Action.ALLOW: Prediction.PERMITTED, Action.DENY: Prediction.BLOCKED}


def predict(flow: Flow, firewall: Firewall) -> Explanation:
    """The prediction, its deciders and, for the opposite answer, the near misses. Total: what it cannot tell is undetermined.

    A tcp, udp or sctp flow without a port stands for every port: where rules for some ports differ it is undetermined.

    Each flow is worked out once for each firewall: an operator asks the same ones at every look, and every look is on the way from
    a packet to a verdict.
    """
    known = firewall.predicted.get(flow)
    if known is None:
        known = firewall.predicted[flow] = _predict(flow, firewall)
    return known


def _predict(flow: Flow, firewall: Firewall) -> Explanation:
    if {flow.source.address, flow.destination.address} & METADATA_SERVERS:
        return Explanation(Prediction.PERMITTED, ("always-allowed:metadata",))
    if flow.source.address.version != flow.destination.address.version:
        return undetermined("undecided:addresses", "its addresses are of different families")
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    if flow.source.instance is not None and flow.source.instance == flow.destination.instance:
        # Names are unique in a zone only: of two machines of one name, each end's must be known.
        if isinstance(sender, Place) and isinstance(receiver, Place):
            same = sender.instance == receiver.instance
        else:
            same = len(firewall.machines(flow.source.instance)) <= 1
        if same:
            return Explanation(Prediction.PERMITTED, ("same-vm",), "its packets do not leave the machine")
    if sender is None and receiver is None:
        return undetermined("undecided:instance", "neither end is a machine of these networks")
    answers = [
        _answer(Direction.EGRESS, flow, sender, receiver, firewall),
        _answer(Direction.INGRESS, flow, receiver, sender, firewall),
    ]
    asked = [answer for answer in answers if answer is not None]
    for worst in (Prediction.BLOCKED, Prediction.UNDETERMINED):
        for answer in asked:
            if answer.prediction is worst:
                return answer
    misses = [miss for answer in asked for miss in answer.near_misses]
    last = asked[-1]
    return Explanation(Prediction.PERMITTED, last.decided_by, last.why, tuple(misses), last.direction)


def _answer(
    direction: Direction,
    flow: Flow,
    local: Place | Explanation | None,
    remote: Place | Explanation | None,
    firewall: Firewall,
) -> Explanation | None:
    """What one side says; None for a side without rules."""
    if local is None or isinstance(local, Explanation):
        return local
    side = _side(direction, flow, local, remote)
    prediction, names, why, decider = _walk(side, firewall)
    opposite = {Prediction.BLOCKED: Action.ALLOW, Prediction.PERMITTED: Action.DENY}.get(prediction)
    misses = near_misses(side, firewall, opposite, decider) if opposite is not None else ()
    return Explanation(prediction, names, why, misses, direction)


def _side(direction: Direction, flow: Flow, local: Place, remote: Place | Explanation | None) -> Side:
    inward = direction is Direction.INGRESS
    known = remote if isinstance(remote, Place) else None
    address = (flow.source if inward else flow.destination).address
    # Only a primary address carries its machine's tags, and only to rules of the same network.
    tagged = (
        known is not None
        and known.interface.network == local.interface.network
        and any(address in r for r in known.interface.primary)
    )
    return Side(
        direction=direction,
        l4=flow.l4,
        network=local.interface.network,
        region=local.interface.region,
        local_address=(flow.destination if inward else flow.source).address,
        local=local.instance,
        remote_address=address,
        remote=known.instance if known is not None else None,
        remote_tagged=tagged,
    )


Answer = tuple[Prediction, tuple[str, ...], str, Rule | None]


def _walk(side: Side, firewall: Firewall) -> Answer:
    before, after = _policies(side, firewall)
    if before:
        return before
    unsure: list[Rule] = []
    decided = None
    about = (
        (rule, match)
        for rule in firewall.rules_in(side.network, side.direction)
        if not rule.disabled and (match := matches(rule, side)) is not NO
    )
    for _, tied in groupby(about, key=lambda found: found[0].priority):
        decided = _decide(side, list(tied), unsure)
        if decided:
            break
    answer = decided or after or _implied(side.direction)
    for rule in unsure:
        # A rule for some of the asked ports changes nothing if the others come to the same.
        if rule.cannot_tell or _COMES_TO[rule.action] is not answer[0]:
            why = rule.cannot_tell or f"it decides for some ports of {side.l4} only"
            return _undecided(
                f"firewall:{rule.name}", f"firewall rule {rule.name} could decide it, but cannot be judged: {why}"
            )
    return answer


def _implied(direction: Direction) -> Answer:
    if direction is Direction.INGRESS:
        return Prediction.BLOCKED, ("implied-deny-ingress",), "no rule admits it", None
    return Prediction.PERMITTED, ("implied-allow-egress",), "no rule denies it", None


def _decide(side: Side, found: Sequence[tuple[Rule, Match]], unsure: list[Rule]) -> Answer | None:
    """The decision at one priority: one deny is enough, and between several allows there is no order.

    What could have decided before it, and cannot be told, is added to `unsure`.
    """
    sure = [rule for rule, match in found if match is YES]
    denies = [rule for rule in sure if rule.action is Action.DENY]
    if denies:
        return Prediction.BLOCKED, (f"firewall:{denies[0].name}",), f"{denies[0].name} denies it", denies[0]
    unsure += [rule for rule, match in found if match is MAYBE]
    if not sure:
        return None
    if sure[0].priority == LOWEST_PRIORITY and side.direction is Direction.INGRESS:
        why = f"firewall rule {sure[0].name} ties with the implied deny at priority {LOWEST_PRIORITY}"
        return _undecided(f"firewall:{sure[0].name}", why)
    return Prediction.PERMITTED, tuple(f"firewall:{r.name}" for r in sure), f"{sure[0].name} admits it", sure[0]


def _policies(side: Side, firewall: Firewall) -> tuple[Answer | None, Answer | None]:
    """What the policies asked before and after the VPC rules leave open."""
    relevant = [
        p
        for p in firewall.policies
        if side.direction in p.directions and p.network in ("", side.network) and p.region in ("", side.region)
    ]
    found: list[Answer | None] = [None, None]
    for policy in reversed(relevant):
        if policy.unread:
            answer = _undecided("policies", f"not all rules and policies are known: {policy.unread}")
        else:
            answer = _undecided(
                f"policy:{policy.name}",
                f"firewall policy {policy.name} could decide it, and policies are not evaluated yet",
            )
        found[0 if policy.before_rules else 1] = answer
    return found[0], found[1]


def _undecided(name: str, why: str) -> Answer:
    return Prediction.UNDETERMINED, (f"undecided:{name}",), why, None
