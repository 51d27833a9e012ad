"""Which changes of rules might mend it? Guesses, every one of them: `propose` asks the evaluator before anybody sees one.

A new rule stands where it is asked before what is in the way, on the side where it is in the way: its ranges are those that the cloud
delivers to the other ends' machines, its target is a name that all local machines have. Flows of different sides, networks, families
or policies need one rule each. Longer than 200 lines because a new rule is one thought: where, for whom, what and under which name
hang on each other, and each part is a few lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import collapse_addresses
from itertools import islice, product

from pathcheck.core.rules.phrase import range_of
from pathcheck.core.rules.places import Place, place_of
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.fixes import Change
from pathcheck.model.flows import Endpoint, Flow, Range
from pathcheck.model.machines import Instance
from pathcheck.model.rules import L4Match, Policy, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction

DEFAULT_PRIORITY = 1000
OURS = frozenset({Stage.VPC, Stage.GLOBAL, Stage.REGIONAL})
_MOST_TAGS = 2
_MOST_COMBINED = 8
_MOST_COMPARED = 4096
_MOST_RULES = 4
_MOST_RANGES = 64

Changes = tuple[Change, ...]
Explained = Sequence[tuple[Flow, Explanation]]


@dataclass(frozen=True, slots=True)
class Gap:
    """Where one rule is missing: `flows` are wished otherwise at this side, in the policy or, without one, among the VPC rules.

    `beat` are the rules before which it must be asked.
    """

    direction: Direction
    network: str
    policy: Policy | None
    flows: tuple[Flow, ...]
    beat: tuple[Rule, ...]


def admitting(name: str, broken: Explained, sources: Sequence[Range], firewall: Firewall) -> Iterator[Changes]:
    """Changes after which these blocked flows may pass."""
    gaps = _gaps(
        [(f, o.direction, firewall.rule(o.name)) for f, e in broken for o in e.obstacles], Action.ALLOW, firewall
    )
    if not gaps:
        return
    explained = dict(broken)
    options = [
        [*_switched_on(gap, explained[gap.flows[0]], firewall), *created(gap, Action.ALLOW, sources, firewall)]
        for gap in gaps
    ]
    yield from _combined(options, name, firewall)


def refusing(name: str, passing: Explained, sources: Sequence[Range], firewall: Firewall) -> Iterator[Changes]:
    """Changes after which these permitted flows may be blocked: a deny on either side, or less of the rules that admit them."""
    for direction in (Direction.INGRESS, Direction.EGRESS):
        named = [(f, direction, e.ingress if direction is Direction.INGRESS else e.egress) for f, e in passing]
        deciders = [(f, d, firewall.rule(id_)) for f, d, ids in named for id_ in ids]
        if not deciders or any(rule is not None and rule.stage not in OURS for _, _, rule in deciders):
            continue
        rules = list({rule.id: rule for _, _, rule in deciders if rule is not None}.values())
        if direction is Direction.INGRESS and len(rules) <= _MOST_RULES:
            yield tuple(Change(rule, replace(rule, disabled=True), _region(rule, firewall)) for rule in rules)
            narrowed = [_narrowed(rule, [f for f, _, r in deciders if r is rule], sources, firewall) for rule in rules]
            if all(narrowed):
                yield tuple(change for change in narrowed if change is not None)
        gaps = _gaps(deciders, Action.DENY, firewall)
        yield from _combined([list(created(gap, Action.DENY, sources, firewall)) for gap in gaps], name, firewall)


def created(gap: Gap, action: Action, sources: Sequence[Range], firewall: Firewall) -> Iterator[Change]:
    """New rules for this gap, those for the fewest machines first; VPC rules have no name yet."""
    priority = _priority(gap, action)
    if priority is None:
        return
    inward = gap.direction is Direction.INGRESS
    near = [f.destination if inward else f.source for f in gap.flows]
    far = [f.source if inward else f.destination for f in gap.flows]
    places = [p for p in (place_of(end, firewall) for end in near) if isinstance(p, Place)]
    machines = list({(p.instance.zone, p.instance.name): p.instance for p in places}.values())
    stage, policy = (gap.policy.stage, gap.policy) if gap.policy else (Stage.VPC, None)
    rule = Rule(
        name="" if policy is None else f"{policy.name}/{priority}",
        network=policy.network if policy else gap.network,
        direction=gap.direction,
        priority=priority,
        action=action,
        l4=_l4(gap.flows),
        # All that send: the workload they ask for moves, and who is next to it today is as far from it as the others tomorrow.
        remote_ranges=_ranges(far, sources, firewall, every=inward),
        stage=stage,
        policy=policy.name if policy else "",
        display=policy.display if policy else "",
    )
    region = policy.region if policy and stage is Stage.REGIONAL else ""
    for aimed in _aimed(rule, machines, firewall):
        yield Change(None, aimed, region)


def narrowed(changes: Changes, flows: Sequence[Flow], firewall: Firewall) -> Changes:
    """The same new rules, for the flows' own ranges on both sides only."""
    return tuple(replace(change, after=_for(change.after, flows, firewall)) for change in changes)


