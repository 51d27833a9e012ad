"""A recording → `Firewall`.

The law of this file: what cannot be read never makes a rule broader and never makes it go away. It becomes a `Problem` that names the
rule and the field, and the rule becomes one that cannot tell. That is why unknown fields count too: the API grows, and a match
condition that a reader does not know would otherwise look like a rule without it.

A recording holds the Compute API's own answers (https://cloud.google.com/compute/docs/reference/rest/v1) under `firewalls`,
`instances`, `networks`, `subnetworks`, `routes` and `effectiveFirewalls`; `unavailable` says which of them could not be read and why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from pathcheck.model.firewall import Firewall, L4Match, PortRange, Problem, Rule
from pathcheck.model.flows import PROTOCOL_NUMBERS, WITH_PORTS, Range
from pathcheck.model.words import Action, Direction
from pathcheck.wire.compute import (
    NotARecording,
    Unreadable,
    listed_in,
    network_name,
    shown,
)
from pathcheck.wire.firewall_policies import policies_of, rules_elsewhere
from pathcheck.wire.machines import instances_of

FORMAT = "pathcheck-recording/1"

# https://cloud.google.com/compute/docs/reference/rest/v1/firewalls: what a rule matches, and what says nothing about packets.
_MATCHING = frozenset(
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
_SILENT = frozenset(
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
_KEYS = frozenset(
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
        "status",
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
    named in `unavailable`, leaves whatever they would decide undetermined.

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
    for key in ("instances", "firewalls"):
        if key in unavailable:
            raise NotARecording(f"{key}: could not be read: {unavailable[key]}")
    routes = [] if "routes" in unavailable else listed_in(recording, "routes", required=False)
    instances = instances_of(listed_in(recording, "instances"), routes, project, problems)
    rules = [
        rule
        for index, raw in enumerate(listed_in(recording, "firewalls"))
        for rule in _rules(raw, f"firewalls[{index}]", project, problems)
    ]
    problems += [Problem(where, f"could not be read: {why}") for where, why in unavailable.items()]
    problems += [Problem(shown(key), "is not known to this version") for key in sorted(recording.keys() - _KEYS)]
    return Firewall(
        project=project,
        revision=revision_of(recording),
        instances=instances,
        rules=tuple(rules),
        policies=(
            *rules_elsewhere(recording, instances, rules, project),
            *policies_of(recording, unavailable, project, problems),
        ),
        problems=tuple(problems),
    )


def revision_of(recording: Mapping[str, object]) -> str:
    """16 hexadecimal digits, the same for recordings in which every packet meets the same: order and timestamps do not count."""
    lists = {
        key: sorted(json.dumps(_lasting(item), sort_keys=True, default=str) for item in value)
        if isinstance(value, list)
        else json.dumps(_lasting(value), sort_keys=True, default=str)
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


# Rules


def _rules(raw: object, place: str, project: str, problems: list[Problem]) -> Iterable[Rule]:
    """One rule; two that cannot tell where not even the direction could be read."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "is no firewall rule"))
        return [_cannot_tell(place, direction, "is no firewall rule") for direction in Direction]
    reading = _Reading(raw)
    name = reading.text("name", place)
    network = network_name(reading.text("network", ""), project)
    if not network:
        reading.troubles.append("network: is missing")
    priority = reading.priority()
    directions = reading.directions()
    action, l4 = reading.action()
    disabled = raw.get("disabled", False)
    if not isinstance(disabled, bool):
        reading.troubles.append("disabled: must be true or false")
    sources, destinations = reading.ranges("sourceRanges"), reading.ranges("destinationRanges")
    source_tags, source_accounts = reading.names("sourceTags"), reading.names("sourceServiceAccounts")
    target_tags, target_accounts = reading.names("targetTags"), reading.names("targetServiceAccounts")
    if directions == (Direction.EGRESS,):
        remote, local = destinations or _ANYWHERE, sources
        if source_tags or source_accounts:
            reading.troubles.append("sourceTags: an egress rule has none")
    else:
        remote = sources if sources or source_tags or source_accounts else _ANYWHERE
        local = destinations
    unknown = sorted(shown(key) for key in raw if key not in _MATCHING and key not in _SILENT)
    reading.troubles += [f"{key}: is not known to this version" for key in unknown]
    problems += [Problem(name, trouble) for trouble in reading.troubles]
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
            disabled=disabled is True,
            cannot_tell="; ".join(reading.troubles),
        )
        for direction in directions
    ]


