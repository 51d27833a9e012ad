"""What `make bench` measures is worth measuring: its baseline gives the answers that the engine gives."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from benchmarks import firewalls, naive
from pathcheck.core.rules.predict import predict
from pathcheck.core.rules.tabulate import tabulate
from pathcheck.model.flows import Flow
from pathcheck.model.words import Direction, Prediction
from pathcheck.wire.firewall_rules import firewall_of

FLOWS = 1000


@pytest.mark.parametrize("kind", firewalls.KINDS, ids=lambda kind: kind.title)
def test_the_loop_and_the_engine_agree(kind: firewalls.Kind) -> None:
    """Flow by flow, asked alone and in a table; with fewer rules than are measured, so that none of them decides everything."""
    dice = random.Random(kind.title)
    firewall = firewall_of(firewalls.recording(replace(kind, rules=300), dice))
    sources, destinations = firewalls.endpoints(dice)[:40], firewalls.endpoints(dice)[:40]
    table = tabulate(sources, destinations, firewalls.TRAFFIC, firewall)
    runs = naive.plain(firewall, Direction.EGRESS), naive.plain(firewall, Direction.INGRESS)
    starts = [naive.end(end, firewall) for end in sources]
    ends = [naive.end(end, firewall) for end in destinations]
    found: dict[str, list[Prediction]] = {"alone": [], "table": [], "loop": []}
    for _ in range(FLOWS):
        i, j, k = dice.randrange(40), dice.randrange(40), dice.randrange(len(firewalls.TRAFFIC))
        l4 = firewalls.TRAFFIC[k]
        found["alone"].append(predict(Flow(sources[i], destinations[j], l4), firewall).prediction)
        found["table"].append(table.prediction(i, j, k))
        found["loop"].append(naive.predicted(starts[i], ends[j], l4, *runs))
    assert found["loop"] == found["alone"] == found["table"]
    assert set(found["loop"]) == {Prediction.PERMITTED, Prediction.BLOCKED}


def test_the_same_seed_makes_the_same_firewall() -> None:
    """Figures of two runs can be compared."""
    kind = replace(firewalls.KINDS[3], rules=50)
    assert firewalls.recording(kind, random.Random(7)) == firewalls.recording(kind, random.Random(7))
    assert firewall_of(firewalls.recording(kind, random.Random(7))).problems == ()