def _for(rule: Rule, flows: Sequence[Flow], firewall: Firewall) -> Rule:
    version = rule.remote_ranges[0].version
    own = [f for f in flows if f.source.address.version == version]
    starts, ends = _ranges([f.source for f in own], (), firewall), _ranges([f.destination for f in own], (), firewall)
    remote, local = (starts, ends) if rule.direction is Direction.INGRESS else (ends, starts)
    return replace(rule, remote_ranges=remote, local_ranges=local)


# Where


def _gaps(met: Iterable[tuple[Flow, Direction, Rule | None]], action: Action, firewall: Firewall) -> tuple[Gap, ...]:
    """One for each side, network, family and place in the order of evaluation; `met` are what decides now, None for an implied rule."""
    flows: dict[tuple[object, ...], dict[Flow, None]] = defaultdict(dict)
    beat: dict[tuple[object, ...], dict[str, Rule]] = defaultdict(dict)
    policies: dict[tuple[object, ...], Policy | None] = {}
    placed: dict[tuple[Flow, Direction], tuple[object, ...]] = {}
    for flow, direction, rule in met:
        key = placed.get((flow, direction))
        if key is None:
            place = place_of(flow.destination if direction is Direction.INGRESS else flow.source, firewall)
            if not isinstance(place, Place):
                continue
            network = place.interface.network
            policy = _policy_for(rule, action, place, firewall)
            key = (direction, network, flow.source.address.version, policy and (policy.name, policy.stage))
            placed[flow, direction] = key
            flows[key][flow] = None
            policies[key] = policy
        if rule is not None:
            beat[key][rule.id] = rule
    return tuple(
        Gap(key[0], key[1], policies[key], tuple(flows[key]), tuple(beat[key].values()))  # type: ignore[arg-type]
        for key in flows
    )


def _policy_for(first: Rule | None, action: Action, place: Place, firewall: Firewall) -> Policy | None:
    """The network policy in which the rule must be, where one among the VPC rules would be asked too late."""
    network, region = place.interface.network, place.interface.region
    if first is None or not firewall.network(network).before_classic:
        return None
    here = [p for p in firewall.policies if p.network in ("", network) and p.region in ("", region)]
    if first.policy:
        return next((p for p in here if p.name == first.policy and p.stage is first.stage), None)
    # Nothing among the VPC rules is asked before one of priority 0 that denies.
    if action is Action.ALLOW and first.priority == 0:
        return next((p for p in here if p.stage in (Stage.GLOBAL, Stage.REGIONAL)), None)
    return None


def _priority(gap: Gap, action: Action) -> int | None:
    """1000, or just before what must be beaten: among VPC rules a deny wins at the same priority, in a policy none is used twice."""
    if gap.policy is None:
        ahead = 1 if action is Action.ALLOW else 0
        beaten = min((r.priority - ahead for r in gap.beat if r.stage is Stage.VPC), default=DEFAULT_PRIORITY)
        return min(beaten, DEFAULT_PRIORITY) if beaten >= 0 else None
    taken = {rule.priority for rule in gap.policy.rules}
    limit = min((r.priority for r in gap.beat if r.policy == gap.policy.name), default=DEFAULT_PRIORITY + 1)
    return next((number for number in range(limit - 1, -1, -1) if number not in taken), None)


def _region(rule: Rule, firewall: Firewall) -> str:
    if rule.stage is not Stage.REGIONAL:
        return ""
    return next((p.region for p in firewall.policies if p.name == rule.policy and p.stage is rule.stage), "")


# For whom and what


def _aimed(rule: Rule, machines: Sequence[Instance], firewall: Firewall) -> Iterator[Rule]:
    """For a name that all of these machines have, that which the fewest others have first; then for every machine."""
    members = {(m.zone, m.name) for m in machines}
    others = [m for m in firewall.instances if (m.zone, m.name) not in members]
    if rule.policy:
        for tag in _rarest(machines, others, lambda m: m.secure_tags or frozenset()):
            yield replace(rule, target_secure_tags=frozenset({tag}))
    else:
        for tag in _rarest(machines, others, lambda m: m.tags):
            yield replace(rule, target_tags=frozenset({tag}))
    for account in _rarest(machines, others, lambda m: m.service_accounts):
        yield replace(rule, target_service_accounts=frozenset({account}))
    yield rule