def _cannot_tell(name: str, direction: Direction, why: str) -> Rule:
    return Rule(name, "", direction, 0, Action.DENY, (), cannot_tell=why)


class _Reading:
    """The fields of one rule; what cannot be read is noted in `troubles` and answered with the value that commits to nothing."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw = raw
        self.troubles: list[str] = []

    def text(self, key: str, otherwise: str) -> str:
        value = self.raw.get(key)
        if isinstance(value, str) and value and value.isprintable():
            return value
        if value is not None or key == "name":
            self.troubles.append(f"{key}: must be a text that can be printed")
        return otherwise

    def priority(self) -> int:
        value = self.raw.get("priority", 1000)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535:
            return value
        self.troubles.append(f"priority: {value!r} is not within 0-65535")
        return 0

    def directions(self) -> tuple[Direction, ...]:
        value = self.raw.get("direction", "INGRESS")
        if value in ("INGRESS", "EGRESS"):
            return (Direction.INGRESS if value == "INGRESS" else Direction.EGRESS,)
        self.troubles.append(f"direction: {value!r} is neither INGRESS nor EGRESS")
        return tuple(Direction)

    def action(self) -> tuple[Action, tuple[L4Match, ...]]:
        given = [(key, self.raw[key]) for key in ("allowed", "denied") if self.raw.get(key)]
        if len(given) != 1:
            self.troubles.append("allowed, denied: exactly one of them is needed")
            return Action.DENY, ()
        key, entries = given[0]
        action = Action.ALLOW if key == "allowed" else Action.DENY
        if not isinstance(entries, list):
            self.troubles.append(f"{key}: must be a list")
            return action, ()
        try:
            return action, tuple(_l4(entry) for entry in entries)
        except Unreadable as why:
            self.troubles.append(f"{key}: {why}")
            return action, ()

    def ranges(self, key: str) -> tuple[Range, ...]:
        try:
            # Host bits occur in real lists (8.8.8.8/24); the API compares networks.
            return tuple(ip_network(text, strict=False) for text in self._texts(key))
        except ValueError as why:
            self.troubles.append(f"{key}: {why}")
            return ()

    def names(self, key: str) -> frozenset[str]:
        return frozenset(self._texts(key))

    def _texts(self, key: str) -> list[str]:
        value = self.raw.get(key) or []
        if isinstance(value, list) and all(isinstance(text, str) and text and text.isprintable() for text in value):
            return value
        self.troubles.append(f"{key}: must be a list of texts that can be printed")
        return []


def _l4(entry: object) -> L4Match:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("IPProtocol"), str):
        raise Unreadable("each entry needs IPProtocol")
    if unknown := set(entry) - {"IPProtocol", "ports"}:
        raise Unreadable(f"{min(map(shown, unknown))} is not known to this version")
    protocol = _protocol(entry["IPProtocol"])
    ports = entry.get("ports") or []
    if not isinstance(ports, list):
        raise Unreadable("ports must be a list")
    if ports and protocol not in WITH_PORTS:
        raise Unreadable(f"{entry['IPProtocol']} has no ports")
    return L4Match(protocol, tuple(_ports(text) for text in ports))


def _protocol(text: str) -> int | None:
    name = text.lower()
    if name == "all":
        return None
    if name in PROTOCOL_NUMBERS:
        return PROTOCOL_NUMBERS[name]
    if name.isascii() and name.isdigit() and len(name) <= 3 and int(name) <= 255:
        return int(name)
    raise Unreadable(f"IPProtocol {text!r} is neither a known name nor a number up to 255")


def _ports(text: object) -> PortRange:
    first, dash, last = str(text).partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
        raise Unreadable(f"port {text!r} is neither N nor N-M")
    # Python refuses to read numbers of thousands of digits.
    if len(first) <= 5 and len(last) <= 5:
        ports = PortRange(int(first), int(last if dash else first))
        if ports.first <= ports.last <= 65535:
            return ports
    raise Unreadable(f"ports {text!r} are not within 0-65535")
