"""What is said of a check, and what of it is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathcheck.core.checks.conclude import conclude
from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import (
    Announcement,
    Condition,
    Counts,
    Finding,
    FirewallState,
    Judgement,
    LastChange,
    Seen,
    Status,
)
from pathcheck.model.firewall import Explanation, Problem
from pathcheck.model.plans import Objection, Plan
from pathcheck.model.words import ConditionStatus, Observation, Prediction, Reason, Verdict
from tests.builders import check, flow, seconds

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
PERMITTED, BLOCKED = Explanation(Prediction.PERMITTED), Explanation(Prediction.BLOCKED)
GOOD = Judgement(flow("node-1", "node-2"), Seen(Observation.REACHED, seconds(1), seconds(1)), PERMITTED, Verdict.UPHELD)
BAD = Judgement(
    flow("node-2", "node-1"),
    Seen(Observation.SILENT, seconds(2.5), seconds(3)),
    BLOCKED,
    Verdict.VIOLATED,
    Reason.BLOCKED_BY_FIREWALL,
)
LATER = Judgement(
    flow("node-2", "node-1"),
    Seen(Observation.UNMEASURED, detail="no pod"),
    PERMITTED,
    Verdict.UNKNOWN,
    Reason.UNMEASURED,
)
PENDING = replace(LATER, seen=Seen(Observation.UNMEASURED, seconds(2), seconds(2), "asked for", pending=True))
MISSING = Finding(
    Reason.BLOCKED_BY_FIREWALL, Verdict.VIOLATED, (BAD.flow,), "no rule admits it", "implied-deny-ingress"
)
NO_POD = Finding(Reason.UNMEASURED, Verdict.UNKNOWN, (LATER.flow,), "node-2 → node-1 udp/53 is not measured: no pod")


def concluded(
    of: PathCheck,
    *judgements: Judgement,
    findings: Sequence[Finding] = (),
    fixes: Sequence[str] = (),
    plan: Plan = Plan(),  # noqa: B008  a frozen value
    at: float = 10,
) -> tuple[Status, tuple[Announcement, ...]]:
    return conclude(of, plan, judgements, findings, fixes or [""] * len(findings), None, seconds(at))


def conditions(status: Status) -> dict[str, tuple[ConditionStatus, Reason, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in status.conditions}


GREEN = concluded(check(), GOOD, at=5)[0]


def test_all_upheld_is_true_throughout() -> None:
    """Every condition is True, and a check that starts well is no news."""
    status, announcements = concluded(check(), GOOD)
    assert conditions(status) == {
        "Accepted": (TRUE, Reason.ACCEPTED, "the spec can be used"),
        "Measured": (TRUE, Reason.COMPLETE, "the one flow is measured"),
        "Upheld": (TRUE, Reason.UPHELD, "the one flow is reachable"),
        "Ready": (TRUE, Reason.UPHELD, "the one flow is reachable"),
    }
    assert announcements == ()


def test_one_violated_flow_is_enough() -> None:
    """Upheld=False with the first finding's sentence, announced once with the fix."""
    status, announcements = concluded(
        check(status=GREEN), GOOD, BAD, LATER, findings=[MISSING, NO_POD], fixes=["gcloud …", ""]
    )
    message = "1 of 3 flows violated: no rule admits it"
    assert conditions(status)["Upheld"] == (FALSE, Reason.BLOCKED_BY_FIREWALL, message)
    assert conditions(status)["Ready"] == (FALSE, Reason.BLOCKED_BY_FIREWALL, message)
    assert status.flows == Counts(3, 1, 1, 1)
    assert [(w.flow, w.verdict) for w in status.worst] == [
        (str(BAD.flow), Verdict.VIOLATED),
        (str(LATER.flow), Verdict.UNKNOWN),
    ]
    key = "uid-kube-dns 1 Upheld True/Upheld 2026-01-26T12:00:05+00:00 False/BlockedByFirewall"
    assert announcements == (
        Announcement(key, True, Reason.BLOCKED_BY_FIREWALL, "Judge", f"{message} — fix: gcloud …"),
    )


