"""The firewall engine, against the obvious loop in the same run. No lab, no root: about two minutes on one core."""

from __future__ import annotations

import json
import random
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import firewalls, naive
from benchmarks.clock import ROOT, Disagreement, seconds, started
from benchmarks.figures import Figure
from pathcheck.core.rules.index import index_of
from pathcheck.core.rules.places import Place, place_of, side_of
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.tabulate import Table, tabulate
from pathcheck.core.rules.walk import Answer, matches, walk
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.words import Direction
from pathcheck.wire.firewall_rules import firewall_of

_STORY = ROOT / "docs" / "story" / "outage.json"
_FLOWS = firewalls.MACHINES * firewalls.MACHINES * len(firewalls.TRAFFIC)
_SAMPLE = 5000
_POINTS = 1000
_MEBI = 1 << 20


def figures(rounds: int, seed: int) -> Iterator[tuple[str, Sequence[Figure]]]:
    """Each section by its title; every random choice follows from the seed."""
    for kind in firewalls.KINDS:
        yield f"The engine: {kind.title}", _of(kind, rounds, random.Random(seed))
    yield "The engine: `pathcheck predict` as a program", _program(rounds, random.Random(seed))


def _of(kind: firewalls.Kind, rounds: int, dice: random.Random) -> list[Figure]:
    raw = firewalls.recording(kind, dice)
    read = [seconds(lambda: firewall_of(raw))[0] for _ in range(rounds)]
    firewall = firewall_of(raw)
    sources, destinations = firewalls.endpoints(dice), firewalls.endpoints(dice)
    # From nothing each time: index, classes and the table, every one of its flows looked at.
    tables = [
        seconds(lambda: _spread(tabulate(sources, destinations, firewalls.TRAFFIC, fresh(firewall))))
        for _ in range(rounds)
    ]
    sample = [
        (dice.randrange(len(sources)), dice.randrange(len(destinations)), dice.randrange(4)) for _ in range(_SAMPLE)
    ]
    loops = [_naive(sample, sources, destinations, firewall) for _ in range(rounds)]
    table = tables[0][1]
    asked = [
        (place, Flow(sources[place[0]], destinations[place[1]], firewalls.TRAFFIC[place[2]]))
        for place in sample[:_POINTS]
    ]
    points = [_points(asked, firewall, table) for _ in range(rounds)]
    deciders = [_deciders([flow for _, flow in asked], firewall) for _ in range(rounds)]
    for (i, j, k), expected in zip(sample, loops[0][1], strict=True):
        if table.prediction(i, j, k) is not expected:
            raise Disagreement(f"{sources[i]} → {destinations[j]} {firewalls.TRAFFIC[k]}: {expected} by the loop")
    by_table = tuple(_FLOWS / spent for spent, _ in tables)
    by_loop = tuple(_SAMPLE / spent for spent, _ in loops)
    goal = 1_000_000 if kind.rules >= 5000 else None
    ratios = tuple(fast / slow for fast, slow in zip(by_table, by_loop, strict=True))
    return [
        Figure(f"the table of all {_FLOWS:,} flows, from nothing", "flows/s", by_table, floor=goal),
        Figure(f"baseline: the obvious loop over rules, a sample of {_SAMPLE:,} flows", "flows/s", by_loop),
        Figure("the table against the baseline", "times as fast", ratios),
        Figure(f"single flows, both sides' deciding rules, {_POINTS:,} of the sample", "flows/s", tuple(deciders)),
        Figure(f"single flows with near misses and obstacles, {_POINTS:,} of the sample", "flows/s", tuple(points)),
        Figure(
            "one rule changed → both sides' rules compiled again",
            "ms",
            tuple(_recompiled(firewall, rounds, dice)),
            (100, 100),
        ),
        Figure("the recording translated, as a dictionary", "ms", tuple(1000 * spent for spent in read)),
        Figure("the compiled rules of both sides, in memory", "MiB", (_memory(firewall, sources, destinations),)),
        Figure(
            "pairs of classes that the table tells apart", "", (float(len(table.cells[0]) * len(table.cells[0][0])),)
        ),
    ]


def fresh(firewall: Firewall) -> Firewall:
    """The same with nothing worked out."""
    return replace(firewall)


def _spread(table: Table) -> Table:
    for which in range(len(firewalls.TRAFFIC)):
        for _ in table.rows(which):
            pass
    return table


