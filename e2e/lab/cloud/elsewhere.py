"""What two other Google APIs know that firewall policies speak of: address groups and who is bound to which secure tag.

Network Security (https://docs.cloud.google.com/secure-web-proxy/docs/reference/network-security/rest/v1/projects.locations.addressGroups)
and Resource Manager (https://docs.cloud.google.com/resource-manager/reference/rest/v3/effectiveTags), answered at the same
endpoint from a recording's `addressGroups` {NAME: [CIDR]} and `secureTagBindings` {INSTANCE: ["tagValues/7"]}. Both are
read only. Their errors are google.rpc's, without Compute Engine's list of reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

from e2e.lab.cloud.errors import RpcError
from e2e.lab.cloud.store import Json, SeedError, Store

_GROUPS = re.compile(r"/v1/(?P<parent>(?:projects|organizations)/[^/]+/locations/[^/]+)/addressGroups")
_GROUP = re.compile(_GROUPS.pattern + r"/(?P<name>[^/]+)")
# As an attached resource has its full name; the instance by its number, or here by its name as well.
_INSTANCE = re.compile(
    r"//compute\.googleapis\.com/projects/(?P<project>[^/]+)/zones/(?P<zone>[^/]+)/instances/(?P<instance>[^/]+)"
)


class Elsewhere:
    """Address groups and secure tag bindings of one project, as they were recorded."""

    def __init__(self, recording: Mapping[str, Any], store: Store) -> None:
        """Takes them from a recording.

        Raises:
            SeedError: one of the two is not of its shape.
        """
        self._store = store
        self._began = store.clock.timestamp()
        self.groups: Mapping[str, list[str]] = _lists(recording, "addressGroups", ip_network)
        self.bindings: Mapping[str, list[str]] = _lists(recording, "secureTagBindings", _tag_value)

    def answer(self, method: str, path: str, parameters: Mapping[str, str]) -> Json | None:
        """The body of the answer to a call on one of the two; None if the call is none of theirs.

        Raises:
            RpcError: 400 or 404.
        """
        if method != "GET":
            return None
        if match := _GROUPS.fullmatch(path):
            _check(parameters, {"pageSize", "pageToken", "returnPartialSuccess"})
            found = [self._group(name) for name in self.groups if self._full(name).startswith(f"{match['parent']}/")]
            return {"addressGroups": found} if found else {}
        if _GROUP.fullmatch(path):
            _check(parameters, set())
            full = path.removeprefix("/v1/")
            for name in self.groups:
                if self._full(name) == full:
                    return self._group(name)
            raise RpcError(404, f"Resource '{full}' was not found")
        if path in ("/v3/effectiveTags", "/v3/tagBindings"):
            _check(parameters, {"parent", "pageSize", "pageToken"})
            return self._tags(path.rpartition("/")[2], parameters.get("parent", ""))
        return None

    def _full(self, name: str) -> str:
        if "/" in name:
            return name.rpartition("networksecurity.googleapis.com/")[2].removeprefix("v1/").lstrip("/")
        return f"projects/{self._store.project}/locations/global/addressGroups/{name}"

    def _group(self, name: str) -> Json:
        items = self.groups[name]
        versions = {ip_network(item, strict=False).version for item in items}
        return {
            "name": self._full(name),
            "createTime": self._began,
            "updateTime": self._began,
            "type": "IPV6" if versions == {6} else "IPV4",
            "capacity": max(100, len(items)),
            "purpose": ["DEFAULT"],
            "selfLink": f"https://networksecurity.googleapis.com/v1/{self._full(name)}",
        } | ({"items": items} if items else {})

    def _tags(self, kind: str, parent: str) -> Json:
        match = _INSTANCE.fullmatch(parent)
        if match is None:
            raise RpcError(400, f"parent {parent!r} is not the full resource name of an instance")
        for instance in self._store.within(f"zones/{match['zone']}/instances"):
            if match["project"] in (self._store.project, "1") and match["instance"] in (
                instance["name"],
                instance["id"],
            ):
                values = self.bindings.get(instance["name"], [])
                found = [
                    {"tagValue": value}
                    | ({} if kind == "effectiveTags" else {"name": _binding(parent, value), "parent": parent})
                    for value in values
                ]
                return {kind: found} if found else {}
        raise RpcError(404, f"Resource '{parent}' was not found")


def _binding(parent: str, value: str) -> str:
    return f"tagBindings/{parent.replace('/', '%2F')}/{value}"


def _check(given: Mapping[str, str], known: set[str]) -> None:
    for name in given:
        if name not in known and name not in ("alt", "$alt", "key", "prettyPrint"):
            raise RpcError(400, f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.')


def _tag_value(text: str) -> str:
    if not re.fullmatch(r"tagValues/[0-9]+", text):
        raise ValueError("not tagValues/NUMBER")
    return text


def _lists(recording: Mapping[str, Any], key: str, check: Callable[[str], object]) -> dict[str, list[str]]:
    found = recording.get(key) or {}
    if not isinstance(found, dict) or not all(isinstance(listed, list) for listed in found.values()):
        raise SeedError(f"{key} must be an object of lists")
    for name, listed in found.items():
        for index, text in enumerate(listed):
            try:
                check(text)
            except (TypeError, ValueError) as error:
                raise SeedError(f"{key}[{name!r}][{index}] is {text!r}: {error}") from error
    return found
