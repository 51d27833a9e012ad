"""A recording → `Firewall`.

The law of this file: what cannot be read never makes a rule broader and never makes it go away. It becomes a `Problem` that names the
rule and the field, and the rule becomes one that cannot tell. That is why unknown fields count too: the API grows, and a match
condition that a reader does not know would otherwise look like a rule without it.

A recording holds the Compute API's own answers (https://cloud.google.com/compute/docs/reference/rest/v1) under `firewalls`,
`instances`, `networks`, `subnetworks`, `routes` and `effectiveFirewalls`; `unavailable` says which of them could not be read and why.
docs/predict.md says what each is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network

from pathcheck.model.firewall import Firewall, Problem
from pathcheck.model.flows import Range
from pathcheck.model.rules import L4Match, Policy, Rule
from pathcheck.model.words import Action, Direction
from pathcheck.wire.compute import NotARecording, listed_in, network_name, shown
from pathcheck.wire.firewall_policies import Scope, policies_of, rules_elsewhere, scopes_of, unread
from pathcheck.wire.machines import bindings_of, instances_of
from pathcheck.wire.networks import networks_of
from pathcheck.wire.policy_rules import Groups
from pathcheck.wire.routes import routed_ranges, routes_of
from pathcheck.wire.rule_fields import Fields

FORMAT = "pathcheck-recording/1"

# https://cloud.google.com/compute/docs/reference/rest/v1/firewalls: what a rule matches, and what says nothing about packets.
MATCHING = frozenset(
    [
        "name",
        "network",
        "priority",
        "direction",
        "disabled",
        "allowed",
        "denied",
        "sourceRanges",
        "destinationRanges",
        "sourceTags",
        "targetTags",
        "sourceServiceAccounts",
        "targetServiceAccounts",
    ]
)
SILENT = frozenset(
    [
        "kind",
        "id",
        "creationTimestamp",
        "description",
        "selfLink",
        "selfLinkWithId",
        "logConfig",
        "enableLogging",
        "params",
        "etag",
    ]
)
# What a recording has; docs/predict.md says what each is.
KEYS = frozenset(
    [
        "format",
        "project",
        "networks",
        "subnetworks",
        "routes",
        "instances",
        "firewalls",
        "effectiveFirewalls",
        "addressGroups",
        "secureTagBindings",
        "unavailable",
    ]
)
# What changes at the cloud without anything being decided otherwise.
_VOLATILE = frozenset(
    [
        "kind",
        "etag",
        "fingerprint",
        "labelFingerprint",
        "creationTimestamp",
        "description",
        "lastStartTimestamp",
        "lastStopTimestamp",
        "lastSuspendedTimestamp",
        "cpuPlatform",
        "logConfig",
        "labels",
    ]
)
_ANYWHERE: tuple[Range, ...] = (ip_network("0.0.0.0/0"),)


def firewall_of(recording: Mapping[str, object]) -> Firewall:
    """The firewall that this recording shows.

    Lists are taken as complete, so an empty `effectiveFirewalls` says that there are no policies, while a missing one, or one that is
    named in `unavailable`, leaves whatever they would decide undetermined. Where `firewalls` could not be read, the answers of
    `effectiveFirewalls` have the rules as well.

    Raises NotARecording when the format, the project, or the list of rules or instances is missing or is no such thing.
    """
    try:
        return _firewall_of(recording)
    except RecursionError:
        raise NotARecording("is nested too deeply") from None


def _firewall_of(recording: Mapping[str, object]) -> Firewall:
    if recording.get("format") != FORMAT:
        raise NotARecording(f"format: is {recording.get('format')!r}, expected {FORMAT!r}")
    project = recording.get("project")
    if not isinstance(project, str) or not project:
        raise NotARecording("project: a recording names its project")
    problems: list[Problem] = []
    unavailable = _unavailable(recording)
    if "instances" in unavailable:
        raise NotARecording(f"instances: could not be read: {unavailable['instances']}")
    raw_instances = listed_in(recording, "instances")
    routes, all_routes = routes_of(recording, unavailable, raw_instances, project, problems)
    bindings = bindings_of(recording, unavailable, problems)
    instances = instances_of(raw_instances, routed_ranges(routes), bindings, project, problems)
    used = {interface.network for instance in instances for interface in instance.interfaces}
    networks = networks_of(listed_in(recording, "networks", required=False), used, project, problems)
    scopes = scopes_of(recording, unavailable, used | {network.name for network in networks}, project, problems)
    rules = [
        rule
        for place, raw in _listed_rules(recording, unavailable, scopes)
        for rule in _rules(raw, place, project, problems)
    ]
    policies: list[Policy] = [*rules_elsewhere(instances, networks, rules, project)]
    if "firewalls" in unavailable:
        covered = {rule.network for rule in rules} | {scope.network for scope in scopes if "firewalls" in scope.answer}
        policies += [unread(f"firewalls: {unavailable['firewalls']}", network) for network in sorted(used - covered)]
    policies += policies_of(scopes, _groups(recording, unavailable, problems), instances, project, problems)
    problems += [Problem(where, f"could not be read: {why}") for where, why in unavailable.items()]
    if "firewalls" in unavailable:
        why = "are taken from effectiveFirewalls instead, which need not show the disabled ones"
        problems.append(Problem("firewalls", why))
    problems += [Problem(shown(key), "is not known to this version") for key in sorted(recording.keys() - KEYS)]
    return Firewall(
        project=project,
        revision=revision_of(recording),
        instances=instances,
        rules=tuple(rules),
        policies=tuple(policies),
        networks=networks,
        routes=routes if all_routes else None,
        # A policy is told of in every network and region in which it applies.
        problems=tuple(dict.fromkeys(problems)),
    )


def revision_of(recording: Mapping[str, object]) -> str:
    """16 hexadecimal digits, the same for recordings in which every packet meets the same: order and timestamps do not count."""
    lists = {
        key: sorted(json.dumps(_lasting(item), sort_keys=True, default=str) for item in value)
        if isinstance(value, list)
        else json.dumps(value, sort_keys=True, default=str)  # by names, and a machine may be called `status`
        for key, value in recording.items()
    }
    return hashlib.sha256(json.dumps(lists, sort_keys=True).encode()).hexdigest()[:16]


def _lasting(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lasting(item) for key, item in value.items() if key not in _VOLATILE}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _unavailable(recording: Mapping[str, object]) -> dict[str, str]:
    noted = recording.get("unavailable", {})
    if not isinstance(noted, Mapping):
        raise NotARecording("unavailable: maps a list's name to why it could not be read")
    return {shown(key): shown(why) for key, why in noted.items()}


def _groups(recording: Mapping[str, object], unavailable: Mapping[str, str], problems: list[Problem]) -> Groups:
    groups = recording.get("addressGroups", {})
    why = unavailable.get("addressGroups", "")
    if isinstance(groups, Mapping):
        return Groups(groups, why)
    problems.append(Problem("addressGroups", "maps an address group's name to its ranges"))
    return Groups({}, why or "addressGroups is no such map")


# Rules


def _listed_rules(
    recording: Mapping[str, object], unavailable: Mapping[str, str], scopes: Sequence[Scope]
) -> Iterable[tuple[str, object]]:
    """Each rule with its place; where the list could not be read, those that the effective firewalls show as well."""
    if "firewalls" not in unavailable:
        yield from ((f"firewalls[{index}]", raw) for index, raw in enumerate(listed_in(recording, "firewalls")))
        return
    listed = listed_in(recording, "firewalls", required=False)
    answers = {f"{scope.place}.firewalls": scope.answer["firewalls"] for scope in scopes if "firewalls" in scope.answer}
    if not listed and not answers:
        raise NotARecording(f"firewalls: could not be read: {unavailable['firewalls']}")
    yielded: set[str] = set()
    for place, found in {"firewalls": listed, **answers}.items():
        if not isinstance(found, list):
            raise NotARecording(f"{place}: must be a list")
        for index, raw in enumerate(found):
            # Every region of a network shows the network's rules, and a name stands for one rule of a project.
            named = (raw.get("network"), raw.get("name")) if isinstance(raw, Mapping) else raw
            key = json.dumps(named, sort_keys=True)
            if key not in yielded:
                yielded.add(key)
                yield f"{place}[{index}]", raw


def _rules(raw: object, place: str, project: str, problems: list[Problem]) -> Iterable[Rule]:
    """One rule; two that cannot tell where not even the direction could be read."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "is no firewall rule"))
        return [_cannot_tell(place, direction, "is no firewall rule") for direction in Direction]
    fields = Fields(raw)
    name = fields.text("name", place, needed=True)
    network = network_name(fields.text("network"), project)
    if not network:
        fields.trouble("network", "is missing")
    priority = fields.number("priority", 65535, 1000)
    directions = fields.directions("INGRESS")
    action, l4 = _action(fields)
    disabled = fields.flag("disabled")
    sources, destinations = fields.ranges("sourceRanges"), fields.ranges("destinationRanges")
    source_tags = frozenset(fields.texts("sourceTags"))
    source_accounts = frozenset(fields.texts("sourceServiceAccounts"))
    target_tags = frozenset(fields.texts("targetTags"))
    target_accounts = frozenset(fields.texts("targetServiceAccounts"))
    if directions == (Direction.EGRESS,):
        remote, local = destinations or _ANYWHERE, sources
        if source_tags or source_accounts:
            fields.trouble("sourceTags", "an egress rule has none")
    else:
        remote = sources if sources or source_tags or source_accounts else _ANYWHERE
        local = destinations
    fields.known(MATCHING, SILENT)
    problems += [Problem(name, trouble) for trouble in fields.troubles]
    return [
        Rule(
            name=name,
            network=network,
            direction=direction,
            priority=priority,
            action=action,
            l4=l4,
            remote_ranges=remote,
            remote_tags=source_tags,
            remote_service_accounts=source_accounts,
            local_ranges=local,
            target_tags=target_tags,
            target_service_accounts=target_accounts,
            disabled=disabled,
            cannot_tell="; ".join(fields.troubles),
        )
        for direction in directions
    ]


def _cannot_tell(name: str, direction: Direction, why: str) -> Rule:
    return Rule(name, "", direction, 0, Action.DENY, (), cannot_tell=why)


def _action(fields: Fields) -> tuple[Action, tuple[L4Match, ...]]:
    given = [key for key in ("allowed", "denied") if fields.raw.get(key)]
    if len(given) != 1:
        fields.trouble("allowed, denied", "exactly one of them is needed")
        return Action.DENY, ()
    return (Action.ALLOW if given[0] == "allowed" else Action.DENY), fields.l4(given[0], "IPProtocol")
