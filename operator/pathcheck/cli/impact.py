"""The offline impact: every rule with what hangs on it, and which rules could go, for people or for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from pathcheck.cli.manifests import read_checks, read_nodes
from pathcheck.cli.reading import read
from pathcheck.core.reliance.between import Between, between
from pathcheck.core.reliance.rely import Hanging, rely
from pathcheck.core.reliance.standing import Stand, Standing, standings

# For people: --output json has all of it.
_MOST_LINES = 24
_MOST_NAMES = 12
_MOST_CHECKS = 4
_MOST_BY = 3
# Of one rule, and of several.
_TITLES = {
    Standing.SHADOWED: (
        "is shadowed: what is asked before it decides every packet that it matches",
        "are shadowed: what is asked before them decides every packet that they match",
    ),
    Standing.REDUNDANT: (
        "is redundant: it could go, and every packet would come to the same",
        "are redundant: each alone could go, and every packet would come to the same",
    ),
    Standing.UNMET: (
        "matches no packet of this recording, where nobody has what it names as the other end",
        "match no packet of this recording, where nobody has what they name as the other end",
    ),
    Standing.UNAPPLIED: ("applies to no machine of this recording", "apply to no machine of this recording"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What hangs on each rule in force, the one with the most first; how it stands; and what hangs on it between machines, by its id."""

    hanging: tuple[Hanging, ...]
    stands: Mapping[str, Stand]
    between: Between
    machine_flows: Mapping[str, int]
    untold: Mapping[str, str]
    problems: tuple[str, ...]

    def standing(self, *standings: Standing) -> list[Stand]:
        """The rules that stand so, of those on which no check hangs, by name."""
        idle = (self.stands[h.rule] for h in self.hanging if not h.checks)
        return [stand for stand in idle if stand.standing in standings]


def tell(recording: Path, manifests: Sequence[Path], nodes: Path | None, as_json: bool) -> None:
    """Prints the answer.

    Raises BadInput.
    """
    found = read_checks(manifests)
    firewall = read(recording)
    hanging, untold = rely(found.checks, read_nodes(nodes, firewall), firewall)
    stands = {stand.rule.id: stand for stand in standings(firewall)}
    counted = between(firewall)
    flows = {load.rule.id: load.flows for load in counted.loads}
    answered = Answer(hanging, stands, counted, flows, untold, tuple(map(str, firewall.problems)))
    if as_json:
        typer.echo(json.dumps(as_object(answered), indent=2, ensure_ascii=False))
    else:
        print_text(answered)


def as_object(answered: Answer) -> dict[str, object]:
    """Names and values for scripts; docs/impact.md promises them."""
    return {
        "rules": [_rule(hanging, answered) for hanging in answered.hanging],
        "machineFlows": None if answered.between.why else answered.between.flows,
        "cannotTell": {**answered.untold},
        "problems": [*answered.problems],
    }


def _rule(hanging: Hanging, answered: Answer) -> dict[str, object]:
    stand = answered.stands[hanging.rule]
    return {
        "rule": hanging.rule,
        "flows": hanging.flows,
        "checks": hanging.checks,
        "standing": stand.standing,
        "by": [*stand.by],
        "why": stand.why,
        "machineFlows": None if answered.between.why else answered.machine_flows.get(hanging.rule, 0),
    }


def print_text(answered: Answer) -> None:
    """For a terminal: what hangs on which rule, then those that could go, then those that are only not asked about."""
    held = [hanging for hanging in answered.hanging if hanging.checks]
    for hanging in held[:_MOST_LINES]:
        typer.echo(f"{hanging.flows:>8} flows  {_name(hanging.rule)}: {_checks(hanging)}")
    if len(held) > _MOST_LINES:
        rest = held[_MOST_LINES:]
        typer.echo(f"{sum(h.flows for h in rest):>8} flows  on {len(rest)} more rules, fewer on each")
    _print_grouped(answered.standing(Standing.SHADOWED), "by {}")
    _print_grouped(answered.standing(Standing.REDUNDANT), "{} would decide instead")
    for standing in (Standing.UNMET, Standing.UNAPPLIED):
        stands = answered.standing(standing)
        if stands:
            typer.echo(f"{_title(stands)}: {_few(_name(stand.rule.id) for stand in stands)}")
    _print_idle(answered)
    for name, why in answered.untold.items():
        typer.secho(f"? cannot tell of {name}: {why}", fg="yellow")
    for why, stands in _together(answered.standing(Standing.UNTOLD), lambda stand: stand.why):
        names = _few(_name(stand.rule.id) for stand in stands)
        typer.secho(f"? cannot tell whether {names} could go: {why}", fg="yellow")
    for problem in answered.problems:
        typer.secho(f"  could not be read: {problem}", fg="yellow")


def _print_grouped(stands: Sequence[Stand], said: str) -> None:
    """One line for all rules of which the same is said, the most of them first."""
    if not stands:
        return
    typer.echo(_title(stands))
    groups = _together(stands, lambda stand: _by(stand.by))
    for by, some in groups[:_MOST_LINES]:
        typer.echo(f"  {said.format(by)}: {_few(_name(stand.rule.id) for stand in some)}")
    if len(groups) > _MOST_LINES:
        rest = sum(len(some) for _, some in groups[_MOST_LINES:])
        typer.echo(f"  and {rest} more by others")


def _title(stands: Sequence[Stand]) -> str:
    return f"{len(stands)} {_TITLES[stands[0].standing][len(stands) > 1]}"


def _print_idle(answered: Answer) -> None:
    """The rules on which nothing hangs but the packets that nobody asks about; those that matter most to the machines come first."""
    idle = [(answered.machine_flows.get(s.rule.id, 0), _name(s.rule.id)) for s in answered.standing(Standing.NEEDED)]
    if not idle:
        return
    idle.sort(key=lambda counted: (-counted[0], counted[1]))
    named = _few(f"{name} ({flows:,})" if flows else name for flows, name in idle)
    each = "it" if len(idle) == 1 else "each of them"
    typer.echo(f"nothing hangs on {len(idle)} more, though some packet is predicted otherwise without {each}: {named}")
    if answered.between.why:
        typer.secho(f"? what hangs on them between the machines is not counted: {answered.between.why}", fg="yellow")
    elif idle[0][0]:
        typer.echo(f"  in brackets: of {answered.between.flows:,} flows between the machines of the recording")


def _checks(hanging: Hanging) -> str:
    ordered = sorted(hanging.checks.items(), key=lambda item: (-item[1], item[0]))
    more = f" and {len(ordered) - _MOST_CHECKS} more" if len(ordered) > _MOST_CHECKS else ""
    return ", ".join(f"{name} ({flows})" for name, flows in ordered[:_MOST_CHECKS]) + more


def _by(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_BY} more" if len(ids) > _MOST_BY else ""
    return ", ".join(map(_name, ids[:_MOST_BY])) + more


def _together(stands: Iterable[Stand], key: Callable[[Stand], str]) -> list[tuple[str, list[Stand]]]:
    found: dict[str, list[Stand]] = {}
    for stand in stands:
        found.setdefault(key(stand), []).append(stand)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def _few(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_NAMES} more" if len(every) > _MOST_NAMES else ""
    return ", ".join(every[:_MOST_NAMES]) + more


def _name(id_: str) -> str:
    return id_.removeprefix("firewall:")
