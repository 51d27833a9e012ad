"""What a finding's fix has to mend, and what it must not break."""

from __future__ import annotations

from ipaddress import ip_network

from pathcheck.core.fixes.mend import mend, wishes_of
from pathcheck.core.fixes.propose import Wishes, changed
from pathcheck.core.rules.predict import predict
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.plans import Asked, Bundle, Plan
from pathcheck.model.rules import Rule
from pathcheck.model.words import Expectation, Prediction, Reason, Verdict
from tests.builders import l4
from tests.core.proofs.test_foresee import PODS
from tests.recordings import asked, entry, firewall, rule

PODS_OF_2, PODS_OF_3 = ip_network("10.24.12.0/24"), ip_network("10.24.13.0/24")
FROM_2 = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")
FROM_3 = asked("10.24.13.7@node-3", "10.24.9.31@node-1", "udp/53")
BACK_3 = asked("10.24.9.31@node-1", "10.24.13.7@node-3", "udp/53")


def plan(*flows: Flow) -> Plan:
    """These flows, each of which crosses the firewall as it is."""
    return Plan(asked=tuple(Asked(flow, (flow,), "", None) for flow in flows))


def finding(reason: Reason, *flows: Flow) -> Finding:
    """As `group` leaves it, without a fix."""
    return Finding(reason, Verdict.VIOLATED, flows, "")


def blocked(read: Firewall, planned: Plan, *others: tuple[Expectation, Plan]) -> Finding:
    """With the fix for what was seen from node-2 alone."""
    plans = [(Expectation.REACHABLE, planned), *others]
    return mend(finding(Reason.BLOCKED_BY_FIREWALL, FROM_2), "kube-dns", planned, plans, (PODS_OF_2, PODS_OF_3), read)


def only_rule(mended: Finding) -> Rule:
    """The one that its fix makes."""
    assert mended.fix is not None
    (change,) = mended.fix.changes
    return change.after


def test_what_the_firewall_blocks_and_nobody_has_seen_yet_is_mended_too() -> None:
    """Flows break one after another within a round; a fix for the first would be followed by a second."""
    read = firewall()
    mended = blocked(read, plan(FROM_2, FROM_3))
    assert mended.fix is not None
    after = changed(read, mended.fix.changes)
    assert [predict(flow, after).prediction for flow in (FROM_2, FROM_3)] == [Prediction.PERMITTED] * 2
    assert mended.fix.upholds == 2
    assert mended.fix_note == mended.fix.besides


def test_senders_that_get_through_are_no_part_of_the_rule() -> None:
    """node-3 has a rule of its own."""
    read = firewall(rule("three", allowed=[entry("udp", "53")], sourceRanges=["10.24.13.0/24"]))
    assert only_rule(blocked(read, plan(FROM_2, FROM_3))).remote_ranges == (PODS_OF_2,)


def test_what_another_check_wants_isolated_is_not_opened() -> None:
    """The one rule that would do is the one that the other check forbids; the note says so, and there is no fix."""
    other = (Expectation.ISOLATED, plan(FROM_2))
    mended = blocked(firewall(), plan(FROM_2), other)
    assert (mended.fix, mended.fix_note) == (
        None,
        "no fix: every change that would do breaks what a check wants isolated, or is not enough (3 tried)",
    )


def test_where_not_all_can_be_mended_what_was_seen_is() -> None:
    """Another check keeps node-3 out; that node-2 is shut out has a fix all the same."""
    mended = blocked(firewall(), plan(FROM_2, FROM_3), (Expectation.ISOLATED, plan(FROM_3)))
    rule_ = only_rule(mended)
    assert (rule_.remote_ranges, rule_.local_ranges) == ((PODS_OF_2,), (ip_network("10.24.9.0/24"),))


def test_what_must_stay_out_is_taken_out_of_the_rule_that_admits_it() -> None:
    """The rule is narrowed where that closes least, and the others whom it admits are as before."""
    read = firewall(rule("open", allowed=[entry("udp", "53")], sourceRanges=["10.24.12.0/23"]))
    planned = plan(FROM_2)
    plans = [(Expectation.ISOLATED, planned), (Expectation.REACHABLE, plan(FROM_3))]
    mended = mend(finding(Reason.PERMITTED_BY_FIREWALL, FROM_2), "apart", planned, plans, (PODS_OF_2,), read)
    assert mended.fix is not None
    after = changed(read, mended.fix.changes)
    assert [predict(f, after).prediction for f in (FROM_2, FROM_3)] == [Prediction.BLOCKED, Prediction.PERMITTED]
    assert (mended.fix.sentence, mended.fix_note) == (
        "open changed so that it only admits udp/53 from 10.24.13.0/24",
        "also closes udp/53 from 10.24.12.0/24 (pods of node-2) to node-3, 10.142.15.205 (node-1)",
    )


def test_wishes_are_what_all_checks_want() -> None:
    """Flows by expectation, and very many at once as they are."""
    bundle = Bundle(PODS[:1], PODS[1:2], (l4("esp"),))
    plans = [
        (Expectation.REACHABLE, plan(FROM_2)),
        (Expectation.ISOLATED, plan(FROM_3)),
        (Expectation.REACHABLE, Plan(asked=plan(BACK_3).asked, bundles=(bundle,))),
    ]
    assert wishes_of(plans) == Wishes((FROM_2, BACK_3), (FROM_3,), ((Expectation.REACHABLE, bundle),))