def _naive(
    sample: Sequence[tuple[int, int, int]],
    sources: Sequence[Endpoint],
    destinations: Sequence[Endpoint],
    firewall: Firewall,
) -> tuple[float, list[object]]:
    """What is made beforehand is not counted."""
    egress, ingress = naive.plain(firewall, Direction.EGRESS), naive.plain(firewall, Direction.INGRESS)
    starts, ends = ([naive.end(end, firewall) for end in some] for some in (sources, destinations))
    return seconds(
        lambda: [naive.predicted(starts[i], ends[j], firewalls.TRAFFIC[k], egress, ingress) for i, j, k in sample]
    )


def _points(asked: Sequence[tuple[tuple[int, int, int], Flow]], firewall: Firewall, table: Table) -> float:
    """Flows a second, each asked for the first time of rules that are compiled already."""
    own = fresh(firewall)
    compiled(own)
    spent, found = seconds(lambda: [predict(flow, own).prediction for _, flow in asked])
    for (place, flow), prediction in zip(asked, found, strict=True):
        if table.prediction(*place) is not prediction:
            raise Disagreement(f"{flow}: {prediction} when asked alone")
    return len(asked) / spent


def _deciders(flows: Sequence[Flow], firewall: Firewall) -> float:
    """Flows a second, for the part of a prediction that the baseline has as well."""
    own = fresh(firewall)
    compiled(own)

    def decide(flow: Flow) -> list[Answer]:
        answers = []
        sender, receiver = place_of(flow.source, own), place_of(flow.destination, own)
        for direction, local, remote in ((Direction.EGRESS, sender, receiver), (Direction.INGRESS, receiver, sender)):
            if isinstance(local, Place):
                side = side_of(direction, flow, local, remote, own)
                found = matches(side.index, side.target, side.near, side.far, side.traffic)
                answers.append(walk(side.index, direction, found))
        return answers

    return len(flows) / seconds(lambda: [decide(flow) for flow in flows])[0]


def _recompiled(firewall: Firewall, rounds: int, dice: random.Random) -> Iterator[float]:
    for _ in range(rounds):
        rules = list(firewall.rules)
        which = dice.randrange(len(rules))
        rules[which] = replace(rules[which], priority=dice.randrange(1000))
        yield 1000 * seconds(lambda: compiled(replace(firewall, rules=tuple(rules))))[0]  # noqa: B023 - called at once


def compiled(firewall: Firewall) -> Firewall:
    """The same, its rules compiled."""
    interface = firewall.instances[0].interfaces[0]
    for direction in Direction:
        index_of(firewall, interface.network, interface.region, direction)
    return firewall


def _memory(firewall: Firewall, sources: Sequence[Endpoint], destinations: Sequence[Endpoint]) -> float:
    """What is kept of the rules once a table has been asked of them; the table itself is not."""
    own = fresh(firewall)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        compiled(own)
        tabulate(sources, destinations, firewalls.TRAFFIC, own)
        own.predicted.clear()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / _MEBI


def _program(rounds: int, dice: random.Random) -> list[Figure]:
    """From the shell's side: the interpreter's own start is part of it."""
    raw = firewalls.recording(firewalls.KINDS[1], dice)
    sources, destinations = firewalls.endpoints(dice), firewalls.endpoints(dice)
    flows = [_asked(number, dice.choice(sources), dice.choice(destinations), dice) for number in range(1000)]
    # A blocked flow is answered with the fix, which is the whole way.
    one = ("--recording", str(_STORY), "--from", "10.24.12.40", "--to", "10.24.9.31", "udp/53")
    with tempfile.TemporaryDirectory() as folder:
        recording, asked = Path(folder) / "recording.json", Path(folder) / "flows.json"
        recording.write_text(json.dumps(raw))
        asked.write_text(json.dumps(flows))
        many = ("--recording", str(recording), "--flows", str(asked), "--output", "json")
        return [
            started(
                "one flow of the story, blocked, with its fix", ("-m", "pathcheck", "predict", *one), rounds, (250, 250)
            ),
            started("baseline: an interpreter that does nothing", ("-c", "pass"), rounds),
            started(
                "1,000 flows, 5,000 rules, `--output json`", ("-m", "pathcheck", "predict", *many), rounds, (2000, 2000)
            ),
        ]


def _asked(number: int, source: Endpoint, destination: Endpoint, dice: random.Random) -> dict[str, object]:
    l4 = dice.choice(firewalls.TRAFFIC)
    ends = {
        key: {"ip": str(end.address), "instance": end.instance} for key, end in (("src", source), ("dst", destination))
    }
    return {"id": number, **ends, "protocol": l4.protocol, "port": l4.port}
