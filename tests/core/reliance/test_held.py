"""The rules that hold a check up are those without which its flows would be violated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathcheck.core.changes.whatif import without
from pathcheck.core.checks.judge import accept
from pathcheck.core.checks.spread import spread
from pathcheck.core.reliance.held import relied
from pathcheck.core.rules.predict import decided
from pathcheck.model.datapath import Way
from pathcheck.model.findings import Relied
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.plans import Asked, Plan
from pathcheck.model.words import Evidence, Expectation, Verdict
from tests.builders import check, nodes
from tests.core.rules.test_tabulate import ENDS, L4S, firewalls
from tests.recordings import asked, entry, firewall, rule

POD_2_TO_1 = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
POD_2_TO_3 = asked("10.24.12.40@node-2", "10.24.13.7@node-3", "udp/53")


def asks(*flows: Flow, ways: tuple[Way, ...] = ()) -> Asked:
    return Asked(flows[0], flows, "node-2", None, ways=ways)


def told(*each: Asked, fw: Firewall, expectation: Expectation = Expectation.REACHABLE) -> dict[str, int] | None:
    found = relied(Plan(each), expectation, fw)
    return None if found is None else {r.rule: r.flows for r in found}


def violated(flow: Flow, expectation: Expectation, fw: Firewall) -> bool:
    return accept(expectation, decided(flow, fw)[0])[0] is Verdict.VIOLATED


@given(firewalls(), st.sampled_from(Expectation))
@settings(max_examples=20, deadline=None)
def test_a_flow_hangs_on_the_rules_without_which_it_is_violated(fw: Firewall, expectation: Expectation) -> None:
    """Every flow as it is on the wire, every rule, gone alone."""
    flows = [Flow(a, b, l4) for a in ENDS[:6] for b in ENDS[:6] for l4 in L4S]
    expected: Counter[str] = Counter()
    for id_ in {r.id for r in (*fw.rules, *(r for p in fw.policies for r in p.rules)) if ":" in r.id}:
        fewer = without(fw, frozenset({id_}))
        expected[id_] = sum(
            violated(flow, expectation, fewer) and not violated(flow, expectation, fw) for flow in flows
        )
    found = relied(Plan(tuple(asks(flow) for flow in flows)), expectation, fw)
    ordered = sorted((+expected).items(), key=lambda item: (-item[1], item[0]))
    assert found == tuple(Relied(*item) for item in ordered[:16])


def test_any_backend_that_is_cut_off_counts() -> None:
    """A Service whose connections die in part is not well; the flow is one, however many backends it has."""
    fw = firewall(rule("one", destinationRanges=["10.24.9.0/24"]), rule("three", destinationRanges=["10.24.13.0/24"]))
    assert told(asks(POD_2_TO_1, POD_2_TO_3), fw=fw) == {"firewall:one": 1, "firewall:three": 1}


def test_of_two_things_that_may_be_on_the_wire_both_must_be_cut_off() -> None:
    """Where nobody knows which it is, a rule counts where it matters in either case, and what is violated already does not."""
    node = asked("10.142.15.206@node-2", "10.24.9.31@node-1", "udp/53")
    both = Way((POD_2_TO_1, node), "masqueraded or not")
    pods, everybody = rule("pods", sourceRanges=["10.24.0.0/14"]), rule("everybody")
    other = rule("nodes", sourceRanges=["10.128.0.0/9"])
    assert told(asks(POD_2_TO_1, ways=(both,)), fw=firewall(pods, other)) == {}
    assert told(asks(POD_2_TO_1, ways=(both,)), fw=firewall(pods)) == {"firewall:pods": 1}
    assert told(asks(POD_2_TO_1, ways=(both,)), fw=firewall(everybody)) == {"firewall:everybody": 1}
    assert told(asks(POD_2_TO_1, ways=(Way((), "not known"),)), fw=firewall(everybody)) == {}


def test_what_is_violated_already_hangs_on_nothing() -> None:
    """Nor does what any one rule may go of."""
    deny = rule("deny", denied=[entry("udp")], priority=1)
    assert told(asks(POD_2_TO_1), fw=firewall(rule("a"), deny)) == {}
    assert told(asks(POD_2_TO_1), fw=firewall(rule("a"), deny), expectation=Expectation.ISOLATED) == {
        "firewall:deny": 1
    }
    assert told(asks(POD_2_TO_1), fw=firewall(rule("a"), rule("b"))) == {}


def test_whole_ranges_hang_as_their_pieces_do() -> None:
    """A pair with one protocol is one flow: three nodes, udp/53 and tcp, of which one rule admits a part."""
    fw = firewall(
        rule("dns", allowed=[entry("udp", "53")]),
        rule("web", allowed=[entry("tcp", "0-99")]),
        rule("rest", allowed=[entry("tcp", "100-65535")]),
    )
    of = check(evidence=Evidence.PREDICTED, traffic=(L4S[0], L4S[2]))
    planned = spread(of, nodes(), {}, {})
    expected = (Relied("firewall:dns", 6), Relied("firewall:rest", 6), Relied("firewall:web", 6))
    assert relied(planned, Expectation.REACHABLE, fw) == expected
    assert relied(planned, Expectation.REACHABLE, fw) == expected  # from what was kept


def test_too_many_flows_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither flow by flow nor by kinds; it is left out, never said to be none."""
    fw = firewall(rule("a"))
    monkeypatch.setattr("pathcheck.core.reliance.held.MOST_FLOWS", 1)
    assert told(asks(POD_2_TO_1), fw=fw) == {"firewall:a": 1}
    assert told(asks(POD_2_TO_1, POD_2_TO_3), fw=fw) is None
    monkeypatch.setattr("pathcheck.core.reliance.held.MOST_KINDS", 0)
    planned = spread(check(evidence=Evidence.PREDICTED), nodes(), {}, {})
    assert relied(planned, Expectation.REACHABLE, replace(fw)) is None


def test_the_sixteen_with_the_most_flows_are_told() -> None:
    """Then by name; which they are does not change from look to look."""
    fw = firewall(*(rule(f"p{port}", allowed=[entry("tcp", str(port))]) for port in range(10, 40)))
    each = [asks(asked("10.24.12.40@node-2", "10.24.9.31@node-1", f"tcp/{port}")) for port in (*range(10, 40), 39)]
    found = told(*each, fw=fw)
    assert list(found or {}) == ["firewall:p39", *(f"firewall:p{port}" for port in range(10, 25))]
