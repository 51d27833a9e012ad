"""The verbs on firewall rules. A change is in the store only if it is in force: what cannot be enforced did not happen."""

from __future__ import annotations

from typing import Any

from e2e.lab.cloud import operations
from e2e.lab.cloud.enforce import EnforcementError, Enforcer
from e2e.lab.cloud.errors import ApiError, already_exists, not_found
from e2e.lab.cloud.store import Json, SeedError, Store, new_id, timestamp
from e2e.lab.cloud.validation import check_fields, check_unchanged, stored

COLLECTION = "global/firewalls"


class Firewalls:
    """The project's firewall rules and what makes them true. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, enforcer: Enforcer) -> None:
        self._store = store
        self._enforcer = enforcer

    def seed(self, rules: list[Json]) -> None:
        """Takes a recording's rules and puts them in force.

        Raises:
            SeedError: the API would not have such a rule.
            EnforcementError: they cannot be put in force.
        """
        for index, rule in enumerate(rules):
            try:
                resource = self._resource(stored(check_fields(rule), self._store), rule)
                self._refuse_second(resource["name"])
            except ApiError as error:
                raise SeedError(f"firewalls[{index}]: {error.message}") from error
            self._store.put(_path(resource["name"]), resource)
        self._enforce()

    def rules(self, network: str | None = None) -> list[Json]:
        """All rules, or those of the network with this URL, disabled ones included, by name."""
        return [rule for rule in self._store.within(COLLECTION) if network in (None, rule["network"])]

    def insert(self, body: Any) -> Json:
        """The operation that created a rule.

        Raises:
            ApiError: 400, 409, 413, or 500 when it cannot be enforced.
        """
        rule = stored(check_fields(body), self._store)
        self._refuse_second(rule["name"])
        return self._change("insert", _path(rule["name"]), self._resource(rule, {}))

    def patch(self, name: str, body: Any) -> Json:
        """The operation that merged `body` into a rule: a field that is there replaces the old one, null empties it.

        Raises:
            ApiError: 400, 404, 413, or 500 when it cannot be enforced.
        """
        before = self.existing(name)
        return self._replace("patch", before, before | check_fields(body))

    def update(self, name: str, body: Any) -> Json:
        """The operation that put `body` in a rule's place; what it leaves out gets its default.

        Raises:
            ApiError: 400, 404, 413, or 500 when it cannot be enforced.
        """
        return self._replace("update", self.existing(name), {"name": name} | check_fields(body))

    def delete(self, name: str) -> Json:
        """The operation that deleted a rule.

        Raises:
            ApiError: 404, or 500 when it cannot be enforced.
        """
        self.existing(name)
        return self._change("delete", _path(name), None)

    def existing(self, name: str) -> Json:
        """The rule of that name.

        Raises:
            ApiError: 404.
        """
        rule = self._store.get(_path(name))
        if rule is None:
            raise not_found(self._store.full_name(_path(name)))
        return rule

    def _refuse_second(self, name: str) -> None:
        if self._store.get(_path(name)) is not None:
            raise already_exists(self._store.full_name(_path(name)))

    def _replace(self, verb: str, before: Json, body: Json) -> Json:
        after = stored(body, self._store)
        check_unchanged(before, after)
        return self._change(verb, _path(before["name"]), self._resource(after, before))

    def _resource(self, rule: Json, known: Json) -> Json:
        """The rule with what only the server sets, taken from `known` where it is known."""
        path = _path(rule["name"])
        return {
            "kind": "compute#firewall",
            "id": str(known.get("id") or new_id()),
            "creationTimestamp": known.get("creationTimestamp") or timestamp(),
            "selfLink": self._store.link(path),
            **rule,
        }

    def _change(self, verb: str, path: str, after: Json | None) -> Json:
        started = timestamp()
        before = self._store.get(path)
        self._set(path, after)
        try:
            self._enforce()
        except EnforcementError as error:
            self._set(path, before)
            raise ApiError(500, "internalError", f"The rules could not be put in force: {error}") from error
        return operations.record(self._store, verb, path, (after or before or {})["id"], started)

    def _set(self, path: str, resource: Json | None) -> None:
        if resource is None:
            self._store.remove(path)
        else:
            self._store.put(path, resource)

    def _enforce(self) -> None:
        instances = [instance for found in self._store.everywhere("instances").values() for instance in found]
        self._enforcer.enforce(self.rules(), instances)


def _path(name: str) -> str:
    return f"{COLLECTION}/{name}"
