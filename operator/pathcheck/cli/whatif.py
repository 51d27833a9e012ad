"""The offline what-if: what a change of the firewall does to the PathChecks in files, for people, for scripts, for CI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.manifests import read_checks, read_nodes
from pathcheck.cli.reading import firewall_in, read_json
from pathcheck.core.changes.whatif import Weighed, weigh, without
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.words import Verdict
from pathcheck.wire.compute import network_owner
from pathcheck.wire.terraform_plan import NotAPlan, changed

_COLOURS = {Verdict.UPHELD: "green", Verdict.VIOLATED: "red", Verdict.UNKNOWN: "yellow"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line. What changes is said by `terraform`, by `changed`, or by `deleted` and `added`."""

    recording: Path
    manifests: Sequence[Path]
    nodes: Path | None = None
    terraform: Path | None = None
    changed: Path | None = None
    deleted: Sequence[str] = ()
    added: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Every check, weighed; what of the change could not be understood; and how many manifests were of other kinds."""

    weighed: tuple[Weighed, ...]
    cannot_tell: tuple[str, ...]
    others: int
    problems: tuple[str, ...]

    def code(self, strict: bool) -> int:
        """What the command ends with."""
        if any(w.worse for w in self.weighed):
            return 1
        unknown = self.cannot_tell or any(w.after is Verdict.UNKNOWN for w in self.weighed)
        return 3 if strict and unknown else 0


def tell(asked: Asked, as_json: bool, strict: bool) -> int:
    """Prints the answer and returns the exit code.

    Raises BadInput.
    """
    answered = answer(asked)
    if as_json:
        typer.echo(json.dumps(as_object(answered), indent=2, ensure_ascii=False))
    else:
        print_text(answered)
    return answered.code(strict)


def answer(asked: Asked) -> Answer:
    """Every check before and after.

    Raises BadInput.
    """
    ways = {
        "--terraform": asked.terraform,
        "--changed": asked.changed,
        "--delete": asked.deleted,
        "--add": asked.added,
    }
    given = [option for option, value in ways.items() if value]
    if len(given) != 1 and given != ["--delete", "--add"]:
        said = "--terraform, or --changed, or --delete and --add, says what changes"
        raise BadInput(f"{said}; given: {', '.join(given) or 'none'}")
    manifests = read_checks(asked.manifests)
    raw = read_json("--recording", asked.recording)
    before = firewall_in("--recording", asked.recording, raw)
    after, cannot_tell = _after(asked, raw, before)
    known = read_nodes(asked.nodes, before)
    weighed = weigh(manifests.checks, known, before, after)
    problems = dict.fromkeys(str(p) for p in (*before.problems, *after.problems))
    return Answer(weighed, cannot_tell, manifests.others, tuple(problems))


def _after(asked: Asked, raw: Mapping[str, object], before: Firewall) -> tuple[Firewall, tuple[str, ...]]:
    """The firewall after the change, and what of the change is not understood."""
    if asked.terraform is not None:
        try:
            applied, cannot_tell = changed(raw, read_json("--terraform", asked.terraform))
        except NotAPlan as error:
            raise BadInput(f"--terraform: {asked.terraform}: {error}") from error
        return firewall_in("--terraform", asked.terraform, applied), cannot_tell
    if asked.changed is not None:
        return firewall_in("--changed", asked.changed, read_json("--changed", asked.changed)), ()
    rest = without(before, frozenset(_named(text, before) for text in asked.deleted))
    return (rest if asked.added is None else _with_added(asked.added, raw, rest)), ()


def _with_added(path: Path, raw: Mapping[str, object], rest: Firewall) -> Firewall:
    """The rules in this file beside the rest; a name that is there already is refused, as the API would."""
    added = read_json("--add", path, (dict, list))
    alone = {**raw, "firewalls": added if isinstance(added, list) else [added]}
    unread = raw.get("unavailable")
    if isinstance(unread, dict):
        alone["unavailable"] = {key: why for key, why in unread.items() if key != "firewalls"}
    new = firewall_in("--add", path, alone)
    taken = sorted(_names(new) & _names(rest))
    if taken:
        raise BadInput(f"--add: {path}: there is a rule {taken[0][1]} already; --delete it as well to replace it")
    problems = dict.fromkeys((*rest.problems, *new.problems))
    return replace(rest, rules=(*rest.rules, *new.rules), problems=tuple(problems))


def _names(firewall: Firewall) -> set[tuple[str, str]]:
    """The names of VPC rules, each with the project whose name it is."""
    return {(network_owner(rule.network, firewall.project)[0], rule.name) for rule in firewall.rules}


def _named(text: str, firewall: Firewall) -> str:
    """`firewall:NAME`, NAME or `policy:P/PRIORITY` → the rule's id."""
    for id_ in (text, f"firewall:{text}"):
        if firewall.rule(id_) is not None and (":" in id_):
            return id_
    known = sorted(r.id for r in (*firewall.rules, *(r for p in firewall.policies for r in p.rules)) if ":" in r.id)
    raise BadInput(f"--delete: the recording has no rule {text!r}; it has {', '.join(known[:5]) or 'none'}")


def as_object(answered: Answer) -> dict[str, object]:
    """Names and values for scripts; docs/plan.md promises them."""
    return {
        "checks": [
            {
                "name": w.check.name,
                "severity": w.check.severity,
                "before": w.before,
                "after": w.after,
                "flips": w.flips,
                "worse": w.worse,
                "findings": [_finding(f) for f in w.told],
            }
            for w in answered.weighed
        ],
        "cannotTell": [*answered.cannot_tell],
        "otherKinds": answered.others,
        "problems": [*answered.problems],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "reason": finding.reason,
        "verdict": finding.verdict,
        "flows": finding.total,
        "rule": finding.rule,
        "sentence": finding.sentence,
    }


def print_text(answered: Answer) -> None:
    """For a terminal: what flips first, then how many stay as they are."""
    for w in answered.weighed:
        if not w.flips:
            continue
        verdict = w.after
        change = "violated, now in more" if w.before is verdict else f"{w.before} → {verdict}"
        glyph = typer.style(verdict.glyph, fg=_COLOURS[verdict], bold=True)
        typer.echo(f"{glyph} {typer.style(w.check.name, bold=True)}  {change}")
        for finding in w.told:
            typer.echo(f"  {finding.sentence}")
    for why in answered.cannot_tell:
        typer.echo(typer.style(f"? cannot tell: {why}", fg="yellow"))
    stay = Counter(w.after for w in answered.weighed if not w.flips)
    counted = [f"{stay[verdict]} {verdict}" for verdict in Verdict if stay[verdict]]
    flips = sum(w.flips for w in answered.weighed)
    others = f"; {answered.others} resources of other kinds passed over" if answered.others else ""
    rest = f", unchanged: {', '.join(counted)}" if counted else ""
    typer.echo(f"{len(answered.weighed)} PathChecks: {flips} {'flips' if flips == 1 else 'flip'}{rest}{others}")
    for problem in answered.problems:
        typer.secho(f"  could not be read: {problem}", fg="yellow")
