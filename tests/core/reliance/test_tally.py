"""How many of very many flows hang on each rule: what tables with and without it differ in."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings

from pathcheck.core.changes.whatif import without
from pathcheck.core.reliance.tally import tally
from pathcheck.core.rules.tabulate import PREDICTIONS, Table, tabulate
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint
from pathcheck.model.words import Prediction
from tests.core.rules.test_tabulate import ENDS, L4S, firewalls

# Many of a kind, as in a project: classes have sizes.
MANY: list[Endpoint] = [*ENDS, *ENDS[:4], *ENDS[:2], *ENDS[5:7]]


def predictions(table: Table) -> list[int]:
    return [code for k in range(len(L4S)) for row in table.rows(k) for code in row]


@given(firewalls())
@settings(max_examples=40, deadline=None)
def test_a_load_is_what_a_table_without_the_rule_differs_in(fw: Firewall) -> None:
    """For every rule, all that flips, by what it is and what it would be, and for no other rule anything."""
    now = predictions(tabulate(MANY, ENDS, L4S, fw))
    expected: dict[str, Counter[tuple[Prediction, Prediction]]] = {}
    for id_ in {r.id for r in (*fw.rules, *(r for p in fw.policies for r in p.rules)) if ":" in r.id}:
        then = predictions(tabulate(MANY, ENDS, L4S, without(fw, frozenset({id_}))))
        flips = Counter((PREDICTIONS[a], PREDICTIONS[b]) for a, b in zip(now, then, strict=True) if a != b)
        if flips:
            expected[id_] = flips
    loads = tally(MANY, ENDS, L4S, fw)
    assert {load.rule.id: load.flips for load in loads} == expected
    assert [load.flows for load in loads] == sorted((sum(f.values()) for f in expected.values()), reverse=True)
