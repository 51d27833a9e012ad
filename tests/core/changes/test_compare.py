"""What flows come to before and after is what is predicted of each under either firewall."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pathcheck.core.changes.compare import Compared, Comparison
from pathcheck.core.checks.judge import accept
from pathcheck.core.checks.spread import spread
from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.plans import Bundle
from pathcheck.model.words import Evidence, Expectation
from tests.builders import check, l4, nodes
from tests.core.rules.test_tabulate import firewalls

TRAFFIC = (l4("udp/53"), l4("tcp/80"), l4("icmp"))


def bundles() -> tuple[Bundle, ...]:
    """From every node's pods to every other's."""
    return spread(check(evidence=Evidence.PREDICTED, traffic=TRAFFIC), nodes(), {}, {}).bundles


def flows() -> list[Flow]:
    """Between some addresses of each range, the ones that rules of these tests single out among them."""
    ends = [
        Endpoint(r.network_address + offset, span.name, instance=span.instance)
        for bundle in bundles()
        for span in bundle.sources
        for r in span.ranges
        for offset in (0, 40, 41, 255)
    ]
    return [Flow(a, b, each) for a in ends for b in ends if a.instance != b.instance for each in TRAFFIC]


@given(firewalls(), firewalls(), st.booleans(), st.booleans(), st.sampled_from(Expectation))
@settings(max_examples=40, deadline=None)
def test_each_flow_is_compared_with_itself(
    before: Firewall, other: Firewall, policies_too: bool, machines_too: bool, expectation: Expectation
) -> None:
    """Rules, policies and machines may all change; who decides afterwards is told of what flips."""
    after = replace(other, policies=other.policies if policies_too else before.policies)
    if machines_too:
        after = replace(after, instances=tuple(replace(m, tags=frozenset({"web"})) for m in after.instances))
    expected = Compared(set(), set(), set())
    for flow in flows():
        was, becomes = predict(flow, before), predict(flow, after)
        then, now = accept(expectation, was.prediction)[0], accept(expectation, becomes.prediction)[0]
        expected = Compared(
            {*expected.then, then},
            {*expected.now, now},
            {*expected.causes, *([", ".join(becomes.decided_by)] if then is not now else [])},
        )
    assert Comparison(before, after).of(bundles(), expectation) == expected
