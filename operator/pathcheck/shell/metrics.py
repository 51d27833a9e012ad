"""What can be scraped: bounded by the number of checks, never by that of flows or node pairs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pathcheck.model.findings import Status
from pathcheck.model.words import ConditionStatus, Verdict

_UPHELD = {ConditionStatus.TRUE: 1.0, ConditionStatus.FALSE: 0.0, ConditionStatus.UNKNOWN: float("nan")}


class Metrics:
    """Its own registry: what a library registers globally is not ours to publish. `firewall_read` says when it was last read."""

    def __init__(self, firewall_read: Callable[[], datetime | None]) -> None:
        self._registry = CollectorRegistry()
        self._flows = Gauge(
            "pathcheck_flows", "Flows a check asks about, by verdict.", ["check", "verdict"], registry=self._registry
        )
        self._upheld = Gauge(
            "pathcheck_check_upheld",
            "1 upheld, 0 violated, NaN unknown: the condition Upheld.",
            ["check"],
            registry=self._registry,
        )
        self._decisions = Counter(
            "pathcheck_decisions_total", "Decisions, by what came of them.", ["result"], registry=self._registry
        )
        self._seconds = Histogram(
            "pathcheck_reconcile_seconds",
            "From gathering to applied.",
            ["work"],
            registry=self._registry,
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
        )
        self._requests = Counter(
            "pathcheck_api_requests_total",
            "Requests to the API server beside the watches.",
            ["verb", "outcome"],
            registry=self._registry,
        )
        Gauge(
            "pathcheck_firewall_age_seconds",
            "Since the firewall was last read; NaN if it never was.",
            registry=self._registry,
        ).set_function(lambda: _age(firewall_read()))

    def decided(self, check: str, status: Status, written: bool) -> None:
        """One check was decided."""
        counts = status.flows
        by_verdict = {
            Verdict.UPHELD: counts.upheld,
            Verdict.VIOLATED: counts.violated,
            Verdict.UNKNOWN: counts.unknown,
        }
        for verdict, count in by_verdict.items():
            self._flows.labels(check, verdict.value).set(count)
        upheld = status.condition("Upheld")
        self._upheld.labels(check).set(_UPHELD[upheld.status if upheld else ConditionStatus.UNKNOWN])
        self._decisions.labels("written" if written else "unchanged").inc()

    def forget(self, check: str) -> None:
        """This check is gone."""
        for verdict in Verdict:
            self._flows.remove(check, verdict.value)
        self._upheld.remove(check)

    def took(self, work: str, seconds: float) -> None:
        """One pass of `check` or `fleet`."""
        self._seconds.labels(work).observe(seconds)

    def requested(self, verb: str, outcome: str) -> None:
        """One request to the API server."""
        self._requests.labels(verb, outcome).inc()

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


def _age(read: datetime | None) -> float:
    return (datetime.now(UTC) - read).total_seconds() if read else float("nan")
