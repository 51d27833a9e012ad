"""The offline answer: text in, one prediction with its reasons out, for people or for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.explained import as_fields, glyph_of, trace_fields, trace_lines
from pathcheck.cli.fixes import Way, fix_fields, fix_text
from pathcheck.cli.reading import read
from pathcheck.core.fixes.propose import Wishes, propose
from pathcheck.core.rules.phrase import describe, range_of
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.trace import trace
from pathcheck.core.ways.route import with_routes
from pathcheck.model.firewall import Explanation, Firewall, NearMiss, Step
from pathcheck.model.fixes import Proposal
from pathcheck.model.flows import L4, PROTOCOL_NUMBERS, WITH_PORTS, Address, Endpoint, Flow
from pathcheck.model.words import Expectation, Prediction

_EXIT_CODES = {Prediction.PERMITTED: 0, Prediction.BLOCKED: 1, Prediction.UNDETERMINED: 3, Prediction.INSPECTED: 3}
_MOST_MISSES = 5


@dataclass(frozen=True, slots=True)
class Answered:
    """One flow, its explanation, what it means in words, the rule that would mend it, and, if asked for, the trace."""

    firewall: Firewall
    flow: Flow
    explanation: Explanation
    sentence: str
    proposal: Proposal
    steps: tuple[Step, ...] | None = None

    @property
    def others(self) -> tuple[NearMiss, ...]:
        """The next near misses after the one that the sentence names, if it names one."""
        said = 1 if self.explanation.prediction is Prediction.BLOCKED else 0
        return self.explanation.near_misses[said : said + _MOST_MISSES]


def tell(recording: Path, asked: Mapping[str, str | None], as_json: bool, explain: bool, way: Way) -> int:
    """Prints the answer to one question, whose parts are those of the command line by name; the exit code.

    Raises BadInput.
    """
    parts: list[str] = []
    for option, value in asked.items():
        if value is None:
            raise BadInput(f"{option}: is missing; or ask about many flows with --flows")
        parts.append(value)
    answered = answer(read(recording), *parts)
    if explain:
        answered = replace(answered, steps=trace(answered.flow, answered.firewall))
    if as_json:
        typer.echo(json.dumps(as_object(answered), indent=2, ensure_ascii=False))
    else:
        print_text(answered, way)
    return _EXIT_CODES[answered.explanation.prediction]


def answer(firewall: Firewall, source: str, destination: str, traffic: str) -> Answered:
    """The answer to one question.

    Raises BadInput.
    """
    sender, receiver = endpoint_of("--from", source, firewall), endpoint_of("--to", destination, firewall)
    if sender.address.version != receiver.address.version:
        raise BadInput(f"--from, --to: {sender.address} and {receiver.address} are of different families")
    flow = Flow(sender, receiver, l4_of("PROTOCOL[/PORT]", traffic))
    explanation = with_routes(predict(flow, firewall), flow, firewall)
    own = range_of(flow.source, firewall)
    proposal = Proposal()
    if explanation.prediction is Prediction.BLOCKED:
        proposal = propose(str(flow.l4), [flow], Expectation.REACHABLE, [own], Wishes(), firewall)
    return Answered(firewall, flow, explanation, describe([flow], explanation, firewall, [own]), proposal)


def endpoint_of(option: str, text: str, firewall: Firewall) -> Endpoint:
    """`IP[@INSTANCE]`.

    Raises BadInput, which names the option.
    """
    address_text, at, name = text.partition("@")
    try:
        address = ip_address(address_text)
    except ValueError:
        raise BadInput(f"{option}: {address_text!r} is not an IP address") from None
    if not at:
        return Endpoint(address, instance=owner_of(option, address, firewall))
    if not firewall.machines(name):
        known = ", ".join(sorted({m.name for m in firewall.instances})[:5]) or "none"
        raise BadInput(f"{option}: the recording has no instance {name!r}; it has {known}")
    return Endpoint(address, instance=name)


def owner_of(option: str, address: Address, firewall: Firewall) -> str | None:
    """The machine to whose interface this address is delivered, the most specific range first; None for a peer that is none.

    Raises BadInput, which names the option.
    """
    holders = [
        (r.prefixlen, machine.name)
        for machine in firewall.instances
        for interface in machine.interfaces
        for r in (*interface.primary, *interface.alias_ranges, *interface.routed_ranges)
        if address in r
    ]
    longest = max((length for length, _ in holders), default=0)
    names = sorted({name for length, name in holders if length == longest})
    if len(names) > 1:
        raise BadInput(f"{option}: {address} is delivered to {' and '.join(names)}; write {address}@INSTANCE")
    return names[0] if names else None


def l4_of(option: str, text: str) -> L4:
    """`udp/53`, `icmp`, or a protocol's number.

    Raises BadInput, which names the option.
    """
    name, slash, port = text.partition("/")
    try:
        protocol = protocol_of(name)
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from None
    if not slash:
        return L4(protocol)
    if protocol not in WITH_PORTS:
        raise BadInput(f"{option}: {name} has no ports")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise BadInput(f"{option}: port {port!r} is not within 0-65535")
    return L4(protocol, int(port))


def protocol_of(text: str) -> int:
    """The number of a protocol by its name, in either case, or by its number.

    Raises ValueError with a sentence.
    """
    name = text.lower()
    if name in PROTOCOL_NUMBERS:
        return PROTOCOL_NUMBERS[name]
    if name.isascii() and name.isdigit() and len(name) <= 3 and int(name) <= 255:
        return int(name)
    raise ValueError(f"{text!r} is neither one of {', '.join(PROTOCOL_NUMBERS)} nor a number up to 255")


def as_object(answered: Answered) -> dict[str, object]:
    """One answer as scripts read it; its names are those of the recording and of `decidedBy` in the operator's status."""
    return {
        "flow": str(answered.flow),
        **as_fields(answered.explanation),
        "sentence": answered.sentence,
        **fix_fields(answered.proposal),
        "problems": [str(problem) for problem in answered.firewall.problems],
        **({} if answered.steps is None else {"trace": trace_fields(answered.steps)}),
    }


def print_text(answered: Answered, way: Way) -> None:
    """Printed for a terminal, the fix in this way of writing; a command stands alone on its line, unwrapped, to be copied."""
    explanation = answered.explanation
    typer.echo(f"{glyph_of(explanation.prediction)} {typer.style(explanation.prediction, bold=True)}  {answered.flow}")
    typer.echo(f"  {answered.sentence}")
    routes = [o for o in explanation.obstacles if o.reason is not None]
    if len(explanation.obstacles) > 1 or routes:
        whose = {o: o.stage if o in routes else o.direction for o in explanation.obstacles}
        _listed("in the way, all of it:", [f"{what}: {o.sentence}" for o, what in whose.items()])
    if answered.others:
        _listed("other rules that nearly decide otherwise:", [miss.sentence for miss in answered.others])
    fix_text(answered.proposal, way)
    if answered.steps is not None:
        _listed("asked, in this order:", trace_lines(answered.steps) or ["no rule at all"])
    for problem in answered.firewall.problems:
        typer.secho(f"  could not be read: {problem}", fg="yellow")


def _listed(title: str, lines: Sequence[str]) -> None:
    typer.secho(f"\n  {title}", dim=True)
    for line in lines:
        typer.echo(f"    {line}")
