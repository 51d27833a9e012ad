"""The `filter` parameter of list calls, in both of its documented languages.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/firewalls/list#query-parameters: expressions after AIP-160
(`name = x`, `(disabled = true) OR (priority < 1000)`) or with regular expressions that must match the whole field
(`name eq .*internal`), which cannot be mixed in one request. https://google.aip.dev/160 gives the precedence: OR binds
tighter than AND, and expressions side by side mean AND.

A dotted field goes into objects and into every element of lists (`allowed.IPProtocol = udp`): one that matches is
enough. `:` asks for a part of the text, and `:*` whether the field is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from e2e.lab.cloud.errors import ApiError, invalid
from e2e.lab.cloud.store import Json

Predicate = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) |
        (?P<operator>!=|<=|>=|=|<|>|:) |
        "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)' |
        (?P<word>[^\s()=!<>:"']+)
    )""",
    re.VERBOSE,
)
_EXPRESSIONS = {"eq", "ne"}
# An unquoted regular expression ends at a blank or at the parenthesis of the expression around it.
_LITERAL = re.compile(r"""\s*((?:[^\s"'()]|\([^()]*\))+)""")


def parse(text: str) -> Predicate:
    """What a filter asks of a resource; an empty one asks nothing.

    Raises:
        ApiError: 400 that names the filter.
    """
    if not text.strip():
        return lambda resource: True
    return _Parser(text).parsed()


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kinds: set[str] = set()
        self._tokens = list(self._split())
        self._position = 0

    def parsed(self) -> Predicate:
        predicate = self._conjunction()
        if self._position < len(self._tokens) or len(self._kinds) > 1:
            raise self._invalid()
        return predicate

    def _split(self) -> Iterator[tuple[str, str]]:
        position = 0
        while self._text[position:].strip():
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                raise self._invalid()
            yield match.lastgroup, match[match.lastgroup]
            position = match.end()
            if match["word"] in _EXPRESSIONS:
                literal = _LITERAL.match(self._text, position)
                if literal:
                    yield "word", literal[1]
                    position = literal.end()

    def _conjunction(self) -> Predicate:
        parts = [self._disjunction()]
        while self._position < len(self._tokens) and self._peek()[0] != "close":
            self._take("word", "AND")
            parts.append(self._disjunction())
        return lambda resource: all(part(resource) for part in parts)

    def _disjunction(self) -> Predicate:
        parts = [self._term()]
        while self._take("word", "OR"):
            parts.append(self._term())
        return lambda resource: any(part(resource) for part in parts)

    def _term(self) -> Predicate:
        if self._take("word", "NOT") or self._take("word", "-"):
            inner = self._term()
            return lambda resource: not inner(resource)
        if self._take("open"):
            inner = self._conjunction()
            if not self._take("close"):
                raise self._invalid()
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        kind, field = self._next()
        operator_kind, operator = self._next()
        value_kind, value = self._next()
        is_expression = operator_kind == "word" and operator in _EXPRESSIONS
        if kind != "word" or not (operator_kind == "operator" or is_expression):
            raise self._invalid()
        if value_kind not in ("word", "double", "single"):
            raise self._invalid()
        self._kinds.add("expression" if is_expression else "AIP-160")
        path = field.split(".")
        if is_expression:
            try:
                whole = re.compile(value)
            except re.error as error:
                raise self._invalid() from error
            wanted = operator == "eq"
            return lambda resource: any(whole.fullmatch(_text(found)) for found in values_at(resource, path)) is wanted
        if operator == "!=":
            return lambda resource: not any(_text(found) == value for found in values_at(resource, path))
        test = _TESTS[operator]
        return lambda resource: any(test(found, value) for found in values_at(resource, path))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _take(self, kind: str, text: str | None = None) -> bool:
        found = self._peek()
        if found[0] == kind and text in (None, found[1]):
            self._position += 1
            return True
        return False

    def _invalid(self) -> ApiError:
        return invalid("filter", self._text, "Invalid list filter expression.")


def values_at(value: Any, path: Sequence[str]) -> list[Any]:
    """All values at a dotted path; lists count by their elements."""
    if isinstance(value, list):
        return [found for element in value for found in values_at(element, path)]
    if not path:
        return [value]
    if isinstance(value, dict) and path[0] in value:
        return values_at(value[path[0]], path[1:])
    return []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    def test(found: Any, value: str) -> bool:
        if isinstance(found, int) and re.fullmatch(r"-?[0-9]+", value):
            return compare(found, int(value))
        return compare(_text(found), value)

    return test


def _has(found: Any, value: str) -> bool:
    return value == "*" or value in _text(found)


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "=": lambda found, value: _text(found) == value,
    ":": _has,
    "<": _ordered(lambda a, b: bool(a < b)),
    ">": _ordered(lambda a, b: bool(a > b)),
    "<=": _ordered(lambda a, b: bool(a <= b)),
    ">=": _ordered(lambda a, b: bool(a >= b)),
}
