"""Which smallest rule would mend it? Never a guess: the rule is added and the flows are predicted again before it is shown.

Only one VPC allow rule on one side is proposed. What is undetermined, blocked on both sides, blocked by a deny at priority 0, or
would let in what must stay isolated has no fix here, and None says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import collapse_addresses

from pathcheck.core.near_misses import l4_of, listed, target_of
from pathcheck.core.phrase import range_of
from pathcheck.core.predict import predict
from pathcheck.core.sides import Place, place_of
from pathcheck.model.firewall import Explanation, Firewall, Fix, Instance, L4Match, PortRange, Rule
from pathcheck.model.flows import Flow, Range
from pathcheck.model.words import Action, Direction, Prediction

DEFAULT_PRIORITY = 1000


def propose(
    name: str, blocked: Sequence[Flow], sources: Sequence[Range], keep_out: Sequence[Flow], firewall: Firewall
) -> Fix | None:
    """The smallest rule that permits all of `blocked` and nothing of `keep_out`, or None where there is no such rule.

    `sources` are the ranges to open for ingress: pod ranges rather than pods, whose addresses change. `name` is what it is for.
    """
    explained = [(flow, predict(flow, firewall)) for flow in blocked]
    broken = [(flow, e) for flow, e in explained if e.prediction is Prediction.BLOCKED]
    directions = {e.direction for _, e in broken}
    if len(directions) != 1 or any(e.prediction is Prediction.UNDETERMINED for _, e in explained):
        return None
    (direction,) = directions
    assert direction is not None  # a blocked flow is blocked on one side
    flows = [flow for flow, _ in broken]
    priority = _priority([e for _, e in broken], firewall)
    places = [_local_place(flow, direction, firewall) for flow in flows]
    networks = {place.interface.network for place in places}
    ranges = _remote_ranges(flows, direction, sources, firewall)
    if priority is None or len(networks) != 1 or len({r.version for r in ranges}) != 1:
        return None
    tags, accounts = _targets([place.instance for place in places], firewall)
    rule = Rule(
        name=_free_name(name, firewall),
        network=networks.pop(),
        direction=direction,
        priority=priority,
        action=Action.ALLOW,
        l4=_l4(flows),
        remote_ranges=ranges,
        target_tags=tags,
        target_service_accounts=accounts,
    )
    mended = replace(firewall, rules=(*firewall.rules, rule))
    if any(predict(flow, mended).prediction is not Prediction.PERMITTED for flow in blocked):
        return None
    if any(_newly_permitted(flow, firewall, mended) for flow in keep_out):
        return None
    return Fix(firewall.project, rule, len(flows), _sentence(rule))


def _newly_permitted(flow: Flow, before: Firewall, after: Firewall) -> bool:
    return (
        predict(flow, after).prediction is Prediction.PERMITTED
        and predict(flow, before).prediction is not Prediction.PERMITTED
    )


def _priority(explanations: Sequence[Explanation], firewall: Firewall) -> int | None:
    """1000, or just before the first deny that stands in the way: at the same priority the deny would win."""
    deciders = [firewall.rule(n.removeprefix("firewall:")) for e in explanations for n in e.decided_by]
    priority = min((rule.priority - 1 for rule in deciders if rule is not None), default=DEFAULT_PRIORITY)
    return None if priority < 0 else min(priority, DEFAULT_PRIORITY)


def _local_place(flow: Flow, direction: Direction, firewall: Firewall) -> Place:
    place = place_of(flow.destination if direction is Direction.INGRESS else flow.source, firewall)
    assert isinstance(place, Place)  # it blocks, so its rules were asked
    return place


def _remote_ranges(
    flows: Sequence[Flow], direction: Direction, sources: Sequence[Range], firewall: Firewall
) -> tuple[Range, ...]:
    """The given sources for ingress; for egress what the cloud delivers to the targets. Of the flows' own families only."""
    ranges = sources if direction is Direction.INGRESS else [range_of(flow.destination, firewall) for flow in flows]
    versions = {flow.destination.address.version for flow in flows}
    v4 = collapse_addresses(r for r in ranges if r.version == 4 and 4 in versions)
    v6 = collapse_addresses(r for r in ranges if r.version == 6 and 6 in versions)
    return (*v4, *v6)


def _targets(machines: Sequence[Instance], firewall: Firewall) -> tuple[frozenset[str], frozenset[str]]:
    """The tag that all of them have and the fewest others; failing that a service account; failing that every machine."""
    members = {(m.zone, m.name) for m in machines}
    others = [m for m in firewall.instances if (m.zone, m.name) not in members]
    tags = frozenset.intersection(*(m.tags for m in machines))
    if tags:
        return frozenset({min(tags, key=lambda tag: (sum(tag in m.tags for m in others), tag))}), frozenset()
    accounts = frozenset.intersection(*(m.service_accounts for m in machines))
    if accounts:
        rarest = min(accounts, key=lambda a: (sum(a in m.service_accounts for m in others), a))
        return frozenset(), frozenset({rarest})
    return frozenset(), frozenset()


def _l4(flows: Sequence[Flow]) -> tuple[L4Match, ...]:
    whole = {flow.l4.protocol for flow in flows if flow.l4.port is None}
    ports = {flow.l4 for flow in flows if flow.l4.port is not None and flow.l4.protocol not in whole}
    matches = [L4Match(protocol) for protocol in whole]
    matches += [L4Match(l4.protocol, (PortRange(l4.port, l4.port),)) for l4 in ports if l4.port is not None]
    return tuple(sorted(matches, key=lambda m: (m.protocol or 0, m.ports[0].first if m.ports else 0)))


def _free_name(name: str, firewall: Firewall) -> str:
    """`pathcheck-NAME` as RFC 1035 wants it: lower-case letters, digits and hyphens, at most 63; numbered if it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", f"pathcheck-{name}".lower())
    number, candidate = 1, base[:63].rstrip("-")
    while firewall.rule(candidate) is not None:
        number += 1
        candidate = f"{base[: 62 - len(str(number))].rstrip('-')}-{number}"
    return candidate


def _sentence(rule: Rule) -> str:
    way = "from" if rule.direction is Direction.INGRESS else "to"
    target = f"machines with {target_of(rule)}" if rule.target_tags or rule.target_service_accounts else "every machine"
    return f"a rule that admits {l4_of(rule.l4)} {way} {listed(rule.remote_ranges)} on {target}"
