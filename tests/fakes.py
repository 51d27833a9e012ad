"""Stand-ins for what is outside, named and honest: they keep the rules that our code leans on, and no others."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Unavailable
from pathcheck.shell.ports import Body, ClusterError, Conflict, NotFound, Resource

Key = tuple[Resource, str, str]


class FakeCluster:
    """An API server in memory, by the port `KubeApi`.

    Kept: uids; resourceVersion grows with each change and with nothing else; apply by one manager replaces what that manager
    said before and leaves `status` to its subresource; create and apply with a wrong uid are conflicts; deletion checks the uid.
    Not kept: validation, defaults, other managers, finalizers (a deletion is at once), namespaces that must exist.

    `watch` is called with ("ADDED" | "MODIFIED" | "DELETED", resource, body) as soon as something changes.
    """

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.failures: dict[str, ClusterError] = {}
        self.watch: Callable[[str, Resource, Body], None] = lambda type_, resource, body: None
        self._version = 0

    def put(self, resource: Resource, body: Body) -> dict[str, Any]:
        """As if somebody else had written it, status and all."""
        key = _key(resource, body)
        had = self.objects.get(key)
        return self._keep(key, deepcopy(dict(body)), had)

    def all(self, resource: Resource) -> dict[str, dict[str, Any]]:
        """The objects of a kind, by name."""
        return {name: body for (kind, _, name), body in sorted(self.objects.items(), key=str) if kind == resource}

    async def apply(self, resource: Resource, body: Body, subresource: str = "") -> Body:
        key = _key(resource, body)
        self._called("apply", resource, body["metadata"]["name"], subresource)
        had = self.objects.get(key)
        if had is None and subresource:
            raise NotFound(f"{resource} {body['metadata']['name']}")
        uid = body["metadata"].get("uid")
        if uid is not None and (had is None or had["metadata"]["uid"] != uid):
            raise Conflict("the UID in the precondition is another one")
        said = deepcopy(dict(body))
        if subresource:
            assert had is not None
            new = had | {subresource: said[subresource]}
        else:
            said.pop("status", None)
            new = (had or {}) | said
        return self._keep(key, new, had)

    async def create(self, resource: Resource, body: Body) -> Body:
        key = _key(resource, body)
        self._called("create", resource, body["metadata"]["name"])
        if key in self.objects:
            raise Conflict(f"{resource} {body['metadata']['name']} already exists")
        return self._keep(key, deepcopy(dict(body)), None)

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Body:
        self._called("get", resource, name)
        return deepcopy(self._there(resource, name, namespace))

    async def read_all(self, resource: Resource) -> tuple[Body, ...]:
        self._called("list", resource, "")
        return tuple(deepcopy(body) for (kind, _, _), body in self.objects.items() if kind == resource)

    async def census(
        self, resource: Resource, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[frozenset[str], int]:
        self._called("census", resource, "")
        found = {
            b["metadata"]["uid"] for (r, ns, _), b in self.objects.items() if r == resource and namespace in (None, ns)
        }
        return frozenset(found), self._version

    async def delete(self, resource: Resource, name: str, namespace: str | None = None, uid: str = "") -> None:
        self._called("delete", resource, name)
        if uid and self._there(resource, name, namespace)["metadata"]["uid"] != uid:
            raise Conflict("the UID in the precondition is another one")
        self.remove(resource, name, namespace)

    def remove(self, resource: Resource, name: str, namespace: str | None = None) -> None:
        """As if somebody else had deleted it."""
        body = self._there(resource, name, namespace)
        del self.objects[resource, namespace or "", name]
        self._version += 1
        self.watch("DELETED", resource, body)

    def _there(self, resource: Resource, name: str, namespace: str | None) -> dict[str, Any]:
        try:
            return self.objects[resource, namespace or "", name]
        except KeyError:
            raise NotFound(f"{resource} {name}") from None

    def _keep(self, key: Key, body: dict[str, Any], had: dict[str, Any] | None) -> dict[str, Any]:
        old = dict(had["metadata"]) if had else {}
        metadata = body["metadata"]
        body["metadata"] = metadata | {
            "uid": old.get("uid") or metadata.get("uid") or f"uid-{key[2]}-{self._version + 1}",
            "resourceVersion": old.get("resourceVersion", "0"),
            "generation": old.get("generation", 1),
        }
        if had is not None and body == had:
            return deepcopy(had)  # nothing is otherwise than before: no new version, no event
        self._version += 1
        if had is not None and body.get("spec") != had.get("spec"):
            body["metadata"]["generation"] += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[key] = body
        self.watch("MODIFIED" if had else "ADDED", key[0], deepcopy(body))
        return deepcopy(body)

    def _called(self, verb: str, resource: Resource, name: str, subresource: str = "") -> None:
        call = " ".join(filter(None, (verb, str(resource), name, subresource)))
        self.calls.append(call)
        if call in self.failures:
            raise self.failures.pop(call)


class FakeFirewall:
    """What the operator holds of the firewall; counts how often a new reading was asked for."""

    def __init__(self, current: Firewall | Unavailable) -> None:
        self.current: Firewall | Unavailable = current
        self.trouble: Unavailable | None = None
        self.previous: Firewall | None = None
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1


def _key(resource: Resource, body: Body) -> Key:
    return resource, body["metadata"].get("namespace") or "", body["metadata"]["name"]
