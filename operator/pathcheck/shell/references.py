"""What do the rules of firewall policies refer to that only other APIs know: address groups, and machines by secure tag?

Taken from raw answers of getEffectiveFirewalls, which are whatever they are: what has not the expected shape refers to nothing, and the
translation says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

# https://cloud.google.com/firewall/docs/about-address-groups: a project's or an organization's; rules name them by URL or path.
_GROUP = re.compile(r"(?:projects|organizations)/[^/?#]+/locations/[^/?#]+/addressGroups/[^/?#]+$")


@dataclass(frozen=True, slots=True)
class References:
    """`groups`: as the rule spells it → the path of the resource. `tags`: some rule names a secure tag; `sources`: as a source."""

    groups: Mapping[str, str]
    tags: bool
    sources: bool


def references_of(answers: Iterable[Json], project: str) -> References:
    """What all rules of these answers refer to; an address group without a path is the project's own."""
    groups: dict[str, str] = {}
    tags = sources = False
    for rule in _rules(answers):
        match = rule.get("match")
        match = match if isinstance(match, Mapping) else {}
        for key in ("srcAddressGroups", "destAddressGroups"):
            for name in _listed(match, key):
                path = _path(name, project)
                if path:
                    groups[name] = path
        sources = sources or bool(match.get("srcSecureTags"))
        tags = tags or sources or bool(rule.get("targetSecureTags"))
    return References(groups, tags, sources)


def instance_keys(machines: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """Machines by the names that a recording binds tags to: the name or, where zones share it, ZONE/NAME."""
    found = list(machines)
    names = [machine.get("name") for machine in found]
    for machine in found:
        name, zone = str(machine.get("name")), zone_of(machine)
        yield (name if names.count(name) == 1 else f"{zone}/{name}"), machine


def zone_of(machine: Json) -> str:
    """Its zone's name."""
    return str(machine.get("zone", "")).rpartition("/")[2]


def _rules(answers: Iterable[Json]) -> Iterator[Json]:
    for answer in answers:
        for policy in _listed(answer, "firewallPolicys"):
            for rule in _listed(policy, "rules"):
                if isinstance(rule, Mapping):
                    yield rule


def _listed(holder: object, key: str) -> list[Any]:
    found = holder.get(key) if isinstance(holder, Mapping) else None
    return found if isinstance(found, list) else []


def _path(name: object, project: str) -> str:
    if not isinstance(name, str):
        return ""
    if name and "/" not in name:
        name = f"projects/{project}/locations/global/addressGroups/{name}"
    found = _GROUP.search(name)
    return found.group() if found else ""
