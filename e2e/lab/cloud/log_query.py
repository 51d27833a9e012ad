"""The Logging query language, as far as it is useful for the audit log; all else is a 400.

https://docs.cloud.google.com/logging/docs/view/logging-query-language. NOT (or `-`) binds tightest, then OR, then AND, which
may be left out: `a OR b AND c OR d` is `(a OR b) AND (c OR d)`. A comparison is a field, one of `= != > >= < <= : =~ !~`,
and a value or values in parentheses, which are combined as comparisons are: `severity = (ERROR OR NOTICE)`. A value alone
is looked for in every field. `field:*` asks whether it is there. Comments are from `--` to the end of the line. Of the
functions there is `log_id`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.lab.cloud import log_fields
from e2e.lab.cloud.errors import RpcError
from e2e.lab.cloud.log_fields import Field, Predicate

LONGEST = 20_000
# Deeper than anybody writes, and far from where Python gives up.
_DEEPEST = 50

_STRING = r'"(?:[^"\\]|\\.)*"'
# Outside of quotes none of these stands in a word, and the three of _FIRST do not begin one.
_SPECIAL = r"\s()=<>:~,*!\"'\\"
_FIRST = "+.-"
_TOKEN = re.compile(
    rf"""(?:\s|--[^\n]*)*(?:
        (?P<call>(?!(?:AND|OR|NOT)\()[A-Za-z_]+(?=\()) |
        (?P<open>\() | (?P<close>\)) |
        (?P<operator>!=|<=|>=|=~|!~|=|<|>|:) |
        (?P<star>\*) | (?P<minus>-) |
        (?P<string>{_STRING}) |
        (?P<word>[^{_SPECIAL}{_FIRST}][^{_SPECIAL}]*(?:{_STRING}[^{_SPECIAL}]*)*) |
        (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(rf'({_STRING}|[^."]+)(?:\.|\Z)')


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str) -> Predicate:
    """What a filter asks of an entry; an empty one asks nothing.

    Raises:
        RpcError: 400.
    """
    if len(text) > LONGEST:
        raise RpcError(400, f"The filter has {len(text)} characters; the limit is {LONGEST}")
    return _Parser(text).parsed()


class _Parser:
    """Recursive descent. What stands alone or in parentheses is combined in the same way, be it comparisons or values."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split())
        self._position = 0
        self._depth = 0

    def parsed(self) -> Predicate:
        if self._peek().kind == "end":
            return lambda entry: True
        predicate = self._all(self._restriction)
        if self._peek().kind != "end":
            raise self._unexpected()
        return predicate

    def _split(self) -> Iterator[_Token]:
        at, kind = 0, ""
        while kind != "end":
            match = _TOKEN.match(self._text, at)
            if match is None or match.lastgroup is None:
                rest = self._text[at:]
                raise self._syntax_error(_Token("", rest.lstrip()[:1], len(self._text) - len(rest.lstrip())))
            kind, at = match.lastgroup, match.end()
            yield _Token(kind, match[kind], match.start(kind))

    def _all(self, leaf: Callable[[], Predicate]) -> Predicate:
        parts = [self._any(leaf)]
        while self._peek().kind not in ("end", "close"):
            self._take("word", "AND")
            parts.append(self._any(leaf))
        return lambda entry: all(part(entry) for part in parts)

    def _any(self, leaf: Callable[[], Predicate]) -> Predicate:
        parts = [self._one(leaf)]
        while self._take("word", "OR"):
            parts.append(self._one(leaf))
        return lambda entry: any(part(entry) for part in parts)

    def _one(self, leaf: Callable[[], Predicate]) -> Predicate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RpcError(400, f"The filter is nested more than {_DEEPEST} deep")
        if self._take("word", "NOT") or self._take("minus"):
            found = _opposite(self._one(leaf))
        elif self._take("open"):
            found = self._all(leaf)
            if not self._take("close"):
                raise self._unexpected()
        else:
            found = leaf()
        self._depth -= 1
        return found

    def _restriction(self) -> Predicate:
        if self._peek().kind == "call":
            return self._call()
        first = self._peek()
        if first.kind == "word" and self._tokens[self._position + 1].kind == "operator":
            self._position += 1
            field = self._field(first)
            operation = self._next().text
            if operation == ":" and self._take("star"):
                return field.is_there()
            if self._peek().kind == "open":
                return self._one(lambda: self._comparison(field, operation))
            return self._comparison(field, operation)
        return log_fields.anywhere(self._value())

    def _comparison(self, field: Field, operation: str) -> Predicate:
        if operation in ("=~", "!~") and self._peek().kind != "string":
            raise self._unexpected()
        return field.compared(operation, self._value())

    def _call(self) -> Predicate:
        name = self._next().text
        if name.lower() != "log_id":
            raise RpcError(400, f"The emulator's query language has no function '{name}'")
        self._take("open")
        predicate = log_fields.of_log(self._value())
        if not self._take("close"):
            raise self._unexpected()
        return predicate

    def _field(self, token: _Token) -> Field:
        parts = _PART.findall(token.text)
        # A part may have been left out between two points, or stand beside a quoted one without any.
        if token.text in ("AND", "OR", "NOT") or ".".join(parts) != token.text:
            raise self._syntax_error(token)
        return log_fields.field(token.text, [_unquoted(part) if part[0] == '"' else part for part in parts])

    def _value(self) -> str:
        token = self._peek()
        if token.kind == "string":
            self._position += 1
            return _unquoted(token.text)
        if token.kind != "word" or '"' in token.text or token.text in ("AND", "OR", "NOT"):
            raise self._unexpected()
        self._position += 1
        return token.text

    def _peek(self) -> _Token:
        return self._tokens[self._position]

    def _next(self) -> _Token:
        self._position += 1
        return self._tokens[self._position - 1]

    def _take(self, kind: str, text: str | None = None) -> bool:
        found = self._peek()
        if found.kind == kind and text in (None, found.text):
            self._position += 1
            return True
        return False

    def _unexpected(self) -> RpcError:
        return self._syntax_error(self._peek())

    def _syntax_error(self, token: _Token) -> RpcError:
        before = self._text[: token.at]
        line, column = before.count("\n") + 1, token.at - before.rfind("\n")
        return RpcError(
            400, f"Unparseable filter: syntax error at line {line}, column {column}, token '{token.text or '<EOF>'}'"
        )


def _opposite(predicate: Predicate) -> Predicate:
    return lambda entry: not predicate(entry)


def _unquoted(text: str) -> str:
    """Without the quotes; a backslash before anything but these letters stays, for regular expressions have more of them."""
    known = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: known.get(match[1], match[0]), text[1:-1], flags=re.DOTALL)
