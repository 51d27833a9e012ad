"""Which calls Cloud Audit Logs has under Admin Activity, by which method, and who owns the log.

The methods are those of https://docs.cloud.google.com/vpc/docs/audit-logging and
https://docs.cloud.google.com/compute/docs/logging/audit-logging that need an ADMIN_WRITE permission and that the emulator
has. Reading is Data Access, which is off by default, and is not emulated; nor is the deletion of operations' records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from e2e.lab.cloud.policies import is_node
from e2e.lab.cloud.store import ORGANIZATIONAL, Store

_PROJECT = "projects/[^/]+"
_GLOBAL, _REGION, _ZONE = f"{_PROJECT}/global", f"{_PROJECT}/regions/[^/]+", f"{_PROJECT}/zones/[^/]+"
_VERBS = {"POST": "insert", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
_POLICY_VERBS = "addRule|patchRule|removeRule|addAssociation|removeAssociation"


def _rows() -> Iterator[tuple[str, str, str]]:
    """(methods, path of the collection or of one in it, the API's name of the collection)."""
    yield "POST", f"{_GLOBAL}/firewalls", "firewalls"
    yield "PATCH|PUT|DELETE", f"{_GLOBAL}/firewalls/[^/]+", "firewalls"
    yield "PATCH", f"{_GLOBAL}/networks/[^/]+", "networks"
    yield "POST", f"{_GLOBAL}/routes", "routes"
    yield "DELETE", f"{_GLOBAL}/routes/[^/]+", "routes"
    yield "POST", f"{_ZONE}/instances/[^/]+/(?P<verb>setTags)", "instances"
    for place, collection in (
        (_GLOBAL, "networkFirewallPolicies"),
        (_REGION, "regionNetworkFirewallPolicies"),
        (ORGANIZATIONAL.rstrip("/"), "firewallPolicies"),
    ):
        yield "POST", f"{place}/firewallPolicies", collection
        yield "PATCH|DELETE", f"{place}/firewallPolicies/[^/]+", collection
        yield "POST", f"{place}/firewallPolicies/[^/]+/(?P<verb>{_POLICY_VERBS})", collection


_ROWS = tuple((re.compile(methods), re.compile(path), collection) for methods, path, collection in _rows())


@dataclass(frozen=True, slots=True)
class Change:
    """A call that is to be written down, before it is answered.

    `method` is as the API names it (`firewalls.delete`), `resource` the resource's name, of an insert that of the
    collection (`projects/p/global/firewalls`), `owner` whose log it is (`projects/p`, `organizations/7`, `folders/8`),
    `permission` what the call needs, `began` when it came by the cloud's clock.
    """

    method: str
    resource: str
    owner: str
    permission: str
    began: datetime


def change(store: Store, method: str, path: str, parameters: Mapping[str, str], permission: str) -> Change | None:
    """What a call on a path without the prefix /compute/v1 would change; None if nothing, or nothing of anybody known.

    A hierarchical policy's owner is its parent. One that does not exist has none, so that no log has the attempt.
    """
    path = path.strip("/")
    for methods, pattern, collection in _ROWS:
        match = pattern.fullmatch(path) if methods.fullmatch(method) else None
        if match:
            verb = match.groupdict().get("verb")
            resource = path[: match.start("verb") - 1] if verb else path
            owner = _owner(store, resource, parameters)
            name = f"{collection}.{verb or _VERBS[method]}"
            return Change(name, resource, owner, permission, store.clock.now()) if owner else None
    return None


def _owner(store: Store, resource: str, parameters: Mapping[str, str]) -> str | None:
    if not resource.startswith(ORGANIZATIONAL):
        return f"projects/{store.project}" if resource.split("/")[1] == store.project else None
    parent = (store.get(resource) or {}).get("parent") or parameters.get("parentId", "")
    return str(parent) if is_node(parent) else None
