"""What is known of each dial, and the status that says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pathcheck.probe.words import Outcome, moment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DETAIL = 256  # as the PathProbe's schema has it


class _Entry:
    __slots__ = ("at", "began", "outcome", "since")

    def __init__(self, began: float, since: float, at: float, outcome: Outcome) -> None:
        self.began = began
        self.since = since
        self.at = at
        self.outcome = outcome


class Book:
    """The latest outcome of each dial, by id."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def record(self, id_: str, began: float, at: float, outcome: Outcome) -> bool:
        """Whether it is otherwise than before, or the first. A round that began before the latest one known says nothing new.

        `began` orders rounds and never goes back; `at` is the same moment by the wall clock, which may be set back.
        """
        had = self._entries.get(id_)
        if had is not None and began < had.began:
            return False
        same = had is not None and had.outcome[0] == outcome[0]
        self._entries[id_] = _Entry(began, had.since if had is not None and same else at, at, outcome)
        return not same

    def keep(self, ids: Collection[str]) -> None:
        """Forgets what is no longer assigned."""
        for gone in self._entries.keys() - set(ids):
            del self._entries[gone]

    def knows(self, ids: Collection[str]) -> bool:
        """Whether each of them has an outcome."""
        return all(id_ in self._entries for id_ in ids)

    def status(self, pod_uid: str, pod_ip: str, now: float, listeners: Mapping[str, str]) -> dict[str, Any]:
        """The PathProbe's status; `listeners` maps ports to why they could not be bound ("": bound)."""
        return {
            "podUID": pod_uid,
            "podIP": pod_ip,
            "time": moment(now),
            "listeners": [_listener(l4, trouble) for l4, trouble in sorted(listeners.items())],
            "results": [_result(id_, entry) for id_, entry in sorted(self._entries.items())],
        }


def _listener(l4: str, trouble: str) -> dict[str, Any]:
    protocol, _, port = l4.partition("/")
    return {"protocol": protocol.upper(), "port": int(port), "bound": not trouble, "detail": trouble[:MAX_DETAIL]}


def _result(id_: str, entry: _Entry) -> dict[str, Any]:
    observation, detail, microseconds = entry.outcome
    said: dict[str, Any] = {
        "id": id_,
        "observation": observation,
        "since": moment(entry.since),
        "at": moment(entry.at),
        "detail": detail[:MAX_DETAIL],
    }
    if microseconds is not None:
        said["roundTripMicroseconds"] = microseconds
    return said
