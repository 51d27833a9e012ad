"""Which of a check's flows does a change of the firewall flip? By prediction, whatever packets show: they may not have died yet."""

from __future__ import annotations

from collections.abc import Sequence

from pathcheck.core.changes.compare import Comparison
from pathcheck.core.checks.judge import accept
from pathcheck.core.fixes.propose import predictions
from pathcheck.core.proofs.cases import TooManyKindsError
from pathcheck.core.proofs.foresee import foresee
from pathcheck.core.ways.route import route_troubles
from pathcheck.model.drift import Affected
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range
from pathcheck.model.plans import Asked, Plan
from pathcheck.model.words import Expectation, Verdict

_ORDER = (Verdict.UPHELD, Verdict.UNKNOWN, Verdict.VIOLATED)


def affect(
    name: str,
    expectation: Expectation,
    planned: Plan,
    pod_ranges: Sequence[Range],
    comparison: Comparison,
) -> Affected | None:
    """None for a check that stays as it is. `planned` is on the wire; `pod_ranges` are those of all nodes."""
    before, after = comparison.before, comparison.after
    then, now = (_verdicts(planned.asked, expectation, pod_ranges, firewall) for firewall in (before, after))
    worse = sum(_ORDER.index(b) > _ORDER.index(a) for a, b in zip(then, now, strict=True))
    better = sum(_ORDER.index(b) < _ORDER.index(a) for a, b in zip(then, now, strict=True))
    if planned.bundles:
        broken = _violated(planned, expectation, after) - _violated(planned, expectation, before)
        worse, better = worse + max(broken, 0), better + max(-broken, 0)
        if not broken and _parts(planned, expectation, comparison):
            worse += 1  # another part of a flow that was violated already
    return Affected(name, worse, better) if worse or better else None


def _parts(planned: Plan, expectation: Expectation, comparison: Comparison) -> bool:
    """Whether any part of any flow flips; of too many kinds nobody knows, and the check says so itself."""
    try:
        return bool(comparison.of(planned.bundles, expectation).causes)
    except TooManyKindsError:
        return False


def _verdicts(
    asked: Sequence[Asked], expectation: Expectation, pod_ranges: Sequence[Range], firewall: Firewall
) -> list[Verdict]:
    """One a flow that is asked about: the worst of those at the firewall, which are one or the backends of a Service."""
    crossing = [[f for f in one.at_firewall if f.source.known and f.destination.known] for one in asked]
    predicted = iter(predictions([flow for flows in crossing for flow in flows], firewall))
    found = []
    for flows in crossing:
        verdicts = [accept(expectation, next(predicted))[0] for _ in flows]
        if expectation is Expectation.REACHABLE and any(route_troubles(flow, firewall, pod_ranges) for flow in flows):
            verdicts.append(Verdict.VIOLATED)
        found.append(max(verdicts, key=_ORDER.index, default=Verdict.UNKNOWN))
    return found


def _violated(planned: Plan, expectation: Expectation, firewall: Firewall) -> int:
    judgements = foresee(planned.bundles, expectation, firewall).judgements
    return sum(j.count for j in judgements if j.verdict is Verdict.VIOLATED)
