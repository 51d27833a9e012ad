"""The audit log: what was changed by whom, kept in memory, and how a test has it late, missing, paged or of another time.

Its settings are a resource of the side door (server.py). `principal` makes the changes of everybody who brings no
`Authorization: Bearer` of `tokens` (an object of principals by token). Entries are shown `delaySeconds` after they were
written, by the setting as it is when they are asked for; with `silent` none are written. `pageSize` is the most entries
of a page, whatever is asked; the first `emptyPages` pages of every search have none and a token
(https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list: "did not have time to search all the
possible log entries"). `clockSeconds` is how far the cloud's clock is ahead of this machine's.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from e2e.lab.cloud import audited, log_entries
from e2e.lab.cloud.audit_entries import Caller, entries, received
from e2e.lab.cloud.audited import Change
from e2e.lab.cloud.errors import invalid
from e2e.lab.cloud.operations import OWNER
from e2e.lab.cloud.store import Json, Store

REMEMBERED = 10_000
# More than a day's delay, or a clock that is ten years off, is a slip of the hand.
_LONGEST_DELAY = 86_400
_FARTHEST_CLOCK = 315_360_000


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_principals(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


# By field: its default, whether a value will do, and else why not.
_SETTINGS: Mapping[str, tuple[Any, Callable[[Any], bool], str]] = {
    "principal": (OWNER, lambda value: isinstance(value, str), "Must be an email address, a subject or empty."),
    "tokens": ({}, _is_principals, "Must be an object of principals by token."),
    "delaySeconds": (
        0,
        lambda value: _is_number(value) and 0 <= value <= _LONGEST_DELAY,
        f"Must be a number from 0 to {_LONGEST_DELAY}.",
    ),
    "silent": (False, lambda value: isinstance(value, bool), "Must be a boolean."),
    "pageSize": (
        log_entries.MOST,
        lambda value: _is_integer(value, 1, log_entries.MOST),
        f"Must be an integer from 1 to {log_entries.MOST}.",
    ),
    "emptyPages": (0, lambda value: _is_integer(value, 0, 100), "Must be an integer from 0 to 100."),
    "clockSeconds": (
        0,
        lambda value: _is_number(value) and abs(value) <= _FARTHEST_CLOCK,
        f"Must be a number from -{_FARTHEST_CLOCK} to {_FARTHEST_CLOCK}.",
    ),
}


class AuditLog:
    """The logs of the project and of the organizations and folders whose policies it has. Safe for threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._settings = _defaults()
        # With the moment at which each was written, by a clock that nobody sets.
        self._entries: deque[tuple[float, Json]] = deque(maxlen=REMEMBERED)

    def principal(self, authorization: str) -> str:
        """Who makes a call with this Authorization header, which may be empty."""
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            tokens, anybody = self._settings["tokens"], self._settings["principal"]
        return str(tokens.get(token.strip(), anybody) if scheme.lower() == "bearer" else anybody)

    def begun(self, method: str, path: str, parameters: Mapping[str, str], permission: str) -> Change | None:
        """What a call would change, None if nothing that is written down; asked before the call, for it may delete that."""
        return audited.change(self._store, method, path, parameters, permission)

    def ended(self, change: Change, caller: Caller, body: Any, code: int, answer: Json) -> None:
        """Writes down a change and how it was answered."""
        written = entries(change, caller, body, code, answer, self._store.clock.now())
        with self._lock:
            if not self._settings["silent"]:
                delay = self._settings["delaySeconds"]
                self._entries.extend((time.monotonic(), received(entry, delay)) for entry in written)

    def answer(self, parameters: Mapping[str, str], body: Any) -> Json:
        """The body of the answer to entries.list.

        Raises:
            RpcError: 400 or 404.
        """
        with self._lock:
            most, empty = self._settings["pageSize"], self._settings["emptyPages"]
        return log_entries.answer(parameters, body, self._store.project, self._visible, most, empty)

    def _visible(self, owners: Collection[str]) -> list[Json]:
        with self._lock:
            until = time.monotonic() - self._settings["delaySeconds"]
            return [
                entry
                for written, entry in self._entries
                if written <= until and entry["logName"].partition("/logs/")[0] in owners
            ]

    def described(self) -> Json:
        """The settings, and how many `entries` are remembered, shown or not."""
        with self._lock:
            return self._settings | {"entries": len(self._entries)}

    def set(self, body: Any) -> Json:
        """Changes the settings that are given, and describes them.

        Raises:
            ApiError: 400 naming the field; nothing has changed then.
        """
        if not isinstance(body, dict):
            raise invalid("audit", body, "Must be an object.")
        for field, value in body.items():
            if field not in _SETTINGS:
                raise invalid(field, value, f"Unknown field; there are {', '.join(_SETTINGS)}.")
            _, will_do, why = _SETTINGS[field]
            if not will_do(value):
                raise invalid(field, value, why)
        with self._lock:
            self._settings |= body
            self._store.clock.ahead = timedelta(seconds=self._settings["clockSeconds"])
        return self.described()

    def reset(self, body: Any) -> Json:
        """Gives all settings their defaults, and forgets the entries if the body is `{"entries": true}`.

        Raises:
            ApiError: 400.
        """
        if body not in (None, {}, {"entries": False}, {"entries": True}):
            raise invalid("audit", body, 'Must be empty or {"entries": true}.')
        with self._lock:
            if body and body["entries"]:
                self._entries.clear()
        return self.set(_defaults())


def _defaults() -> Json:
    return {field: default for field, (default, _, _) in _SETTINGS.items()}
