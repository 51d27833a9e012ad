"""One rule of a firewall policy (FirewallPolicyRule) → `Rule`.

https://cloud.google.com/compute/docs/reference/rest/v1/networkFirewallPolicies has the fields, and
https://cloud.google.com/firewall/docs/firewall-policies-rule-details says how they are combined. On one side of a packet ranges,
address groups, secure tags, domain names, regions and threat lists are alternatives; network types narrow what they come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from pathcheck.model.firewall import Problem
from pathcheck.model.flows import Range
from pathcheck.model.rules import Rule, Stage
from pathcheck.model.words import Action, Direction
from pathcheck.wire.compute import last_part, network_name
from pathcheck.wire.rule_fields import Fields, unavailable

MATCHING = frozenset(
    [
        "priority",
        "action",
        "direction",
        "disabled",
        "match",
        "targetResources",
        "targetServiceAccounts",
        "targetSecureTags",
        "targetType",
        "targetForwardingRules",
    ]
)
SILENT = frozenset(
    ["kind", "ruleName", "description", "enableLogging", "ruleTupleCount", "securityProfileGroup", "tlsInspect"]
)
_ALTERNATIVES = ("IpRanges", "AddressGroups", "Fqdns", "RegionCodes", "ThreatIntelligences")
_UNSURE = {
    "Fqdns": "is known to DNS only",
    "RegionCodes": "is a region whose addresses only Google knows",
    "ThreatIntelligences": "is a list that only Google knows",
}
_CONDITIONS = ("srcNetworkType", "srcNetworkContext", "srcNetworks", "destNetworkType", "destNetworkContext")
OF_MATCH = frozenset(
    [
        *(f"{side}{what}" for side in ("src", "dest") for what in _ALTERNATIVES),
        *_CONDITIONS,
        "srcSecureTags",
        "layer4Configs",
    ]
)
_ACTIONS = {
    "allow": Action.ALLOW,
    "deny": Action.DENY,
    "goto_next": Action.GOTO_NEXT,
    "apply_security_profile_group": Action.INSPECT,
}
_LAST_PRIORITY = 2147483647


@dataclass(frozen=True, slots=True)
class Groups:
    """A recording's address groups, {NAME: [CIDR]}; `unavailable` is why not all of them could be read."""

    ranges: Mapping[str, object] = field(default_factory=dict)
    unavailable: str = ""

    def of(self, name: str) -> tuple[Range, ...] | str:
        """Its ranges, by the whole of its name or by the last part of it; or why nobody knows them."""
        found = self.ranges.get(name, self.ranges.get(last_part(name)))
        if found is None:
            return self.unavailable or "is not in the recording"
        try:
            if isinstance(found, list) and all(isinstance(text, str) for text in found):
                return tuple(ip_network(text, strict=False) for text in found)
        except ValueError as why:
            return str(why)
        return "must be a list of CIDRs"


@dataclass(frozen=True, slots=True)
class Holder:
    """What the rules of one policy have in common. `cannot_tell` is what is wrong with the policy itself."""

    name: str
    display: str
    stage: Stage
    network: str
    project: str
    groups: Groups
    cannot_tell: str = ""


def policy_rules(raw: object, index: int, holder: Holder, problems: list[Problem]) -> list[Rule]:
    """One rule; two that cannot tell where not even the direction could be read; none that is for other networks or no machines."""
    why = unavailable(raw)
    if why or not isinstance(raw, Mapping):
        place = f"{holder.name}: rules[{index}]"
        why = why or "is no firewall policy rule"
        problems.append(Problem(place, why))
        return [_unreadable(holder, direction, why) for direction in Direction]
    fields = Fields(raw)
    fields.known(MATCHING, SILENT)
    priority = fields.number("priority", _LAST_PRIORITY)
    directions = fields.directions()
    action = _ACTIONS.get(fields.text("action", needed=True))
    if action is None and isinstance(raw.get("action"), str):
        fields.trouble("action", f"{raw['action']!r} is not known to this version")
    disabled = fields.flag("disabled")
    kind = fields.text("targetType", "INSTANCES")
    if kind not in ("INSTANCES", "INTERNAL_MANAGED_LB"):
        fields.trouble("targetType", f"{kind!r} is not known to this version")
    elsewhere, condition = _elsewhere(fields.texts("targetResources"), holder)
    forwarding = fields.texts("targetForwardingRules")
    if forwarding and kind == "INSTANCES":
        fields.trouble("targetForwardingRules", "a rule for machines has none")
    accounts, tags = frozenset(fields.texts("targetServiceAccounts")), _tags(fields, "targetSecureTags")
    match = fields.within("match")
    match.known(OF_MATCH)
    l4 = match.l4("layer4Configs", "ipProtocol")
    sides = {side: _side(match, side, holder.groups) for side in ("src", "dest")}
    conditions = [condition, *(_condition(match, key) for key in _CONDITIONS)]
    if directions == (Direction.EGRESS,) and match.raw.get("srcSecureTags"):
        match.trouble("srcSecureTags", "an egress rule has none")
    trouble = "; ".join(filter(None, [holder.cannot_tell, *fields.troubles]))
    problems += [Problem(f"{holder.name}/{priority}", why) for why in fields.troubles]
    if not trouble and (elsewhere or kind == "INTERNAL_MANAGED_LB"):
        return []
    # Tags that are INEFFECTIVE are ignored; of a rule that names nothing else nothing is left.
    no_targets = bool(raw.get("targetSecureTags")) and not tags and not accounts
    found = []
    for direction in directions:
        local, remote = (
            (sides["dest"], sides["src"]) if direction is Direction.INGRESS else (sides["src"], sides["dest"])
        )
        found.append(
            Rule(
                name=f"{holder.name}/{priority}",
                network=holder.network,
                direction=direction,
                priority=priority,
                action=action or Action.DENY,
                l4=l4,
                remote_ranges=remote.ranges,
                remote_secure_tags=remote.tags,
                local_ranges=local.ranges,
                target_service_accounts=accounts,
                target_secure_tags=tags,
                disabled=disabled,
                ineffective=not trouble and (no_targets or local.nothing or remote.nothing),
                cannot_tell=trouble,
                remote_unsure=remote.unsure,
                local_unsure=local.unsure,
                condition="; ".join(filter(None, conditions)),
                stage=holder.stage,
                policy=holder.name,
                display=holder.display,
            )
        )
    return found


