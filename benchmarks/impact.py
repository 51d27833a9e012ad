"""What hangs on which rule: for all rules at once, against one more table for each; and `pathcheck plan` and `impact` as programs."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import firewalls
from benchmarks.clock import Disagreement, seconds, started
from benchmarks.engine import compiled, fresh
from benchmarks.figures import Figure
from pathcheck.core.changes.whatif import without
from pathcheck.core.reliance.standing import Standing, standings
from pathcheck.core.reliance.tally import Load, tally
from pathcheck.core.rules.tabulate import PREDICTIONS, Table, tabulate
from pathcheck.wire.firewall_rules import firewall_of

_FLOWS = firewalls.MACHINES * firewalls.MACHINES * len(firewalls.TRAFFIC)
_SAMPLE = 4
_CHECKS = 50


def figures(rounds: int, seed: int) -> Iterator[tuple[str, Sequence[Figure]]]:
    """Each section by its title; every random choice follows from the seed."""
    for kind in firewalls.KINDS:
        yield f"What hangs on which rule: {kind.title}", _of(kind, rounds, random.Random(seed))
    yield "`pathcheck plan` and `pathcheck impact` as programs", _programs(rounds, random.Random(seed))


def _of(kind: firewalls.Kind, rounds: int, dice: random.Random) -> list[Figure]:
    firewall = firewall_of(firewalls.recording(kind, dice))
    asked = firewalls.endpoints(dice), firewalls.endpoints(dice), firewalls.TRAFFIC
    rules = [r.id for r in (*firewall.rules, *(r for p in firewall.policies for r in p.rules)) if r.in_force]
    at_once, stood = [], []
    loads: Sequence[Load] = ()
    untold = 0
    for _ in range(rounds):
        own = compiled(fresh(firewall))
        spent, loads = seconds(lambda: tally(*asked, own))  # noqa: B023 - called at once
        at_once.append(1000 * spent)
        spent, stands = seconds(lambda: standings(own))  # noqa: B023
        stood.append(1000 * spent)
        untold = sum(stand.standing is Standing.UNTOLD for stand in stands)
    now, one_by_one = tabulate(*asked, firewall), []
    for id_ in dice.sample(rules, _SAMPLE):
        fewer = without(firewall, frozenset({id_}))
        spent, then = seconds(lambda: tabulate(*asked, fewer))  # noqa: B023
        one_by_one.append(spent * len(rules))
        _agree(id_, now, then, loads)
    goal = (1000.0, 1000.0) if kind.rules >= 5000 and not kind.in_policies else None
    ratio = 1000 * statistics.median(one_by_one) / statistics.median(at_once)
    title = f"baseline: one more table without each of {len(rules):,} rules, extrapolated from {_SAMPLE}"
    return [
        Figure(f"all {_FLOWS:,} flows, each rule gone in turn, from compiled rules", "ms", tuple(at_once), goal),
        Figure(title, "s", tuple(one_by_one)),
        Figure("at once against the baseline", "times as fast", (ratio,)),
        Figure("rules on which any flow hangs", "", (float(len(loads)),)),
        Figure("which rules are needed, redundant or shadowed, from compiled rules", "ms", tuple(stood)),
        Figure("rules of which that is not told, as it would take too long", "", (float(untold),)),
    ]


def _agree(id_: str, now: Table, then: Table, loads: Sequence[Load]) -> None:
    """Raises Disagreement where the two tables differ in other flows than hang on the rule."""
    flips: Counter[tuple[int, int]] = Counter()
    for k in range(len(firewalls.TRAFFIC)):
        for row, other in zip(now.rows(k), then.rows(k), strict=True):
            if row != other:
                flips.update(pair for pair in zip(row, other, strict=True) if pair[0] != pair[1])
    expected = {(PREDICTIONS[a], PREDICTIONS[b]): flows for (a, b), flows in flips.items()}
    found = next((load.flips for load in loads if load.rule.id == id_), {})
    if found != expected:
        raise Disagreement(f"without {id_}: {expected} by the tables, {found} at once")


def _programs(rounds: int, dice: random.Random) -> list[Figure]:
    """From the shell's side: the interpreter's own start is part of it."""
    raw, many = (firewalls.cluster(kind, dice) for kind in firewalls.KINDS[:2])
    written = {
        "small": raw,
        "large": many,
        "checks": {"kind": "List", "items": firewalls.checks(_CHECKS, dice)},
        "plan": _terraform(raw, dice),
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.json" for name in written}
        for name, body in written.items():
            paths[name].write_text(json.dumps(body))

        def pathcheck(verb: str, recording: str, *more: str) -> tuple[str, ...]:
            about = ("--recording", str(paths[recording]), "-f", str(paths["checks"]))
            return ("-m", "pathcheck", verb, *about, *more)

        deleting = pathcheck("plan", "small", "--delete", firewalls.POD_RULE)
        terraform = pathcheck("plan", "small", "--terraform", str(paths["plan"]))
        title = f"200 rules, {_CHECKS} PathChecks"
        return [
            started(f"plan: {title}, the rule deleted on which most hang", deleting, rounds, (1000, 1500)),
            started(f"plan: {title}, ten rules changed by Terraform", terraform, rounds, (1000, 1500)),
            started(f"impact: {title}", pathcheck("impact", "small"), rounds, (2000, 3000)),
            started(f"impact: 5,000 rules, {_CHECKS} PathChecks", pathcheck("impact", "large"), rounds),
            started("baseline: an interpreter that does nothing", ("-c", "pass"), rounds),
        ]


def _terraform(raw: firewalls.Raw, dice: random.Random) -> firewalls.Raw:
    """A plan that deletes the cluster's own rule and nine others."""
    names = [firewalls.POD_RULE, *(rule["name"] for rule in dice.sample(raw["firewalls"][:-1], 9))]
    changes = [
        {
            "address": f"google_compute_firewall.{name}",
            "type": "google_compute_firewall",
            "change": {
                "actions": ["delete"],
                "before": {"name": name, "network": "default", "project": "bench"},
                "after": None,
                "after_unknown": {},
            },
        }
        for name in names
    ]
    return {"format_version": "1.2", "resource_changes": changes}