def test_what_was_said_is_not_said_again() -> None:
    """The same world a minute later, or after a restart: an equal status and no announcement."""
    before, _ = concluded(check(status=GREEN), BAD, findings=[MISSING])
    assert concluded(check(status=before), BAD, findings=[MISSING], at=70) == (before, ())


def test_a_pending_proof_leaves_everything_as_it_is() -> None:
    """Until the proof is there, or its time is over, nobody is told anything."""
    assert concluded(check(status=GREEN), PENDING, findings=[NO_POD]) == (GREEN, ())


def test_a_pending_proof_does_not_hold_back_a_violation() -> None:
    """Another flow is proven violated: that is said at once."""
    status, _ = concluded(check(status=GREEN), PENDING, BAD, findings=[MISSING, NO_POD])
    assert conditions(status)["Upheld"][0] is FALSE


def test_unknown_is_said_aloud() -> None:
    """Never True, never False: Unknown with the reason."""
    status, announcements = concluded(check(status=GREEN), GOOD, LATER, findings=[NO_POD])
    sentence = "1 of 2 flows unknown: node-2 → node-1 udp/53 is not measured: no pod"
    assert conditions(status) == {
        "Accepted": (TRUE, Reason.ACCEPTED, "the spec can be used"),
        "Measured": (FALSE, Reason.INCOMPLETE, f"1 of 2 flows are not measured; {LATER.flow}: no pod"),
        "Upheld": (UNKNOWN, Reason.UNMEASURED, sentence),
        "Ready": (UNKNOWN, Reason.UNMEASURED, sentence),
    }
    assert [a.reason for a in announcements] == [Reason.UNMEASURED]


def test_a_new_check_is_not_yet_measured() -> None:
    """Before its first report it is Unknown, so that no gate takes it for good."""
    status, announcements = concluded(check(), LATER, findings=[NO_POD])
    assert {t: c[:2] for t, c in conditions(status).items()} == {
        "Accepted": (TRUE, Reason.ACCEPTED),
        "Measured": (FALSE, Reason.NOT_YET_MEASURED),
        "Upheld": (UNKNOWN, Reason.NOT_YET_MEASURED),
        "Ready": (UNKNOWN, Reason.NOT_YET_MEASURED),
    }
    assert announcements == ()


NO_NODE = Objection(Reason.NODE_NOT_FOUND, Problem("spec.from.nodes.names[0]", "node node-9 does not exist"))
NOT_USABLE = "spec.from.nodes.names[0]: node node-9 does not exist"


def test_a_spec_that_cannot_be_used_says_which_field() -> None:
    """Accepted=False with the path; nothing is upheld, and it is announced."""
    status, announcements = concluded(check(), plan=Plan(objections=(NO_NODE,)))
    assert conditions(status) == {
        "Accepted": (FALSE, Reason.NODE_NOT_FOUND, NOT_USABLE),
        "Measured": (UNKNOWN, Reason.NOT_ACCEPTED, "there is nothing to measure, see Accepted"),
        "Upheld": (UNKNOWN, Reason.NOT_ACCEPTED, f"nothing can be asked: {NOT_USABLE}"),
        "Ready": (UNKNOWN, Reason.NOT_ACCEPTED, f"nothing can be asked: {NOT_USABLE}"),
    }
    assert [(a.warning, a.reason, a.note) for a in announcements] == [(True, Reason.NODE_NOT_FOUND, NOT_USABLE)]


def test_what_can_be_asked_is_judged_though_not_all_can() -> None:
    """A missing node never hides a violated path, and never lets the rest count as the whole."""
    objections = Plan(objections=(NO_NODE,))
    assert conditions(concluded(check(), BAD, findings=[MISSING], plan=objections)[0])["Upheld"][0] is FALSE
    assert conditions(concluded(check(), GOOD, plan=objections)[0])["Upheld"][:2] == (UNKNOWN, Reason.NOT_ACCEPTED)