def _unreadable(holder: Holder, direction: Direction, why: str) -> Rule:
    return Rule(
        name=f"{holder.name}/0",
        network=holder.network,
        direction=direction,
        priority=0,
        action=Action.DENY,
        l4=(),
        cannot_tell=why,
        stage=holder.stage,
        policy=holder.name,
        display=holder.display,
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """The alternatives of one side. `nothing`: there are some, and none of them can match."""

    ranges: tuple[Range, ...]
    tags: frozenset[str]
    unsure: str
    nothing: bool


def _side(match: Fields, side: str, groups: Groups) -> _Side:
    ranges = list(match.ranges(f"{side}IpRanges"))
    tags = _tags(match, "srcSecureTags") if side == "src" else frozenset()
    unsure = []
    for name in match.texts(f"{side}AddressGroups"):
        resolved = groups.of(name)
        if isinstance(resolved, str):
            unsure.append(f"{side}AddressGroups: {name}: {resolved}")
        else:
            ranges += resolved
    for what, why in _UNSURE.items():
        unsure += [f"{side}{what}: {name} {why}" for name in match.texts(f"{side}{what}")]
    keys = [f"{side}{what}" for what in _ALTERNATIVES] + (["srcSecureTags"] if side == "src" else [])
    given = any(match.raw.get(key) for key in keys)
    return _Side(tuple(ranges), tags, "; ".join(unsure), given and not (ranges or tags or unsure))


def _tags(fields: Fields, key: str) -> frozenset[str]:
    """Those in effect, by whatever text names them."""
    value = fields.raw.get(key)
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        fields.trouble(key, "must be a list")
        return frozenset()
    found = set()
    for index, raw in enumerate(value):
        if not isinstance(raw, Mapping):
            fields.trouble(f"{key}[{index}]", "must be an object")
            continue
        tag = Fields(raw, f"{fields.path}{key}[{index}].", fields.troubles)
        tag.known(frozenset({"name", "state"}))
        name, state = tag.text("name", needed=True), tag.text("state", "EFFECTIVE")
        if state not in ("EFFECTIVE", "INEFFECTIVE"):
            tag.trouble("state", f"{state!r} is neither EFFECTIVE nor INEFFECTIVE")
        if name and state != "INEFFECTIVE":
            found.add(name)
    return frozenset(found)


def _condition(match: Fields, key: str) -> str:
    """Whatever a network type is taken to be: which addresses it has, only Google knows."""
    names = match.texts(key) if key == "srcNetworks" else [match.text(key)]
    return "; ".join(f"{key}: {name} cannot be judged here" for name in names if name)


def _elsewhere(resources: Sequence[str], holder: Holder) -> tuple[bool, str]:
    """Whether a rule is for other networks only, and a condition where that cannot be told."""
    if not resources or holder.network in _names(resources, holder.project):
        return False, ""
    # Networks and projects have numbers beside their names, and recordings do not say whose number it is.
    numbered = [url for url in resources if any(part.isdigit() for part in url.split("/"))]
    if numbered:
        return False, f"targetResources: whether {numbered[0]} is network {holder.network} is not known"
    return True, ""


def _names(urls: Iterable[str], project: str) -> set[str]:
    return {network_name(url, project) for url in urls}
