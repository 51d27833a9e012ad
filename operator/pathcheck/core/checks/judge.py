"""The heart: what was expected × what was predicted × what was seen → what we hold.

Rule 1: everything that turns an observation into a verdict is in this table. Columns decide the verdict, rows choose the finding.
The documentation's copy (docs/judging.md) is compared with it by a test, which walks all cells.

`rejected`: refused although our own listener was proven up, or ICMP admin-prohibited / host-unreachable: something on the way said
no. `refused`: a workload's own closed port; the packets crossed. `inspected` is judged like undetermined: a proxy decides, not a rule.
"""

from __future__ import annotations

from pathcheck.model.findings import Judgement, Seen
from pathcheck.model.firewall import Explanation
from pathcheck.model.flows import Flow
from pathcheck.model.words import Expectation, Observation, Prediction, Reason, Verdict

Cell = tuple[Verdict, Reason | None, Reason | None]

_UPHELD: Cell = (Verdict.UPHELD, None, None)


def _violated(reason: Reason, note: Reason | None = None) -> Cell:
    return (Verdict.VIOLATED, reason, note)


def _unknown(reason: Reason) -> Cell:
    return (Verdict.UNKNOWN, reason, None)


_COLUMNS = (
    Observation.REACHED,
    Observation.REFUSED,
    Observation.REJECTED,
    Observation.SILENT,
    Observation.UNMEASURED,
)
# fmt: off
_ROWS: dict[tuple[Expectation, Prediction], tuple[Cell, Cell, Cell, Cell, Cell]] = {
    (Expectation.REACHABLE, Prediction.PERMITTED): (
        _UPHELD,
        _violated(Reason.REFUSED_BY_TARGET),
        _violated(Reason.REJECTED_ON_PATH),
        _violated(Reason.SILENT_BEYOND_FIREWALL),
        _unknown(Reason.UNMEASURED),
    ),
    (Expectation.REACHABLE, Prediction.BLOCKED): (
        (Verdict.UPHELD, None, Reason.FIREWALL_MODEL_DISAGREES),
        _violated(Reason.REFUSED_BY_TARGET, Reason.FIREWALL_MODEL_DISAGREES),
        _violated(Reason.REJECTED_ON_PATH),
        _violated(Reason.BLOCKED_BY_FIREWALL),
        _unknown(Reason.FIREWALL_WOULD_BLOCK),
    ),
    (Expectation.REACHABLE, Prediction.UNDETERMINED): (
        _UPHELD,
        _violated(Reason.REFUSED_BY_TARGET),
        _violated(Reason.REJECTED_ON_PATH),
        _violated(Reason.SILENT_FOR_UNKNOWN_REASON),
        _unknown(Reason.UNMEASURED),
    ),
    (Expectation.ISOLATED, Prediction.PERMITTED): (
        _violated(Reason.PERMITTED_BY_FIREWALL),
        _violated(Reason.PERMITTED_BY_FIREWALL),
        (Verdict.UPHELD, Reason.REJECTED_ON_PATH, None),
        (Verdict.UPHELD, None, Reason.SILENT_DESPITE_PERMISSION),
        _unknown(Reason.FIREWALL_WOULD_PERMIT),
    ),
    (Expectation.ISOLATED, Prediction.BLOCKED): (
        _violated(Reason.FIREWALL_BYPASSED),
        _violated(Reason.FIREWALL_BYPASSED),
        _UPHELD,
        _UPHELD,
        _unknown(Reason.UNMEASURED),
    ),
    (Expectation.ISOLATED, Prediction.UNDETERMINED): (
        _violated(Reason.ARRIVED_FOR_UNKNOWN_REASON),
        _violated(Reason.ARRIVED_FOR_UNKNOWN_REASON),
        _UPHELD,
        _UPHELD,
        _unknown(Reason.UNMEASURED),
    ),
}
# fmt: on

TABLE: dict[tuple[Expectation, Prediction, Observation], Cell] = {
    (expectation, prediction, observation): cell
    for (expectation, prediction), cells in _ROWS.items()
    for observation, cell in zip(_COLUMNS, cells, strict=True)
}

# For a check that accepts the firewall's word (evidence predicted): nothing is seen, and the prediction is the verdict.
PREDICTED: dict[tuple[Expectation, Prediction], Cell] = {
    (Expectation.REACHABLE, Prediction.PERMITTED): _UPHELD,
    (Expectation.REACHABLE, Prediction.BLOCKED): _violated(Reason.FIREWALL_WOULD_BLOCK),
    (Expectation.REACHABLE, Prediction.UNDETERMINED): _unknown(Reason.FIREWALL_UNDETERMINED),
    (Expectation.ISOLATED, Prediction.PERMITTED): _violated(Reason.FIREWALL_WOULD_PERMIT),
    (Expectation.ISOLATED, Prediction.BLOCKED): _UPHELD,
    (Expectation.ISOLATED, Prediction.UNDETERMINED): _unknown(Reason.FIREWALL_UNDETERMINED),
}


def accept(expectation: Expectation, prediction: Prediction) -> tuple[Verdict, Reason | None]:
    """The cell of the small table."""
    row = Prediction.UNDETERMINED if prediction is Prediction.INSPECTED else prediction
    verdict, reason, _ = PREDICTED[expectation, row]
    return verdict, reason


# A packet without a way dies before any rule is asked about it: silence is put down to the route that is in trouble, if one is.
_SILENCE = frozenset(
    {cells[_COLUMNS.index(Observation.SILENT)][1] for (e, _), cells in _ROWS.items() if e is Expectation.REACHABLE}
)


def judge(flow: Flow, expectation: Expectation, explanation: Explanation, seen: Seen) -> Judgement:
    """One cell of the table, with the flow it was looked up for; where a route is in trouble, that is the reason of silence.

    Also where nothing is measured: a node whose pods no route reaches cannot report either.
    """
    prediction = explanation.prediction
    row = Prediction.UNDETERMINED if prediction is Prediction.INSPECTED else prediction
    verdict, reason, note = TABLE[expectation, row, seen.observation]
    unseen = seen.observation is Observation.UNMEASURED and expectation is Expectation.REACHABLE
    if reason in _SILENCE or unseen:
        reason = next((o.reason for o in explanation.obstacles if o.reason is not None), reason)
    return Judgement(flow, seen, explanation, verdict, reason, note)
