"""The port signature offline: what was reached and what was silent in, the rules that explain it out, for people or for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as File

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.predict import endpoint_of, l4_of
from pathcheck.cli.reading import read
from pathcheck.core.rules.near_misses import l4_of as spoken_l4
from pathcheck.core.rules.near_misses import numbered, remote_of
from pathcheck.core.signatures.pool import pod_on, pool
from pathcheck.core.signatures.pronounce import Path, between, pronounce, spoken_rules
from pathcheck.core.signatures.signature import sign
from pathcheck.core.signatures.suspects import scopes
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4, WITH_PORTS, Endpoint
from pathcheck.model.rules import Rule
from pathcheck.model.signature import Cause, Ends, Pattern, Signature
from pathcheck.model.words import Action, Direction


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line: one's own observations, or the file with those of the probes."""

    reached: Sequence[str] = ()
    silent: Sequence[str] = ()
    source: str | None = None
    destination: str | None = None
    probes: File | None = None
    recording: File | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One signature, between which ends in words, and for the probes between which nodes."""

    signature: Signature
    where: str
    paths: list[Path] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What it comes to."""
        return pronounce(self.signature, self.where)


def tell(asked: Asked, as_json: bool) -> int:
    """Prints the answer and returns the exit code.

    Raises BadInput.
    """
    own = {
        "--reached": asked.reached,
        "--silent": asked.silent,
        "--from": asked.source,
        "--to": asked.destination,
    }
    given = [option for option, value in own.items() if value]
    if asked.probes is not None and given:
        raise BadInput(f"--probes: stands in the place of {', '.join(own)}; {', '.join(given)} is given as well")
    if asked.probes is None and not (asked.reached or asked.silent):
        raise BadInput("--reached, --silent: say what was tried; or say what the probes saw with --probes")
    known = read(asked.recording) if asked.recording is not None else None
    problems = [str(problem) for problem in known.problems] if known is not None else []
    untold: Mapping[str, str] = {}
    if asked.probes is None:
        answers = [_one(asked, known)]
    else:
        answers, untold = _of_probes(asked.probes, known)
    if as_json:
        fields = _patterns(answers, untold) if asked.probes is not None else as_fields(answers[0])
        typer.echo(json.dumps({**fields, "problems": problems}, indent=2, ensure_ascii=False))
    else:
        _print_text(answers, untold)
        for problem in problems:
            typer.secho(f"  could not be read: {problem}", fg="yellow")
    return 0 if answers and all(answer.signature.told for answer in answers) else 1


# One's own observations


def _one(asked: Asked, known: Firewall | None) -> Answer:
    crossing, silent = _l4s("--reached", asked.reached), _l4s("--silent", asked.silent)
    both = [str(l4) for l4 in crossing if l4 in silent]
    if both:
        raise BadInput(f"--reached, --silent: {', '.join(both)} cannot be both")
    ends = Ends(_end("--from", asked.source, known), _end("--to", asked.destination, known))
    _check(ends, known)
    return Answer(sign(Pattern(crossing, silent), ends, known), _where(ends))


def _l4s(option: str, texts: Sequence[str]) -> tuple[L4, ...]:
    """What is listed, by comma or by repetition, in order and once each."""
    found = {l4_of(option, part.strip()) for text in texts for part in text.split(",")}
    for l4 in sorted(found, key=str):
        if l4.port is None and l4.protocol in WITH_PORTS:
            raise BadInput(f"{option}: {l4} needs the port that was tried, as in {l4}/80")
    return tuple(sorted(found))


def _end(option: str, text: str | None, known: Firewall | None) -> Endpoint | None:
    if text is None:
        return None
    if known is not None:
        return endpoint_of(option, text, known)
    if "@" in text:
        raise BadInput(f"{option}: @INSTANCE needs a --recording that has it")
    return endpoint_of(option, text, Firewall("", ""))


