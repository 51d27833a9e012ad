"""Which rules hold a check up? For every rule at once: how many of its flows would be violated if that rule alone were gone.

By prediction alone, whatever packets show: what is predicted to be violated already counts for no rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pathcheck.core.checks.judge import accept
from pathcheck.core.proofs.cases import TooManyKindsError
from pathcheck.core.proofs.foresee import MOST_KINDS, cases_of
from pathcheck.core.reliance.impact import reliances
from pathcheck.model.datapath import Way
from pathcheck.model.findings import MAX_RELIED, Relied
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.plans import Asked, Bundle, Plan
from pathcheck.model.words import Expectation, Prediction, Verdict

# Each takes thirty microseconds of the operator's only thread, once for each firewall; only very many backends make a check have more.
MOST_FLOWS = 20_000
_MOST_KNOWN = 5 * MOST_FLOWS


def relied(planned: Plan, expectation: Expectation, firewall: Firewall) -> tuple[Relied, ...] | None:
    """The rules on which the most flows hang; None where there are too many flows to tell.

    `planned` is on the wire. An operator asks at every look: what was worked out is kept as long as the firewall is.
    """
    if sum(len(asked.at_firewall) for asked in planned.asked) > MOST_FLOWS:
        return None
    found = Counter(id_ for asked in planned.asked for id_ in _holding(asked, expectation, firewall))
    if planned.bundles:
        key = ("held", planned.bundles, expectation)
        if key not in firewall.compiled:
            try:
                firewall.compiled[key] = held(planned.bundles, expectation, firewall)
            except TooManyKindsError:
                firewall.compiled[key] = None
        of_bundles = firewall.compiled[key]
        if not isinstance(of_bundles, Counter):
            return None
        found += of_bundles
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    # What nobody knows (`policies`) is nothing that could be deleted.
    return tuple(Relied(id_, flows) for id_, flows in ordered if ":" in id_)[:MAX_RELIED]


def held(bundles: Sequence[Bundle], expectation: Expectation, firewall: Firewall) -> Counter[str]:
    """How many flows between whole ranges each rule holds, by its name.

    Raises TooManyKindsError.
    """
    found: Counter[str] = Counter()
    for case in cases_of(bundles, firewall, MOST_KINDS):
        # A pair with one protocol is one flow, however many of its ports flip.
        ids: set[str] = set()
        for piece in case.pieces:
            now, without = _hanging(piece.example, firewall)
            if not _violated(expectation, now):
                ids |= {id_ for id_, then in without.items() if _violated(expectation, then)}
        found.update(dict.fromkeys(ids, case.pairs))
    return found


def _holding(asked: Asked, expectation: Expectation, firewall: Firewall) -> set[str]:
    """The rules without each of which this flow would be violated: to any backend, whichever of several things is on the wire."""
    ids: set[str] = set()
    for way in asked.ways or tuple(Way((flow,)) for flow in asked.at_firewall):
        if not all(flow.source.known and flow.destination.known for flow in way.flows):
            continue
        hanging = [_hanging(flow, firewall) for flow in way.flows]
        if hanging and not all(_violated(expectation, now) for now, _ in hanging):
            for id_ in {id_ for _, without in hanging for id_ in without}:
                if all(_violated(expectation, without.get(id_, now)) for now, without in hanging):
                    ids.add(id_)
    return ids


def _violated(expectation: Expectation, prediction: Prediction) -> bool:
    return accept(expectation, prediction)[0] is Verdict.VIOLATED


Hanging = tuple[Prediction, Mapping[str, Prediction]]
"""What is predicted of a flow, and what it would be without each rule on which that hangs, by the rule's name."""


def _hanging(flow: Flow, firewall: Firewall) -> Hanging:
    """Worked out once for each firewall; pods come and go while one stays, so that not all is kept for ever."""
    known = firewall.compiled.setdefault("hanging", {})
    assert isinstance(known, dict)
    found: Hanging | None = known.get(flow)
    if found is None:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        now, hangs = reliances(flow, firewall)
        found = known[flow] = now, {r.rule.id: r.without for r in hangs}
    return found
