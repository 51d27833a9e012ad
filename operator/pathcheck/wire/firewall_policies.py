"""Which firewall policies apply in which network and region → `Policy`, in the order in which they are asked.

`effectiveFirewalls` holds the answers of regionNetworkFirewallPolicies.getEffectiveFirewalls, one a network and region
(https://cloud.google.com/compute/docs/reference/rest/v1/regionNetworkFirewallPolicies/getEffectiveFirewalls). Where an answer is
missing or cannot be read, a policy without a name stands in its place, with rules that cannot tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pathcheck.model.firewall import Problem
from pathcheck.model.machines import Instance, Network
from pathcheck.model.rules import Policy, Rule, Stage
from pathcheck.model.words import Action, Direction
from pathcheck.wire.compute import (
    Unreadable,
    items,
    last_part,
    listed_in,
    mapping,
    network_meant,
    network_owner,
    shown,
)
from pathcheck.wire.policy_rules import Groups, Holder, policy_rules
from pathcheck.wire.rule_fields import Fields

_DEFAULT_PRIORITY = 1000
_LAST_PRIORITY = 2147483647
# The answer's types in the order in which they are asked where the network has no order of its own.
_TYPES = {
    "HIERARCHY": Stage.HIERARCHY,
    "SYSTEM_GLOBAL": Stage.SYSTEM,
    "SYSTEM_REGIONAL": Stage.SYSTEM,
    "NETWORK": Stage.GLOBAL,
    "NETWORK_REGIONAL": Stage.REGIONAL,
}
_ORDER = list(_TYPES)
OF_POLICY = frozenset(["name", "type", "priority", "rules", "displayName", "shortName"])
# What else a policy has, and says nothing about which packets it lets pass.
SILENT = frozenset(
    [
        "kind",
        "id",
        "creationTimestamp",
        "description",
        "selfLink",
        "selfLinkWithId",
        "fingerprint",
        "etag",
        "parent",
        "region",
        "associations",
        "ruleTupleCount",
        "packetMirroringRules",
        "policyType",
    ]
)
OF_ANSWER = frozenset(["firewalls", "firewallPolicys", "kind"])


@dataclass(frozen=True, slots=True)
class Scope:
    """One answer, for one network and region; `why` it says nothing, if it does not."""

    place: str
    network: str
    region: str
    answer: Mapping[str, object]
    why: str = ""


def scopes_of(
    recording: Mapping[str, object],
    unavailable: Mapping[str, str],
    used: Collection[str],
    project: str,
    problems: list[Problem],
) -> tuple[Scope, ...]:
    """Every answer of the recording; where none could be read at all, one for every network and region that says why.

    `used` are the names of the networks in which machines' interfaces are.
    """
    if "effectiveFirewalls" in unavailable:
        return (Scope("effectiveFirewalls", "", "", {}, unavailable["effectiveFirewalls"]),)
    if recording.get("effectiveFirewalls") is None:
        return (Scope("effectiveFirewalls", "", "", {}, "the recording has no effectiveFirewalls"),)
    entries = enumerate(listed_in(recording, "effectiveFirewalls"))
    return tuple(_scope(entry, f"effectiveFirewalls[{index}]", used, project, problems) for index, entry in entries)


def _scope(entry: object, place: str, used: Collection[str], project: str, problems: list[Problem]) -> Scope:
    network = region = ""
    answer: Mapping[str, object] = {}
    try:
        scope = mapping(entry, "it")
        for key in ("network", "region"):
            if not isinstance(scope.get(key), str) or not scope[key] or not scope[key].isprintable():
                raise Unreadable(f"{key}: must be a text that can be printed")
        network, region = network_meant(scope["network"], project, used), last_part(scope["region"])
        if scope.get("unavailable"):
            why = shown(scope["unavailable"])
            problems.append(Problem(f"{place}: {network} in {region}", f"could not be read: {why}"))
            return Scope(place, network, region, answer, why)
        if not isinstance(scope.get("answer"), Mapping):
            raise Unreadable("answer: must be an object")
        answer = scope["answer"]
        if unknown := sorted(shown(key) for key in answer if key not in OF_ANSWER):
            raise Unreadable(f"answer.{unknown[0]}: is not known to this version")
    except Unreadable as why:
        problems.append(Problem(place, str(why)))
        return Scope(place, network, region, answer, f"{place}: {why}")
    return Scope(place, network, region, answer)


def policies_of(
    scopes: Sequence[Scope], groups: Groups, instances: Sequence[Instance], project: str, problems: list[Problem]
) -> Iterable[Policy]:
    """The policies of every answer, and one that cannot tell for every interface's network and region without an answer."""
    for scope in scopes:
        if scope.why:
            yield unread(scope.why, scope.network, scope.region)
            continue
        try:
            found = [
                _policy(
                    mapping(raw, "firewallPolicys"), f"{scope.place}.firewallPolicys[{index}]", scope, groups, project
                )
                for index, raw in enumerate(items(scope.answer, "firewallPolicys"))
            ]
        except Unreadable as why:
            problems.append(Problem(scope.place, str(why)))
            yield unread(f"{scope.place}: {why}", scope.network, scope.region)
            continue
        for _, policy, troubles in sorted(found, key=lambda each: each[0]):
            problems += troubles
            yield policy
    # An empty list says that there are no policies at all.
    if scopes and not any(scope.network == "" for scope in scopes):
        answered = {(scope.network, scope.region) for scope in scopes}
        used = {(interface.network, interface.region) for m in instances for interface in m.interfaces}
        for network, region in sorted(used - answered):
            yield unread(f"effectiveFirewalls has no answer for network {network} in {region}", network, region)


