"""Faults on demand: errors, delays and cut connections, as a real API and a real network have them now and then.

A fault is JSON: `{"match": {"method"?, "path"?: regular expression found anywhere in the path}, "answer"?: code,
"permission"?, "delaySeconds"?, "cut"?: true, "times"?: n}`. Without `times` it stays until it is deleted. A fault with
a delay and nothing else makes a call slow and lets it happen. A permission without a match is taken away: the fault of
exactly those calls that need it.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from e2e.lab.cloud.errors import ApiError, RpcError, invalid
from e2e.lab.cloud.permissions import Needed
from e2e.lab.cloud.store import Json

_FIELDS = ("match", "answer", "permission", "delaySeconds", "cut", "times")
_MATCH_FIELDS = ("method", "path")
_LONGEST_DELAY = 600.0

# Reason and message by code. That an exhausted rate is 403 and not 429 on Compute Engine:
# https://docs.cloud.google.com/compute/api-quota#rate_limit_error
_ERRORS = {
    403: ("rateLimitExceeded", "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute'"),
    404: ("notFound", "The resource was not found"),
    409: ("alreadyExists", "The resource already exists"),
    429: ("rateLimitExceeded", "Rate Limit Exceeded"),
    500: ("internalError", "Internal error. Please try again or contact Google Support."),
    502: ("backendError", "Bad Gateway"),
    503: ("backendError", "Service Unavailable"),
    504: ("backendError", "Gateway Timeout"),
}


@dataclass(slots=True)
class Fault:
    """One fault that is waiting for its calls; `times` counts down, None means for ever."""

    number: int
    method: str | None
    path: re.Pattern[str]
    code: int | None
    permission: str | None
    delay_seconds: float
    cut: bool
    times: int | None

    def described(self) -> Json:
        """The fault as it was asked for, with its number, and with how many times it has left."""
        match = {"method": self.method, "path": self.path.pattern}
        fault = {
            "id": self.number,
            "match": {key: value for key, value in match.items() if value},
            "answer": self.code,
            "permission": self.permission,
            "delaySeconds": self.delay_seconds or None,
            "cut": self.cut or None,
            "times": self.times,
        }
        return {key: value for key, value in fault.items() if value is not None}

    def is_of(self, method: str, path: str, needed: str) -> bool:
        """Whether a call is to suffer it: one that matches, or, with a permission and no match, one that needs it."""
        if self.permission is not None and self.method is None and not self.path.pattern:
            return needed == self.permission
        return self.method in (None, method) and self.path.search(path) is not None

    def error(self, needed: Needed) -> ApiError | None:
        """The answer to a call that needs this; None if it should happen."""
        if self.permission is not None:
            return needed.refused(self.permission)
        if self.code is None:
            return None
        if needed.of_compute:
            return ApiError(self.code, *_ERRORS[self.code])
        # Elsewhere a rate that is exhausted is 429, and 403 is a permission that is missing.
        return needed.refused(needed.permission) if self.code == 403 else RpcError(self.code, _ERRORS[self.code][1])


class Faults:
    """The faults in the order in which they were asked for; the first that matches a call is its fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last = 0

    def add(self, body: Any) -> Json:
        """Adds a fault and describes it.

        Raises:
            ApiError: 400 naming the field.
        """
        fault = _parsed(body)
        with self._lock:
            self._last += 1
            fault.number = self._last
            self._faults.append(fault)
            return fault.described()

    def described(self) -> list[Json]:
        """All faults that are still waiting."""
        with self._lock:
            return [fault.described() for fault in self._faults]

    def clear(self) -> None:
        """Forgets all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, needed: str) -> Fault | None:
        """The fault of this call, which needs a permission; counted as used."""
        with self._lock:
            for fault in self._faults:
                if fault.is_of(method, path, needed):
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._faults.remove(fault)
                    return fault
        return None


def _parsed(body: Any) -> Fault:
    if not isinstance(body, dict):
        raise invalid("fault", body, "Must be an object.")
    _only(body, _FIELDS, "")
    match = body.get("match", {})
    if not isinstance(match, dict):
        raise invalid("match", match, "Must be an object.")
    _only(match, _MATCH_FIELDS, "match.")
    code, permission = body.get("answer"), body.get("permission")
    if code is not None and code not in _ERRORS:
        raise invalid("answer", code, f"Must be one of {sorted(_ERRORS)}.")
    if permission is not None and (not isinstance(permission, str) or code != 403):
        raise invalid("permission", permission, "Must be a permission's name, and answer must be 403.")
    delay = body.get("delaySeconds", 0.0)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= _LONGEST_DELAY:
        raise invalid("delaySeconds", delay, f"Must be a number from 0 to {_LONGEST_DELAY:.0f}.")
    times = body.get("times")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise invalid("times", times, "Must be a positive integer.")
    cut = body.get("cut", False)
    if not isinstance(cut, bool):
        raise invalid("cut", cut, "Must be a boolean.")
    if code is None and not cut and not delay:
        raise invalid("fault", body, "One of answer, delaySeconds and cut must be given.")
    try:
        path = re.compile(str(match.get("path", "")))
    except re.error as error:
        raise invalid("match.path", match["path"], f"Not a regular expression: {error}.") from error
    return Fault(0, match.get("method"), path, code, permission, float(delay), cut, times)


def _only(body: dict[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for field in body:
        if field not in known:
            raise invalid(f"{prefix}{field}", body[field], f"Unknown field; there are {', '.join(known)}.")