def _check(ends: Ends, known: Firewall | None) -> None:
    sender, receiver = ends.sender, ends.receiver
    if sender is not None and receiver is not None:
        if sender.address.version != receiver.address.version:
            raise BadInput(f"--from, --to: {sender.address} and {receiver.address} are of different families")
        if sender.instance is not None and sender.instance == receiver.instance:
            raise BadInput(f"--from, --to: both are on {sender.instance}: no firewall is between them")
    if known is None:
        return
    if receiver is None:
        networks = sorted({network for network, _ in scopes(known)})
        if len(networks) > 1:
            raise BadInput(f"--to: is needed, for the recording has the networks {', '.join(networks)}")
    elif receiver.instance is None:
        raise BadInput(f"--to: no recorded machine has {receiver.address}, so that no rules are known of it")


def _where(ends: Ends) -> str:
    said = (("from", ends.sender), ("to", ends.receiver))
    return " ".join(f"{word} {end}" for word, end in said if end is not None)


# What the probes saw


def _of_probes(path: File, known: Firewall | None) -> tuple[list[Answer], Mapping[str, str]]:
    """One answer for each signature, that of most pairs first; and of nodes that tell nothing, why not."""
    # pydantic, which takes its time, is needed for resources only.
    from pathcheck.cli.reports import read_probes

    snapshot = read_probes(path, known)
    found: dict[Signature, list[Path]] = {}
    untold: dict[str, str] = {}
    for dialer in sorted(snapshot.probes):
        patterns, sender = pool(snapshot, dialer, snapshot.probes), pod_on(dialer, snapshot)
        if not patterns:
            untold[dialer] = "no result of its probe that counts is about another node's pods"
        for target, pattern in patterns.items():
            signature = sign(pattern, Ends(sender, pod_on(target, snapshot)), known)
            found.setdefault(signature, []).append((dialer, target))
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [Answer(signature, between(paths), paths) for signature, paths in ordered], untold


# What is printed


def as_fields(answer: Answer) -> dict[str, object]:
    """One signature as scripts read it; docs/signature.md promises the names."""
    signature, pattern = answer.signature, answer.signature.pattern
    return {
        "crossing": _names(pattern.crossing),
        "silent": _names(pattern.silent),
        "mixed": _names(pattern.mixed),
        "explained": signature.told,
        "causes": [_cause(cause) for cause in signature.causes],
        "moreCauses": signature.more,
        "complete": signature.complete,
        "smallest": signature.smallest,
        "unexplained": _names(signature.unexplained),
        "notInForce": _ids(signature.excluded),
        "noPodRule": signature.no_pod_rule,
        "perhapsNotInForce": _ids(signature.doubted),
        "candidates": _ids(signature.candidates),
        "cannotJudge": _ids(signature.unjudged),
        "wouldTellApart": _names(signature.telling),
        "rules": "well-known" if signature.well_known else "recording",
        "sentence": answer.sentence,
    }


def _patterns(answers: Iterable[Answer], untold: Mapping[str, str]) -> dict[str, object]:
    patterns = [
        {"paths": [{"from": source, "to": target} for source, target in a.paths], **as_fields(a)} for a in answers
    ]
    return {"patterns": patterns, "untold": dict(untold)}


def _cause(cause: Cause) -> dict[str, object]:
    return {"allows": [_ids(alike) for alike in cause.allows], "denies": _ids(cause.denies)}


def _names(l4s: Iterable[L4]) -> list[str]:
    return [str(l4) for l4 in l4s]


def _ids(rules: Iterable[Rule]) -> list[str]:
    return [rule.id for rule in rules]


def _print_text(answers: Sequence[Answer], untold: Mapping[str, str]) -> None:
    """A sentence for each, and below it the rules that it names."""
    for answer in answers:
        typer.echo(answer.sentence)
        for rule in spoken_rules(answer.signature):
            verb = "admits" if rule.action is Action.ALLOW else "denies"
            way = "to" if rule.direction is Direction.EGRESS else "from"
            typer.secho(f"  {numbered(rule)} {verb} {spoken_l4(rule.l4)} {way} {remote_of(rule)}", dim=True)
    for node, why in untold.items():
        typer.secho(f"? {node}: {why}", fg="yellow")