def rules_elsewhere(
    instances: Sequence[Instance], networks: Sequence[Network], rules: Sequence[Rule], project: str
) -> Iterable[Policy]:
    """Networks of other projects (Shared VPC) about which this recording has nothing: no rule listed is not no rule there."""
    used = {interface.network for instance in instances for interface in instance.interfaces}
    known = {rule.network for rule in rules} | {network.name for network in networks}
    for network in sorted(used - known):
        owner, _ = network_owner(network, project)
        if owner != project:
            yield unread(f"nothing of project {owner}, which owns network {network}, is in this recording", network)


def unread(why: str, network: str = "", region: str = "") -> Policy:
    """Nobody knows which rules there are."""
    rules = [
        Rule("policies", network, direction, 0, Action.DENY, (), cannot_tell=why, stage=Stage.HIERARCHY)
        for direction in Direction
    ]
    return Policy("", Stage.HIERARCHY, network, region, tuple(rules))


Order = tuple[int, int, str]


def _policy(
    raw: Mapping[str, object], place: str, scope: Scope, groups: Groups, project: str
) -> tuple[Order, Policy, list[Problem]]:
    """With its place among the policies of its answer, and what is wrong with it.

    Raises Unreadable.
    """
    fields = Fields(raw)
    fields.known(OF_POLICY, SILENT)
    kind = fields.text("type", needed=True)
    if kind and kind not in _TYPES:
        fields.trouble("type", f"{kind!r} is not known to this version")
    display = fields.text("displayName") or fields.text("shortName")
    name = fields.text("name") or display or place
    priority = fields.number("priority", _LAST_PRIORITY, _DEFAULT_PRIORITY) if kind != "HIERARCHY" else 0
    trouble = "; ".join(fields.troubles)
    problems = [Problem(name, why) for why in fields.troubles]
    stage = _TYPES.get(kind, Stage.HIERARCHY)
    holder = Holder(name, display, stage, scope.network, project, groups, trouble)
    rules = [
        rule for index, found in enumerate(items(raw, "rules")) for rule in policy_rules(found, index, holder, problems)
    ]
    if trouble and not rules:
        raise Unreadable(f"{name}: {trouble}")
    policy = Policy(name, stage, scope.network, scope.region, tuple(rules), display)
    # Hierarchical policies come in their order: the organization's, then those of its folders on the way down.
    hierarchical = stage is Stage.HIERARCHY
    order = (0, 0, "") if hierarchical else (_ORDER.index(kind), priority, name)
    return order, policy, problems