def _rarest(
    machines: Sequence[Instance], others: Sequence[Instance], names: Callable[[Instance], frozenset[str]]
) -> list[str]:
    common = frozenset.intersection(*map(names, machines)) if machines else frozenset()
    return sorted(common, key=lambda name: (sum(name in names(m) for m in others), name))[:_MOST_TAGS]


def _ranges(
    ends: Sequence[Endpoint], sources: Sequence[Range], firewall: Firewall, every: bool = False
) -> tuple[Range, ...]:
    """Ranges rather than addresses, which change: what is delivered to their machines, else the given one that holds it.

    `every`: all given ones of these families as well.
    """
    versions = {end.address.version for end in ends}
    found = {r for r in sources if r.version in versions} if every else set()
    for end in set(ends):
        own = range_of(end, firewall)
        wider = next((r for r in sources if end.address in r), own)
        found.add(wider if own.num_addresses == 1 else own)
    v4 = collapse_addresses(r for r in found if r.version == 4)
    v6 = collapse_addresses(r for r in found if r.version == 6)
    return (*v4, *v6)


def _l4(flows: Sequence[Flow]) -> tuple[L4Match, ...]:
    l4s = {flow.l4 for flow in flows}
    whole = {l4.protocol for l4 in l4s if l4.port is None}
    matches = [L4Match(protocol) for protocol in whole]
    matches += [
        L4Match(l4.protocol, (PortRange(l4.port, l4.port),))
        for l4 in l4s
        if l4.port is not None and l4.protocol not in whole
    ]
    return tuple(sorted(matches, key=lambda m: (m.protocol or 0, m.ports[0].first if m.ports else 0)))


# Rules that are there


def _switched_on(gap: Gap, explanation: Explanation, firewall: Firewall) -> list[Change]:
    """Disabled rules that miss the gap's first flow by nothing else."""
    return [
        Change(miss.rule, replace(miss.rule, disabled=False), _region(miss.rule, firewall))
        for miss in explanation.near_misses
        if miss.fields == ("disabled",) and miss.rule.direction is gap.direction and miss.rule.stage in OURS
    ]


def _narrowed(rule: Rule, flows: Sequence[Flow], sources: Sequence[Range], firewall: Firewall) -> Change | None:
    """Without the ranges of these flows; None where it has other sources as well, or nothing or too much would be left."""
    if rule.remote_tags or rule.remote_service_accounts or rule.remote_secure_tags or rule.remote_unsure:
        return None
    if rule.stage is not Stage.VPC or not rule.remote_ranges:
        return None
    inward = rule.direction is Direction.INGRESS
    left = list(rule.remote_ranges)
    for gone in _ranges([f.source if inward else f.destination for f in flows], sources, firewall):
        left = [piece for r in left for piece in _without(r, gone)]
        if len(left) > _MOST_RANGES:
            return None
    kept = tuple(left)
    return Change(rule, replace(rule, remote_ranges=kept)) if kept and kept != rule.remote_ranges else None


def _without(range_: Range, gone: Range) -> Iterable[Range]:
    if range_.version != gone.version or not range_.overlaps(gone):
        return [range_]
    if range_.subnet_of(gone):  # type: ignore[arg-type]
        return []
    return sorted(range_.address_exclude(gone))  # type: ignore[arg-type]


# Together


def _combined(options: Sequence[Sequence[Change]], name: str, firewall: Firewall) -> Iterator[Changes]:
    """One of each, the earliest of all first; every new rule under a name or a priority of its own."""
    numbered = (list(enumerate(each)) for each in options)
    ranked = sorted(islice(product(*numbered), _MOST_COMPARED), key=lambda chosen: sum(place for place, _ in chosen))
    for chosen in ranked[:_MOST_COMBINED]:
        yield _named([change for _, change in chosen], name, firewall)


def _named(changes: Sequence[Change], name: str, firewall: Firewall) -> Changes:
    taken = {rule.name for rule in firewall.rules} | {rule.name for p in firewall.policies for rule in p.rules}
    found: list[Change] = []
    for change in dict.fromkeys(changes):
        rule = change.after
        if change.before is None:
            while rule.policy and rule.name in taken:
                rule = replace(rule, priority=rule.priority - 1, name=f"{rule.policy}/{rule.priority - 1}")
            rule = rule if rule.policy else replace(rule, name=_free_name(name, taken))
            taken.add(rule.name)
        found.append(replace(change, after=rule))
    return tuple(found)


def _free_name(name: str, taken: Container[str]) -> str:
    """`pathcheck-NAME` as RFC 1035 wants it: lower-case letters, digits and hyphens, at most 63; numbered if it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", f"pathcheck-{name}".lower())
    number, candidate = 1, base[:63].rstrip("-")
    while candidate in taken:
        number += 1
        candidate = f"{base[: 62 - len(str(number))].rstrip('-')}-{number}"
    return candidate
