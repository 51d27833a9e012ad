"""shell/metrics.py and shell/web.py."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from pathcheck.model.findings import Condition, Counts, Status
from pathcheck.model.words import ConditionStatus, Reason
from pathcheck.shell.metrics import Metrics
from pathcheck.shell.web import application
from tests.builders import NOON


def status(upheld: ConditionStatus) -> Status:
    """Six flows, two of them violated."""
    condition = Condition("Upheld", upheld, Reason.UPHELD, "", NOON)
    return Status(1, (condition,), Counts(6, 4, 2, 0))


def lines(metrics: Metrics) -> set[str]:
    """The samples of checks."""
    return {
        line
        for line in metrics.text().decode().splitlines()
        if line.startswith(("pathcheck_flows{", "pathcheck_check"))
    }


def test_checks() -> None:
    """A check shows its flows by verdict and whether it is upheld; NaN is neither."""
    metrics = Metrics(lambda: None)
    metrics.decided("a", status(ConditionStatus.FALSE), written=True)
    metrics.decided("b", status(ConditionStatus.UNKNOWN), written=False)
    assert lines(metrics) == {
        f'pathcheck_flows{{check="{check}",verdict="{verdict}"}} {count}'
        for check in "ab"
        for verdict, count in (("upheld", 4.0), ("violated", 2.0), ("unknown", 0.0))
    } | {'pathcheck_check_upheld{check="a"} 0.0', 'pathcheck_check_upheld{check="b"} NaN'}


def test_forgotten() -> None:
    """A check that is gone leaves nothing behind, also if it never was decided."""
    metrics = Metrics(lambda: None)
    metrics.decided("a", status(ConditionStatus.TRUE), written=True)
    metrics.forget("a")
    metrics.forget("never")
    assert lines(metrics) == set()


async def test_web() -> None:
    """/healthz answers while the loop runs, /readyz once nothing is missing, and says what is; /metrics is text."""
    missing = ["not everything is listed"]
    app = application(lambda: missing[0] if missing else "", lambda: b"a 1\n")
    async with TestClient(TestServer(app)) as client:
        answers = []
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = await client.get(path)
            answers.append((answer.status, await answer.text()))
        assert answers == [(200, "ok\n"), (503, "not everything is listed\n"), (200, "a 1\n")]
        missing.clear()
        assert (await client.get("/readyz")).status == 200