def test_flows_beyond_the_limit_are_unknown() -> None:
    """They are counted and keep the check from being True."""
    objection = Objection(
        Reason.LIMIT_EXCEEDED, Problem("spec.pairs.limit", "3 pairs are asked, the limit is 1: 2 are not measured")
    )
    status, _ = concluded(check(), GOOD, plan=Plan(beyond=2, objections=(objection,)))
    assert status.flows == Counts(3, 1, 0, 2)
    assert conditions(status)["Upheld"][:2] == (UNKNOWN, Reason.LIMIT_EXCEEDED)


def test_a_condition_keeps_its_date_while_its_status_stays() -> None:
    """lastTransitionTime moves with the status only, not with the message."""
    first, _ = concluded(check(status=GREEN), BAD, findings=[MISSING], at=10)
    second, _ = concluded(check(status=first), BAD, BAD, findings=[MISSING], at=20)
    assert second.condition("Upheld") == Condition(
        "Upheld", FALSE, Reason.BLOCKED_BY_FIREWALL, "2 of 2 flows violated: no rule admits it", seconds(10)
    )


CHANGE = LastChange(7, seconds(9), "", "web deleted", 4, 0)
FORETOLD = Finding(Reason.FIREWALL_WOULD_BLOCK, Verdict.UPHELD, (GOOD.flow,), "it will die", "implied-deny-ingress")


def of_firewall(change: LastChange | None, before: Status | None, at: float = 10) -> list[Announcement]:
    """What is announced beside the conditions, with this as the last change of the firewall."""
    state = FirewallState("compute", "5f3c", seconds(1), change)
    _, announced = conclude(check(status=before), Plan(), [GOOD], (), [], state, seconds(at))
    return [a for a in announced if a.reason is Reason.FIREWALL_CHANGED]


def known(change: LastChange | None) -> Status:
    return replace(GREEN, firewall=FirewallState("compute", "5f3c", seconds(1), change))


def test_a_change_of_the_firewall_is_told_once_and_once_more_when_its_author_is_known() -> None:
    """What, and how many of the check's flows; the same key for a retry, another one for another change."""
    named = replace(CHANGE, who="dana@example.com", sentence="web deleted by dana@example.com")
    (first,) = of_firewall(CHANGE, known(None))
    (second,) = of_firewall(named, known(CHANGE))
    assert (first.warning, first.note, second.note) == (
        True,
        "web deleted; 4 flows are as expected no longer, by the rules",
        "web deleted by dana@example.com; 4 flows are as expected no longer, by the rules",
    )
    assert first == of_firewall(CHANGE, known(None))[0]
    assert first.key != second.key
    assert of_firewall(named, known(named)) == []


def test_a_change_that_mends_is_no_warning() -> None:
    """It is told all the same."""
    (told,) = of_firewall(replace(CHANGE, worse=0, better=1), known(None))
    assert (told.warning, told.note) == (False, "web deleted; 1 flow is as expected again, by the rules")


def test_an_old_change_is_no_news() -> None:
    """A status that was lost does not make Events of last week's history."""
    assert of_firewall(CHANGE, None, at=9 + 3601) == []


def test_what_the_rules_foretell_is_told_once() -> None:
    """With the fix; as long as the finding stays, no second time."""
    status, announced = concluded(check(status=GREEN), GOOD, findings=[FORETOLD], fixes=["type this"])
    assert [(a.reason, a.warning, a.note) for a in announced] == [
        (Reason.FIREWALL_WOULD_BLOCK, True, "it will die — fix: type this")
    ]
    assert concluded(check(status=status), GOOD, findings=[FORETOLD], fixes=["type this"])[1] == ()
