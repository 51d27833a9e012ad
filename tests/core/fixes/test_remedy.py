"""What mends a check that takes the firewall's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathcheck.core.fixes.propose import changed
from pathcheck.core.fixes.remedy import MOST_MACHINES, remedy
from pathcheck.core.proofs.foresee import foresee
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import L4
from pathcheck.model.plans import Bundle, Plan
from pathcheck.model.words import Expectation, Verdict
from tests.builders import l4
from tests.core.proofs.test_foresee import PODS, SIX, story
from tests.recordings import firewall, rule

RANGES = tuple(r for span in PODS for r in span.ranges)


def remedied(
    traffic: Sequence[L4], expectation: Expectation, read: Firewall, *also: tuple[Expectation, Bundle]
) -> tuple[Finding, ...]:
    bundles = (Bundle(PODS, PODS, tuple(traffic)),)
    plans = [(expectation, Plan(bundles=bundles)), *((wish, Plan(bundles=(b,))) for wish, b in also)]
    return remedy(foresee(bundles, expectation, read), "coverage", bundles, expectation, plans, RANGES, read)


def holds(finding: Finding, traffic: Sequence[L4], expectation: Expectation, read: Firewall) -> bool:
    """Whether with its fix in place everything is as expected."""
    assert finding.fix is not None
    after = foresee([Bundle(PODS, PODS, tuple(traffic))], expectation, changed(read, finding.fix.changes))
    return all(j.verdict is Verdict.UPHELD for j in after.judgements)


def test_one_rule_covers_all_that_is_blocked() -> None:
    """All ports of each protocol, not only those that no other rule happens to admit; ping needs nothing."""
    read = story("outage")
    (finding,) = remedied(SIX, Expectation.REACHABLE, read)
    assert finding.fix is not None
    assert finding.fix.sentence == (
        "a rule that admits tcp, udp, esp, ah, sctp from 10.24.9.0/24, 10.24.12.0/23 on machines with tag"
        " gke-august-period-234610-1de60498-node"
    )
    assert holds(finding, SIX, Expectation.REACHABLE, read)


def test_one_rule_shuts_out_all_that_must_stay_out() -> None:
    """Three rules let some ports in; one deny before them is enough, and stands with the first finding."""
    read = story("outage")
    findings = remedied([l4("tcp")], Expectation.ISOLATED, read)
    assert [f.fix is not None for f in findings] == [True, False, False]
    assert holds(findings[0], [l4("tcp")], Expectation.ISOLATED, read)


def test_no_fix_opens_what_another_check_wants_shut() -> None:
    """Also where that one asks for ranges; the finding says that there is none, and why."""
    shut = (Expectation.ISOLATED, Bundle(PODS[1:2], PODS[:1], (l4("esp"),)))
    (finding,) = remedied(SIX, Expectation.REACHABLE, story("outage"), shut)
    assert finding.fix is None
    assert finding.fix_note.startswith("no fix: every change that would do breaks what a check wants isolated")


def test_among_very_many_machines_no_fix_is_worked_out() -> None:
    """It would keep every other check waiting; the finding says so."""
    read = story("outage")
    more = tuple(replace(read.instances[0], name=f"other-{i}", interfaces=()) for i in range(MOST_MACHINES))
    (finding,) = remedied(SIX, Expectation.REACHABLE, replace(read, instances=(*read.instances, *more)))
    assert (finding.fix, finding.fix_note) == (
        None,
        "no fix: what else it would open is not worked out among more than 300 machines",
    )


def test_what_is_as_expected_needs_nothing() -> None:
    """Nor does what cannot be told."""
    assert remedied(SIX, Expectation.REACHABLE, story("before")) == ()
    (unknown,) = remedied([l4("udp")], Expectation.REACHABLE, firewall(rule("odd", colour="red")))
    assert (unknown.verdict, unknown.fix, unknown.fix_note) == (Verdict.UNKNOWN, None, "")
