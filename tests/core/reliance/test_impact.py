"""What hangs on a rule is what is predicted otherwise without it."""

from __future__ import annotations

from hypothesis import given, settings

from pathcheck.core.changes.whatif import without
from pathcheck.core.reliance.impact import Reliance, reliances
from pathcheck.core.rules.predict import decided, predict
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.words import Prediction
from tests.core.rules.test_tabulate import ENDS, L4S, firewalls
from tests.recordings import asked, entry, firewall, rule

FLOW = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")


@given(firewalls())
@settings(max_examples=25, deadline=None)
def test_impact_is_evaluation_without_the_rule(fw: Firewall) -> None:
    """For every rule and every flow, the predictions that differ are the reliances, and no others."""
    ids = [r.id for r in (*fw.rules, *(r for p in fw.policies for r in p.rules)) if r.id != "policies"]
    less = {gone: without(fw, frozenset({gone})) for gone in ids}
    for flow in (Flow(a, b, l4) for a in ENDS[::2] for b in ENDS[::3] for l4 in L4S):
        now, hanging = reliances(flow, fw)
        assert now is predict(flow, fw).prediction
        expected = {gone: then for gone, fewer in less.items() if (then := decided(flow, fewer)[0]) is not now}
        assert {r.rule.id: r.without for r in hanging if r.rule.id != "policies"} == expected


def test_the_story_hangs_on_one_rule() -> None:
    """The only rule that admits the flow; of two that tie, either may go."""
    one = firewall(rule("a"), rule("e", denied=[entry("tcp")]))
    assert reliances(FLOW, one) == (Prediction.PERMITTED, (Reliance(one.rules[0], Prediction.BLOCKED),))
    assert reliances(FLOW, firewall(rule("a"), rule("b"))) == (Prediction.PERMITTED, ())
