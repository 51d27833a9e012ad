"""The judging table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathcheck.core.checks.judge import PREDICTED, TABLE, accept, judge
from pathcheck.model.findings import Judgement, Seen
from pathcheck.model.firewall import Explanation, Obstacle
from pathcheck.model.words import Direction, Expectation, Observation, Prediction, Reason, Verdict
from tests.builders import flow

DOCUMENT = Path(__file__).parents[3] / "docs" / "judging.md"


def tables() -> list[list[list[str]]]:
    """Each table of the page as its rows, the header first."""
    found: list[list[list[str]]] = []
    before = ""
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [[header, *body] for header, _, *body in found]


def documented() -> dict[tuple[str, str, str], str]:
    header, *body = tables()[0]
    return {(row[0], row[1], header[i]): row[i] for row in body for i in range(2, 7)}


def written(cell: tuple[Verdict, Reason | None, Reason | None]) -> str:
    verdict, reason, note = cell
    return verdict + (f" `{reason}`" if reason else "") + (f" + note `{note}`" if note else "")


def test_the_documents_table_is_the_code_table() -> None:
    """Every cell of docs/judging.md says what judge holds, and no cell is missing on either side."""
    assert documented() == {tuple(str(k) for k in key): written(cell) for key, cell in TABLE.items()}


def test_the_documents_second_table_is_the_codes() -> None:
    """What the firewall's word alone comes to."""
    _, *body = tables()[1]
    assert {(e, p): said for e, p, said in body} == {
        (str(e), str(p)): written(cell) for (e, p), cell in PREDICTED.items()
    }


def test_inspected_is_accepted_like_undetermined() -> None:
    """A proxy's decision is nobody's promise."""
    assert accept(Expectation.REACHABLE, Prediction.INSPECTED) == (Verdict.UNKNOWN, Reason.FIREWALL_UNDETERMINED)


@pytest.mark.parametrize("observation", list(Observation))
@pytest.mark.parametrize("expectation", list(Expectation))
def test_the_column_alone_decides_the_verdict(expectation: Expectation, observation: Observation) -> None:
    """Whatever was predicted, the same observation gives the same verdict."""
    verdicts = {
        judge(flow("node-2", "node-1"), expectation, Explanation(p), Seen(observation)).verdict for p in Prediction
    }
    assert len(verdicts) == 1


def test_inspected_is_judged_like_undetermined() -> None:
    """A flow that a firewall endpoint inspects is explained as one whose prediction cannot be told."""
    the_flow, seen, explanation = flow("node-2", "node-1"), Seen(Observation.SILENT), Explanation(Prediction.INSPECTED)
    expected = Judgement(the_flow, seen, explanation, Verdict.VIOLATED, Reason.SILENT_FOR_UNKNOWN_REASON, None)
    assert judge(the_flow, Expectation.REACHABLE, explanation, seen) == expected


@pytest.mark.parametrize("prediction", list(Prediction))
def test_silence_is_put_down_to_a_route_in_trouble(prediction: Prediction) -> None:
    """Whatever rules say, and also where nobody can measure; what arrives needs no route, and what must stay out is not missed."""
    lost = Obstacle("route:missing:10.24.9.0/24", "route", Direction.INGRESS, "no way", Reason.NO_ROUTE_TO_POD_RANGE)
    explanation = Explanation(prediction, obstacles=(lost,))
    for expectation, observation in [(e, o) for e in Expectation for o in Observation]:
        with_route = judge(flow("node-2", "node-1"), expectation, explanation, Seen(observation))
        without = judge(flow("node-2", "node-1"), expectation, Explanation(prediction), Seen(observation))
        unanswered = observation in (Observation.SILENT, Observation.UNMEASURED)
        blamed = expectation is Expectation.REACHABLE and unanswered
        assert with_route.reason == (Reason.NO_ROUTE_TO_POD_RANGE if blamed else without.reason)
        assert (with_route.verdict, with_route.note) == (without.verdict, without.note)
