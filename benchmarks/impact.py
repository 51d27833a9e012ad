"""What hangs on which rule: for all rules at once, against one more table for each; and `pathcheck plan` and `impact` as programs."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import firewalls
from benchmarks.clock import Disagreement, seconds, started
from benchmarks.engine import compiled, fresh
from benchmarks.figures import Figure
from pathcheck.core.standing import Standing, standings
from pathcheck.core.tabulate import PREDICTIONS, Table, tabulate
from pathcheck.core.tally import Load, tally
from pathcheck.core.whatif import without
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint
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
    sources, destinations = firewalls.endpoints(dice), firewalls.endpoints(dice)
    rules = [r.id for r in (*firewall.rules, *(r for p in firewall.policies for r in p.rules)) if r.in_force]
    tallies = [
        seconds(lambda own=own: tally(sources, destinations, firewalls.TRAFFIC, own))  # type: ignore[misc]
        for own in (compiled(fresh(firewall)) for _ in range(rounds))
    ]
    now = tabulate(sources, destinations, firewalls.TRAFFIC, firewall)
    # Rules that matter and rules that do not: the table without either costs the same.
    sample = dice.sample(rules, _SAMPLE)
    again = []
    for id_ in sample:
        fewer = without(firewall, frozenset({id_}))
        spent, then = seconds(lambda fewer=fewer: tabulate(sources, destinations, firewalls.TRAFFIC, fewer))  # type: ignore[misc]
        again.append(spent)
        _agree(id_, now, then, tallies[0][1])
    stood = [seconds(lambda own=own: standings(own)) for own in (compiled(fresh(firewall)) for _ in range(rounds))]  # type: ignore[misc]
    untold = sum(stand.standing is Standing.UNTOLD for stand in stood[0][1])
    by_table = tuple(spent * len(rules) for spent in again)
    at_once = tuple(1000 * spent for spent, _ in tallies)
    plain = kind.rules >= 5000 and not kind.in_policies
    ratio = sum(by_table) / len(by_table) / (sorted(at_once)[len(at_once) // 2] / 1000)
    return [
        Figure(
            f"all {_FLOWS:,} flows, every rule gone in turn, from compiled rules",
            "ms",
            at_once,
            (1000, 1000) if plain else None,
        ),
        Figure(
            f"baseline: one more table without each of {len(rules):,} rules, extrapolated from {_SAMPLE}", "s", by_table
        ),
        Figure("at once against the baseline", "times as fast", (ratio,)),
        Figure("rules on which any flow hangs", "", (float(len(tallies[0][1])),)),
        Figure(
            "every rule shadowed, redundant or needed, from compiled rules",
            "ms",
            tuple(1000 * spent for spent, _ in stood),
        ),
        Figure("rules of which that is not told, as it would take too long", "", (float(untold),)),
    ]


def _agree(id_: str, now: Table, then: Table, loads: Sequence[Load]) -> None:
    flips: Counter[tuple[int, int]] = Counter()
    for k in range(len(firewalls.TRAFFIC)):
        for row, other in zip(now.rows(k), then.rows(k), strict=True):
            if row != other:
                flips.update(pair for pair in zip(row, other, strict=True) if pair[0] != pair[1])
    expected = {(PREDICTIONS[a], PREDICTIONS[b]): n for (a, b), n in flips.items()}
    found = next((dict(load.flips) for load in loads if load.rule.id == id_), {})
    if found != expected:
        raise Disagreement(f"without {id_}: {expected} by the tables, {found} at once")


def _programs(rounds: int, dice: random.Random) -> list[Figure]:
    """From the shell's side: the interpreter's own start is part of it."""
    raw, checks = firewalls.cluster(firewalls.KINDS[0], dice), firewalls.checks(_CHECKS, dice)
    many = firewalls.cluster(firewalls.KINDS[1], dice)
    with tempfile.TemporaryDirectory() as folder:
        small, large, manifests, plan = (Path(folder) / f"{name}.json" for name in ("small", "large", "checks", "plan"))
        small.write_text(json.dumps(raw))
        large.write_text(json.dumps(many))
        manifests.write_text(json.dumps({"kind": "List", "items": checks}))
        plan.write_text(json.dumps(_terraform(raw, dice)))
        words = ("-m", "pathcheck")
        about = ("--recording", str(small), "-f", str(manifests))
        title = f"200 rules, {_CHECKS} PathChecks"
        return [
            started(f"plan, {title}, a rule deleted on which most of them hang", (*words, "plan", *about, "--delete", firewalls.POD_RULE), rounds, 1000),
            started(f"plan, {title}, a Terraform plan that changes ten rules", (*words, "plan", *about, "--terraform", str(plan)), rounds, 1000),
            started(f"impact, {title}", (*words, "impact", *about), rounds, 2000),
            started(f"impact, 5,000 rules, {_CHECKS} PathChecks", (*words, "impact", "--recording", str(large), "-f", str(manifests)), rounds),
            started("baseline: an interpreter that does nothing", ("-c", "pass"), rounds),
        ]  # fmt: skip


def _terraform(raw: firewalls.Raw, dice: random.Random) -> firewalls.Raw:
    """The cluster's own rule and nine others are deleted."""
    names = [rule["name"] for rule in dice.sample(raw["firewalls"][:-1], 9)] + [firewalls.POD_RULE]
    return {
        "format_version": "1.2",
        "resource_changes": [
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
        ],
    }
