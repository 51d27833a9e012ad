"""The offline answer: text in, one prediction with its reasons out, for people or for scripts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pathcheck.core.phrase import describe, range_of
from pathcheck.core.predict import predict
from pathcheck.core.propose import propose
from pathcheck.model.firewall import Explanation, Firewall, Fix, NearMiss
from pathcheck.model.flows import L4, PROTOCOL_NUMBERS, WITH_PORTS, Address, Endpoint, Flow
from pathcheck.model.words import Prediction
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.gcloud import command

EXIT_CODES = {Prediction.PERMITTED: 0, Prediction.BLOCKED: 1, Prediction.UNDETERMINED: 3, Prediction.INSPECTED: 3}
_STYLES = {Prediction.PERMITTED: ("●", "green"), Prediction.BLOCKED: ("✕", "red")}
_MOST_MISSES = 5


class BadInput(Exception):  # noqa: N818 - it reads as what it says
    """One line that names what cannot be read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One flow, its explanation, what it means in words, and the rule that would mend it."""

    firewall: Firewall
    flow: Flow
    explanation: Explanation
    sentence: str
    fix: Fix | None

    @property
    def exit_code(self) -> int:
        """As `pathcheck predict --help` promises."""
        return EXIT_CODES[self.explanation.prediction]

    @property
    def others(self) -> tuple[NearMiss, ...]:
        """The next near misses after the one that the sentence names, if it names one."""
        said = 1 if self.explanation.prediction is Prediction.BLOCKED else 0
        return self.explanation.near_misses[said : said + _MOST_MISSES]


def read(path: Path) -> Firewall:
    """The recording in this file.

    Raises BadInput.
    """
    try:
        recording = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"--recording: {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"--recording: {path} is not JSON: {error}") from error
    except RecursionError:
        raise BadInput(f"--recording: {path}: is nested too deeply") from None
    if not isinstance(recording, dict):
        raise BadInput(f"--recording: {path} is not a JSON object")
    try:
        return firewall_of(recording)
    except NotARecording as error:
        raise BadInput(f"--recording: {path}: {error}") from error


def answer(firewall: Firewall, source: str, destination: str, traffic: str) -> Answered:
    """The answer to one question.

    Raises BadInput.
    """
    sender, receiver = _endpoint("--from", source, firewall), _endpoint("--to", destination, firewall)
    if sender.address.version != receiver.address.version:
        raise BadInput(f"--from, --to: {sender.address} and {receiver.address} are of different families")
    flow = Flow(sender, receiver, _l4(traffic))
    explanation = predict(flow, firewall)
    own = range_of(flow.source, firewall)
    fix = None
    if explanation.prediction is Prediction.BLOCKED:
        fix = propose(str(flow.l4), [flow], [own], (), firewall)
    return Answered(firewall, flow, explanation, describe([flow], explanation, firewall, [own]), fix)


def _endpoint(option: str, text: str, firewall: Firewall) -> Endpoint:
    address_text, at, name = text.partition("@")
    try:
        address = ip_address(address_text)
    except ValueError:
        raise BadInput(f"{option}: {address_text!r} is not an IP address") from None
    if not at:
        return Endpoint(address, instance=_owner(option, address, firewall))
    if not firewall.machines(name):
        known = ", ".join(sorted({m.name for m in firewall.instances})[:5]) or "none"
        raise BadInput(f"{option}: the recording has no instance {name!r}; it has {known}")
    return Endpoint(address, instance=name)


def _owner(option: str, address: Address, firewall: Firewall) -> str | None:
    """The machine to whose interface this address is delivered, the most specific range first; None for a peer that is none."""
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


def _l4(text: str) -> L4:
    name, slash, port = text.lower().partition("/")
    digits = name.isascii() and name.isdigit()
    protocol = int(name) if digits and len(name) <= 3 else PROTOCOL_NUMBERS.get(name, -1)
    if not 0 <= protocol <= 255:
        names = ", ".join(PROTOCOL_NUMBERS)
        raise BadInput(f"PROTOCOL[/PORT]: {name!r} is neither one of {names} nor a number up to 255")
    if not slash:
        return L4(protocol)
    if protocol not in WITH_PORTS:
        raise BadInput(f"PROTOCOL[/PORT]: {name} has no ports")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise BadInput(f"PROTOCOL[/PORT]: port {port!r} is not within 0-65535")
    return L4(protocol, int(port))


def as_json(answered: Answered) -> str:
    """One object; its names are those of the recording and of `decidedBy` in the operator's status."""
    explanation = answered.explanation
    fix = answered.fix
    return json.dumps(
        {
            "flow": str(answered.flow),
            "prediction": explanation.prediction,
            "decidedBy": explanation.decided_by,
            "sentence": answered.sentence,
            "nearMisses": [
                {"rule": f"firewall:{m.rule.name}", "field": m.field, "sentence": m.sentence}
                for m in explanation.near_misses
            ],
            "fix": None if fix is None else {"command": command(fix), "sentence": fix.sentence},
            "problems": [str(problem) for problem in answered.firewall.problems],
        },
        indent=2,
        ensure_ascii=False,
    )


def as_text(answered: Answered) -> None:
    """Printed for a terminal; the command stands alone on its line, unwrapped, to be copied."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
    explanation = answered.explanation
    glyph, colour = _STYLES.get(explanation.prediction, ("?", "yellow"))
    console.print(Text.assemble((f"{glyph} {explanation.prediction}", f"bold {colour}"), f"  {answered.flow}"))
    console.print(f"  {answered.sentence}")
    if answered.others:
        console.print("\n  other rules that miss it by one field:", style="dim")
        for miss in answered.others:
            console.print(f"    {miss.sentence}")
    if answered.fix is not None:
        console.print("\n  fix, predicted again with it in place:", style="dim")
        console.print(f"    {answered.fix.sentence}")
        console.print(Text(f"    {command(answered.fix)}", style="bold"))
    elif explanation.prediction is Prediction.BLOCKED:
        console.print("\n  no single VPC firewall rule mends this")
    for problem in answered.firewall.problems:
        console.print(Text(f"  could not be read: {problem}", style="yellow"))
