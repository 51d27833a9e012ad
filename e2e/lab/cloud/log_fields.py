"""The fields of a log entry, and what a comparison with a value asks of one.

https://docs.cloud.google.com/logging/docs/view/logging-query-language, "Field path identifiers", "Missing fields", "Object
and array types", "Values and conversions" and "Comparison operators". A field of the entry itself that is not there has
its default; one of a payload or of labels is missing, and no comparison with it holds, `!=` and `!~` neither. Of a list
one element is enough. Names must be in the letters of the REST reference (the real one is not always so strict), and a
value that cannot be one of the field's type is an error here, where Google says that the comparison fails.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from e2e.lab.cloud.errors import RpcError
from e2e.lab.cloud.filters import values_at
from e2e.lab.cloud.store import Json

Predicate = Callable[[Json], bool]
Test = Callable[[Any], bool]


class Type(Enum):
    """What the values of a field are; ANY is told by each value."""

    STRING = auto()
    BOOL = auto()
    TIMESTAMP = auto()
    SEVERITY = auto()
    ANY = auto()


# What the audit log's entries can have of https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry.
_TYPES = {
    **dict.fromkeys(("logName", "insertId", "operation.id", "operation.producer", "resource.type"), Type.STRING),
    **dict.fromkeys(("trace", "spanId", "textPayload"), Type.STRING),
    **dict.fromkeys(("operation.first", "operation.last"), Type.BOOL),
    **dict.fromkeys(("timestamp", "receiveTimestamp"), Type.TIMESTAMP),
    "severity": Type.SEVERITY,
}
_OPEN = ("protoPayload", "jsonPayload", "labels", "resource.labels")
_WHOLE = ("operation", "resource")
_DEFAULTS = {Type.STRING: "", Type.BOOL: False, Type.TIMESTAMP: "1970-01-01T00:00:00Z", Type.SEVERITY: "DEFAULT"}

# https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
_SEVERITIES = {
    name: 100 * index
    for index, name in enumerate(
        ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
    )
}
# The zone also without its colon, as google-cloud-logging writes it.
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d))?")
# What Python's regular expressions have and RE2 (https://github.com/google/re2/wiki/Syntax) has not.
_NOT_RE2 = re.compile(r"\(\?(?:[=!>#(]|<[=!]|P=)|\\[1-9]")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its path; `type` says what it is compared as."""

    path: Sequence[str]
    type: Type

    def is_there(self) -> Predicate:
        """What `field:*` asks."""
        return lambda entry: bool(values_at(entry, self.path))

    def compared(self, operation: str, value: str) -> Predicate:
        """What `field OPERATION value` asks.

        Raises:
            RpcError: 400, the value cannot be compared with such a field.
        """
        test = self._test(operation, value)
        missing = [_DEFAULTS[self.type]] if self.type in _DEFAULTS else []
        return lambda entry: any(test(found) for found in values_at(entry, self.path) or missing)

    def _test(self, operation: str, value: str) -> Test:
        if operation in ("=~", "!~"):
            if self.type not in (Type.STRING, Type.ANY):
                raise self._wrong("only a string is matched with a regular expression")
            return _matching(operation, _expression(value))
        if self.type is Type.STRING:
            return _of_text(operation, value)
        if self.type is Type.ANY:
            return _of_any(operation, value)
        return self._ordered(operation, value)

    def _ordered(self, operation: str, value: str) -> Test:
        order = _ORDERS[operation]
        if self.type is Type.SEVERITY:
            rank = int(value) if value.isdecimal() else _SEVERITIES.get(value.upper())
            if rank is None:
                raise self._wrong(f"{value!r} is not a severity")
            return lambda found: order(_SEVERITIES[found], rank)
        if self.type is Type.BOOL:
            if value.lower() not in ("true", "false"):
                raise self._wrong(f"{value!r} is neither true nor false")
            return lambda found: order(found, value.lower() == "true")
        moment = _instant(value)
        if moment is None:
            raise self._wrong(f"{value!r} is not a timestamp as RFC 3339 has it")
        return lambda found: order(_instant(found), moment)

    def _wrong(self, why: str) -> RpcError:
        return RpcError(400, f"Invalid filter: {'.'.join(self.path)}: {why}")


def field(name: str, path: Sequence[str]) -> Field:
    """The field at a path; `name` is how it was written.

    Raises:
        RpcError: 400, an entry has no such field.
    """
    known = ".".join(path)
    if known in _TYPES:
        return Field(path, _TYPES[known])
    if known in _WHOLE or any(known == each or known.startswith(f"{each}.") for each in _OPEN):
        return Field(path, Type.ANY)
    raise RpcError(400, f"Field not found: '{name}'.")


def anywhere(value: str) -> Predicate:
    """What a value alone asks: that some field has it in its text."""
    return _of_any(":", value)


def of_log(log: str) -> Predicate:
    """What `log_id("cloudaudit.googleapis.com/activity")` asks."""
    wanted = _normal(log.replace("/", "%2F"))
    return lambda entry: _normal(entry["logName"].partition("/logs/")[2]) == wanted


def _of_text(operation: str, value: str) -> Test:
    wanted = _normal(value)
    if operation == ":":
        return lambda found: wanted in _normal(found)
    order = _ORDERS[operation]
    return lambda found: order(_normal(found), wanted)


def _of_any(operation: str, value: str) -> Test:
    """By the type of what is found. In an object `:` looks into everything, and nothing else holds of one."""
    of_text, order = _of_text(operation, value), _ORDERS[operation]
    number = _number(value)

    def test(found: Any) -> bool:
        if isinstance(found, dict | list):
            within = found.values() if isinstance(found, dict) else found
            return operation == ":" and any(test(each) for each in within)
        if isinstance(found, bool):
            return value.lower() in ("true", "false") and order(found, value.lower() == "true")
        if isinstance(found, int | float):
            return number is not None and order(found, number)
        return isinstance(found, str) and of_text(found)

    return test


def _matching(operation: str, expression: re.Pattern[str]) -> Test:
    wanted = operation == "=~"
    return lambda found: isinstance(found, str) and (expression.search(found) is not None) is wanted


def _expression(text: str) -> re.Pattern[str]:
    if _NOT_RE2.search(text):
        raise RpcError(400, f"Invalid filter: invalid regular expression {text!r}: not in RE2's syntax")
    try:
        return re.compile(text)
    except re.error as error:
        raise RpcError(400, f"Invalid filter: invalid regular expression {text!r}: {error}") from error


def _instant(text: str) -> tuple[datetime, int] | None:
    """To nanoseconds: the second, and what is beyond it. A day alone is its beginning in UTC."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    try:
        second = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{zone or '+00:00'}")
    except ValueError:
        return None
    return second, int((fraction or "").ljust(9, "0"))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _normal(text: str) -> str:
    # NFKC_Casefold but for characters that are ignored, of which no name here has one.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
