"""Many flows at once: what `pathcheck predict --flows` reads, and what it answers for each, in order.

One bad flow is no reason to be silent about the others that are bad, and reason enough to answer none: a script that asks a thousand
questions should neither fix them one by one nor go on with nine hundred answers.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.explained import as_fields, glyph_of, trace_fields, trace_lines
from pathcheck.cli.predict import protocol_of
from pathcheck.cli.reading import read
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.trace import trace
from pathcheck.core.ways.route import with_routes
from pathcheck.model.firewall import Explanation, Firewall, Step
from pathcheck.model.flows import L4, WITH_PORTS, Endpoint, Flow
from pathcheck.model.words import Prediction
from pathcheck.wire.compute import NotARecording, Unreadable, shown
from pathcheck.wire.firewall_rules import firewall_of

_FLOW = ("id", "src", "dst", "protocol", "port", "state")
_END = ("ip", "instance", "nic")
_NEW, _REPLY = "new", "reply-of-allowed"
# Replies of a connection that was permitted pass whatever the rules say (https://cloud.google.com/firewall/docs/firewalls#specifications).
_TRACKED = Explanation(
    Prediction.PERMITTED,
    ("connection-tracking",),
    "it is a reply of a permitted connection",
    egress=("connection-tracking",),
    ingress=("connection-tracking",),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One flow of the file. `reply`: it belongs to a connection that was permitted the other way."""

    id: str | int
    flow: Flow
    reply: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A question, what the firewall comes to, and, if asked for, the trace."""

    question: Question
    explanation: Explanation
    steps: tuple[Step, ...] | None = None


def answers(recording: Mapping[str, object], flows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """One object for each flow, in order, as docs/predict.md shows it; `recording` is the raw one.

    Raises BadInput.
    """
    try:
        firewall = firewall_of(recording)
    except NotARecording as error:
        raise BadInput(f"recording: {error}") from error
    return [as_object(answer_to(question, firewall)) for question in questions(flows)]


def answer_to(question: Question, firewall: Firewall, explain: bool = False) -> Answer:
    """What the firewall comes to."""
    if question.reply:
        return Answer(question, _TRACKED, () if explain else None)
    explanation = with_routes(predict(question.flow, firewall), question.flow, firewall)
    return Answer(question, explanation, trace(question.flow, firewall) if explain else None)


def as_object(answer: Answer) -> dict[str, object]:
    """One answer as scripts read it."""
    told = {"id": answer.question.id, **as_fields(answer.explanation)}
    return told if answer.steps is None else {**told, "trace": trace_fields(answer.steps)}


# What is asked


def read_flows(path: Path) -> list[Question]:
    """The flows in this file, or in standard input for `-`: one JSON array of them, or one after the other (JSON lines).

    Raises BadInput.
    """
    where = f"--flows: {path}"
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        found = list(_values(content.decode("utf-8-sig")))
    except OSError as error:
        raise BadInput(f"{where}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{where} is not JSON: {error}") from error
    except RecursionError:
        raise BadInput(f"{where}: is nested too deeply") from None
    if not found:
        # A pipe that broke is no question that was answered; who asks nothing writes [].
        raise BadInput(f"{where}: is empty")
    one = found[0]
    return questions(one if len(found) == 1 and isinstance(one, list) else found)


def _values(text: str) -> Iterator[object]:
    """The JSON values that stand one after the other; line ends between them are as good as any space."""
    decoder = json.JSONDecoder()
    at = _next(text, 0)
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def questions(flows: Iterable[object]) -> list[Question]:
    """The flows of a file; raises BadInput with one line for each that cannot be read."""
    read: list[Question] = []
    bad: list[str] = []
    for index, raw in enumerate(flows):
        try:
            read.append(_question(raw, f"flows[{index}]"))
        except Unreadable as error:
            bad.append(str(error))
    if bad:
        raise BadInput(*bad)
    return read


def _question(raw: object, place: str) -> Question:
    given = _object(raw, place, _FLOW)
    id_ = given.get("id")
    if isinstance(id_, bool) or not isinstance(id_, (int, str)) or (isinstance(id_, str) and not id_.isprintable()):
        raise Unreadable(f"{place}.id: must be a text that can be printed, or a whole number")
    source, destination = _endpoint(given, "src", place), _endpoint(given, "dst", place)
    state = given.get("state", _NEW)
    if state not in (_NEW, _REPLY):
        raise Unreadable(f"{place}.state: {shown(state)!r} is neither {_NEW!r} nor {_REPLY!r}")
    return Question(id_, Flow(source, destination, _l4(given, place)), state == _REPLY)


def _object(raw: object, place: str, keys: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(raw, Mapping):
        raise Unreadable(f"{place}: must be an object with {', '.join(keys)}")
    # A field that nobody reads would answer another question than the one that was asked.
    for key in raw:
        if key not in keys:
            raise Unreadable(f"{place}.{shown(key)}: is not known; there are {', '.join(keys)}")
    return raw


def _endpoint(given: Mapping[str, object], key: str, place: str) -> Endpoint:
    place = f"{place}.{key}"
    end = _object(given.get(key), place, _END)
    instance, nic = _name(end, "instance", place), _name(end, "nic", place)
    if nic is not None and instance is None:
        raise Unreadable(f"{place}.nic: needs the instance that has it")
    text = end.get("ip")
    try:
        # Numbers are addresses to ip_address, and `%` names an interface that nobody here knows.
        if not isinstance(text, str) or "%" in text:
            raise ValueError
        return Endpoint(ip_address(text), instance=instance, nic=nic)
    except ValueError:
        raise Unreadable(
            f"{place}.ip: {'is missing' if text is None else f'{shown(text)!r} is not an IP address'}"
        ) from None


def _name(end: Mapping[str, object], key: str, place: str) -> str | None:
    value = end.get(key)
    if value is None or (isinstance(value, str) and value and value.isprintable()):
        return value
    raise Unreadable(f"{place}.{key}: must be a name")


def _l4(given: Mapping[str, object], place: str) -> L4:
    named, port = given.get("protocol"), given.get("port")
    if isinstance(named, bool) or not isinstance(named, (int, str)):
        raise Unreadable(f"{place}.protocol: {'is missing' if named is None else 'must be a name or a number'}")
    try:
        protocol = protocol_of(str(named))
    except ValueError as error:
        raise Unreadable(f"{place}.protocol: {error}") from None
    if port is None:
        return L4(protocol)
    if protocol not in WITH_PORTS:
        raise Unreadable(f"{place}.port: {named} has no ports")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise Unreadable(f"{place}.port: {shown(port)!r} is not a whole number within 0-65535")
    return L4(protocol, port)


# What is printed


def tell_all(recording: Path, flows: Path, as_json: bool, explain: bool) -> None:
    """Prints the answer to each flow of the file, and what of the recording could not be read.

    Raises BadInput.
    """
    asked = read_flows(flows)
    firewall = read(recording)
    # One by one: a trace of thousands of rules for each of thousands of flows need not fit into memory.
    found = (answer_to(question, firewall, explain) for question in asked)
    if as_json:
        for answer in found:
            typer.echo(json.dumps(as_object(answer), ensure_ascii=False))
    else:
        _print_text(found, max((len(str(question.id)) for question in asked), default=0))
    for problem in firewall.problems:
        # Beside the answers, not among them: whoever counts lines counts flows.
        typer.secho(f"could not be read: {problem}", fg="yellow", err=True)


def _print_text(found: Iterable[Answer], widest: int) -> None:
    """One line for each flow, and a last one that counts. `widest` is the length of the longest id."""
    counts: Counter[Prediction] = Counter()
    for answer in found:
        question, explanation = answer.question, answer.explanation
        counts[explanation.prediction] += 1
        verdict = f"{glyph_of(explanation.prediction)} {question.id!s:{widest}}"
        typer.echo(f"{verdict}  {question.flow}  {_said(explanation)}")
        for line in trace_lines(answer.steps or ()):
            typer.echo(f"    {line}")
    total = counts.total()
    said = ", ".join(f"{counts[p]} {p}" for p in Prediction if counts[p])
    typer.echo(f"{total} flow{'' if total == 1 else 's'}{': ' if said else ''}{said}")


def _said(explanation: Explanation) -> str:
    if explanation.prediction is Prediction.UNDETERMINED:
        return f"{explanation.prediction}: {explanation.why}"
    return f"{explanation.prediction} by {', '.join(explanation.decided_by)}"
