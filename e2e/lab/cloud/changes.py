"""Changes of what decides packets: one is in the store only if it is in force; what cannot be enforced did not happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from e2e.lab.cloud import operations
from e2e.lab.cloud.enforce import EnforcementError, Enforcer
from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.store import Json, Store
from e2e.lab.cloud.wanted import Wanted


class Changes:
    """The one way to change a resource that packets obey, as `user`. Not safe for threads: the caller holds a lock."""

    def __init__(self, store: Store, enforcer: Enforcer, wanted: Callable[[], Wanted]) -> None:
        self._store = store
        self._enforcer = enforcer
        self._wanted = wanted
        self.user = operations.OWNER

    def enforce(self) -> None:
        """Puts in force what the store has now.

        Raises:
            EnforcementError: it could not; what was in force before still is.
        """
        self._enforcer.enforce(self._wanted())

    def make(self, verb: str, path: str, after: Json | None, also: Mapping[str, Json] | None = None) -> Json:
        """The operation that put `after` at a path, or removed what is there; None and nothing there must not meet.

        Args:
            verb: the operation's type.
            path: of the resource that the operation is about.
            after: the resource.
            also: other resources by path that change with it.

        Raises:
            ApiError: 500 when it cannot be enforced.
        """
        started = self._store.clock.timestamp()
        wanted: dict[str, Json | None] = {**(also or {}), path: after}
        before = {each: self._store.get(each) for each in wanted}
        self._set(wanted)
        try:
            self.enforce()
        except EnforcementError as error:
            self._set(before)
            raise ApiError(500, "internalError", f"The rules could not be put in force: {error}") from error
        return operations.record(self._store, verb, path, (after or before[path] or {})["id"], started, self.user)

    def _set(self, resources: Mapping[str, Json | None]) -> None:
        for path, resource in resources.items():
            if resource is None:
                self._store.remove(path)
            else:
                self._store.put(path, resource)
