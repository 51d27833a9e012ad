"""The offline proof: what the firewall does with all of it, or the ranges where it does something else, for people or for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.explained import as_fields, glyph_of
from pathcheck.cli.reading import read
from pathcheck.cli.spans import spans_of, traffic_of
from pathcheck.core.proofs.cases import WORST_FIRST, TooManyKindsError
from pathcheck.core.proofs.prove import prove
from pathcheck.core.rules.phrase import describe
from pathcheck.core.rules.ports import spoken
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range
from pathcheck.model.proofs import Part, Proof
from pathcheck.model.words import Prediction

EXIT_CODES = {Prediction.PERMITTED: 0, Prediction.BLOCKED: 1, Prediction.UNDETERMINED: 3, Prediction.INSPECTED: 3}
# Counter-examples that are shown; more than these are no longer an answer that anybody reads.
MOST = 16
_MOST_RANGES = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """A question in its own words, and its proof."""

    source: str
    destination: str
    traffic: str
    proof: Proof
    firewall: Firewall

    @property
    def prediction(self) -> Prediction:
        """What all of it comes to: the worst of its parts."""
        found = {part.explanation.prediction for part in self.proof.parts}
        return next(prediction for prediction in WORST_FIRST if prediction in found)

    @property
    def counter_examples(self) -> tuple[Part, ...]:
        """All that is not permitted."""
        return tuple(p for p in self.proof.parts if p.explanation.prediction is not Prediction.PERMITTED)

    @property
    def permitted(self) -> tuple[Part, ...]:
        """The rest."""
        return tuple(p for p in self.proof.parts if p.explanation.prediction is Prediction.PERMITTED)


def tell(recording: Path, source: str, destination: str, traffic: Sequence[str], as_json: bool) -> int:
    """Prints the answer and returns the exit code.

    Raises BadInput.
    """
    answered = answer(read(recording), source, destination, traffic)
    if as_json:
        typer.echo(json.dumps(as_object(answered), indent=2, ensure_ascii=False))
    else:
        print_text(answered)
    return EXIT_CODES[answered.prediction]


def answer(firewall: Firewall, source: str, destination: str, traffic: Sequence[str]) -> Answer:
    """The proof of one question.

    Raises BadInput, also for a question that is too large.
    """
    senders, receivers = spans_of("--from", source, firewall), spans_of("--to", destination, firewall)
    asked = traffic_of(traffic)
    try:
        proof = prove(senders, receivers, asked, firewall)
    except TooManyKindsError as error:
        raise BadInput(f"--from, --to: {error}; ask for less at once") from error
    if not proof.pairs:
        raise BadInput("--from, --to: are on one machine, and packets on one machine meet no firewall")
    if not proof.parts:
        raise BadInput(f"--from, --to: {source} and {destination} have no addresses of one family")
    return Answer(source, destination, spoken(asked), proof, firewall)


def as_object(answered: Answer) -> dict[str, object]:
    """Names and values for scripts; docs/prove.md promises them."""
    shown = answered.counter_examples[:MOST]
    return {
        "from": answered.source,
        "to": answered.destination,
        "traffic": answered.traffic,
        "prediction": answered.prediction,
        "decidedBy": list(dict.fromkeys(n for part in answered.permitted for n in part.explanation.decided_by)),
        "counterExamples": [_as_fields(part, answered.firewall) for part in shown],
        "beyond": len(answered.counter_examples) - len(shown),
        "permitted": [_as_fields(part, answered.firewall) for part in answered.permitted[:MOST]],
        "problems": [str(problem) for problem in answered.firewall.problems],
    }


def _as_fields(part: Part, firewall: Firewall) -> dict[str, object]:
    said: dict[str, object] = {
        "sources": [str(r) for r in part.sources],
        "destinations": [str(r) for r in part.destinations],
        "traffic": [str(match) for match in part.traffic],
        "example": str(part.example),
        "sentence": _cause(part, firewall),
    }
    return said | as_fields(part.explanation)


def print_text(answered: Answer) -> None:
    """For a terminal: the answer, then each part that is not as asked, then what admits the rest."""
    prediction = answered.prediction
    question = f"from {answered.source} to {answered.destination}, {_all(answered.traffic)}"
    others, rest = answered.counter_examples, answered.permitted
    if others:
        typer.echo(f"{glyph_of(prediction)} {question}: not all of it is permitted")
    else:
        typer.echo(f"{glyph_of(prediction)} {question}: permitted by {', '.join(_deciders(rest))}")
    for part in others[:MOST]:
        typer.echo(f"\n  {glyph_of(part.explanation.prediction)} {part.explanation.prediction}: {spoken(part.traffic)}")
        typer.echo(f"    from {_listed(part.sources)}\n    to   {_listed(part.destinations)}")
        typer.echo(f"    {_cause(part, answered.firewall)}")
    if len(others) > MOST:
        typer.echo(f"\n  and {len(others) - MOST} more counter-examples")
    if len(rest) > 1 or (others and rest) or any(map(_half, rest)):
        typer.echo("\n  permitted:")
        for part in rest[:MOST]:
            typer.echo(f"    {spoken(part.traffic)} by {', '.join(_deciders([part]))}{_half(part)}")
        if len(rest) > MOST:
            typer.echo(f"    and {len(rest) - MOST} more parts")
    for problem in answered.firewall.problems:
        typer.echo(typer.style(f"  could not be read: {problem}", fg="yellow"))


def _all(traffic: str) -> str:
    return traffic if "/" in traffic or "(" in traffic else f"all of {traffic}, all ports"


def _cause(part: Part, firewall: Firewall) -> str:
    # By ranges: one sender in each, of which no more is said than that.
    start = part.example.source
    across = [
        replace(part.example, source=replace(start, address=r.network_address, instance=None)) for r in part.sources
    ]
    return describe(across, part.explanation, firewall, part.sources, spoken(part.traffic))


def _half(part: Part) -> str:
    ends = ((part.example.source, part.sources), (part.example.destination, part.destinations))
    outside = [_listed(ranges) for end, ranges in ends if end.instance is None]
    return f" ({outside[0]}: no recorded machine's, so only the other end's rules were asked)" if outside else ""


def _deciders(parts: Sequence[Part]) -> list[str]:
    """Rules first that decide for most."""
    return [
        name.removeprefix("firewall:") for name in dict.fromkeys(n for p in parts for n in p.explanation.decided_by)
    ]


def _listed(ranges: Sequence[Range]) -> str:
    more = len(ranges) - _MOST_RANGES
    return ", ".join(map(str, ranges[:_MOST_RANGES])) + (f" and {more} more ranges" if more > 0 else "")
