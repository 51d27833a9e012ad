"""The verbs on VPC firewall rules."""

from __future__ import annotations

from typing import Any

from e2e.lab.cloud.changes import Changes
from e2e.lab.cloud.errors import ApiError, already_exists, not_found
from e2e.lab.cloud.store import Json, SeedError, Store, new_id
from e2e.lab.cloud.validation import check_fields, check_unchanged, stored

COLLECTION = "global/firewalls"


class Firewalls:
    """The project's firewall rules. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes

    def seed(self, rules: list[Json]) -> None:
        """Takes a recording's rules; the caller puts them in force.

        Raises:
            SeedError: the API would not have such a rule.
        """
        for index, rule in enumerate(rules):
            try:
                resource = self._resource(stored(check_fields(rule), self._store), rule)
                self._refuse_second(resource["name"])
            except ApiError as error:
                raise SeedError(f"firewalls[{index}]: {error.message}") from error
            self._store.put(_path(resource["name"]), resource)

    def insert(self, body: Any) -> Json:
        """The operation that created a rule.

        Raises:
            ApiError: 400, 409, 413, or 500 when it cannot be enforced.
        """
        rule = stored(check_fields(body), self._store)
        self._refuse_second(rule["name"])
        return self._changes.make("insert", _path(rule["name"]), self._resource(rule, {}))

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
        return self._changes.make("delete", _path(name), None)

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
        return self._changes.make(verb, _path(before["name"]), self._resource(after, before))

    def _resource(self, rule: Json, known: Json) -> Json:
        """The rule with what only the server sets, taken from `known` where it is known."""
        path = _path(rule["name"])
        return {
            "kind": "compute#firewall",
            "id": str(known.get("id") or new_id()),
            "creationTimestamp": known.get("creationTimestamp") or self._store.clock.timestamp(),
            "selfLink": self._store.link(path),
            **rule,
        }


def _path(name: str) -> str:
    return f"{COLLECTION}/{name}"
