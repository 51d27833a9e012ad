"""What does a change of the firewall do to the checks? Each is judged before and after, by prediction alone, and what flips is told.

Which flows there are is settled once, by the nodes as they are before: a change that takes a node's route or machine away must not
take the question away with it. Flows are compared one for each piece that neither firewall parts, so that a check that was violated
already is still seen to get worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from pathcheck.core.changes.compare import Compared, Comparison
from pathcheck.core.checks.spread import spread
from pathcheck.core.proofs.cases import TooManyKindsError
from pathcheck.core.proofs.foresee import Foreseen, foresee, unread
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.core.ways.route import route_troubles
from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, Service
from pathcheck.model.datapath import Shown
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall, Obstacle, Problem
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.plans import Bundle, Objection, Plan
from pathcheck.model.proofs import Span
from pathcheck.model.words import Expectation, Reason, Verdict

_WORST_FIRST = (Verdict.VIOLATED, Verdict.UNKNOWN, Verdict.UPHELD)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the cluster. `services` is None, and `labelled` False, where only the machines are known."""

    nodes: Mapping[str, Node]
    services: Mapping[tuple[str, str], Service] | None = None
    backends: Mapping[tuple[str, str], tuple[Backend, ...]] | None = None
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """A check before and after. `told` are the findings of what is no longer as it was; none of a check that stays as it is.

    `worse`: flows flip to violated, also of a check that was violated already.
    """

    check: PathCheck
    before: Verdict
    after: Verdict
    worse: bool
    told: tuple[Finding, ...]

    @property
    def flips(self) -> bool:
        """Whether there is anything to tell."""
        return self.worse or self.before is not self.after


def weigh(checks: Iterable[PathCheck], known: Known, before: Firewall, after: Firewall) -> tuple[Weighed, ...]:
    """Each check under both firewalls. Total: what cannot be told is unknown, with the reason among the findings."""
    hidden = datapath_of(Shown(), known.nodes, before).hides_pods
    comparison = Comparison(before, after)
    return tuple(_weighed(check, plan_of(check, known), before, after, comparison, hidden) for check in checks)


def _weighed(
    check: PathCheck, planned: Plan, before: Firewall, after: Firewall, comparison: Comparison, hidden: str
) -> Weighed:
    def foreseen(firewall: Firewall) -> Foreseen:
        if hidden:
            return unread(planned.bundles, hidden, pending=False)
        return foresee(planned.bundles, check.expectation, firewall)

    try:
        compared = comparison.of(() if hidden else planned.bundles, check.expectation)
    except TooManyKindsError:
        compared = None
    if compared is None or hidden:
        # Nothing is compared flow by flow.
        was, becomes = ({j.verdict for j in foreseen(firewall).judgements} for firewall in (before, after))
        compared = Compared(was, becomes, frozenset())
    asked = () if hidden or check.expectation is Expectation.ISOLATED else planned.bundles
    stuck, routed = (_routed(asked, firewall) for firewall in (before, after))
    objected = [Finding(o.reason, Verdict.UNKNOWN, (), str(o.problem)) for o in planned.objections]
    then = _worst({*compared.then, *(f.verdict for f in (*stuck, *objected))})
    now = _worst({*compared.now, *(f.verdict for f in (*routed, *objected))})
    sentences = {f.sentence for f in stuck}
    told = [f for f in routed if f.sentence not in sentences]
    every: list[Finding] = []
    if compared.causes or then is not now:
        # Reasons cost more than all the rest: they are worked out only where there is something to tell.
        findings = foreseen(after).findings
        told = [*(f for f in findings if f.rule in compared.causes), *told]
        every = [*findings, *routed, *objected]
    worse = any(f.verdict is Verdict.VIOLATED for f in told) or (now is Verdict.VIOLATED and then is not now)
    if then is not now and not told:
        told = every
    return Weighed(check, then, now, worse, tuple(sorted(told, key=lambda f: _WORST_FIRST.index(f.verdict))))


def _worst(verdicts: Set[Verdict]) -> Verdict:
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.UNKNOWN)


def plan_of(check: PathCheck, known: Known) -> Plan:
    """The check's flows; what only a cluster could tell is an objection where there is none."""
    missing = []
    for choice, field in ((check.source, "spec.from.nodes"), (check.to, "spec.to.nodes")):
        by_label = isinstance(choice, NodeChoice) and bool(choice.match_labels or choice.match_expressions)
        if by_label and not known.labelled:
            problem = Problem(f"{field}.selector", "a recording does not show the labels of nodes; say --nodes FILE")
            missing.append(Objection(Reason.NO_NODES_SELECTED, problem))
    if isinstance(check.to, ServiceChoice) and known.services is None:
        problem = Problem("spec.to.service", "a recording does not show Services; say --nodes FILE")
        missing.append(Objection(Reason.SERVICE_NOT_FOUND, problem))
    if missing:
        return Plan(objections=tuple(missing))
    return spread(check, known.nodes, known.services or {}, known.backends or {})


_OF_ROUTES = frozenset(
    [
        Reason.NO_ROUTE_TO_POD_RANGE,
        Reason.ROUTE_BLACKHOLED,
        Reason.ROUTE_SHADOWED,
        Reason.ROUTE_NEXT_HOP_NOT_FORWARDING,
    ]
)


def _routed(bundles: Sequence[Bundle], firewall: Firewall) -> list[Finding]:
    """A finding for every route in trouble: what no route delivers dies, whatever the firewall permits."""
    found: dict[tuple[str, str], tuple[Obstacle, list[Flow]]] = {}
    for bundle in bundles:
        ranges = [r for span in (*bundle.sources, *bundle.destinations) for r in span.ranges]
        for flow in _one_to_each(bundle):
            for obstacle in route_troubles(flow, firewall, ranges):
                # There for one flow is back for another.
                found.setdefault((obstacle.name, obstacle.sentence), (obstacle, []))[1].append(flow)
    return [
        Finding(o.reason or Reason.NO_ROUTE_TO_POD_RANGE, Verdict.VIOLATED, tuple(flows), o.sentence, o.name)
        for o, flows in found.values()
    ]


def _one_to_each(bundle: Bundle) -> Iterator[Flow]:
    """A flow to every destination and one from every source: each way is there and back."""
    for here, there in ((bundle.sources, bundle.destinations), (bundle.destinations, bundle.sources)):
        for span in there:
            other = next((s for s in here if s.identity != span.identity), None)
            if other is not None:
                ends = (other, span) if here is bundle.sources else (span, other)
                yield Flow(_end(ends[0]), _end(ends[1]), bundle.traffic[0])


def _end(span: Span) -> Endpoint:
    return Endpoint(span.ranges[0].network_address, span.name, instance=span.instance)


def without(firewall: Firewall, ids: frozenset[str]) -> Firewall:
    """The same firewall without the rules that scripts name so."""
    policies = tuple(replace(p, rules=tuple(r for r in p.rules if r.id not in ids)) for p in firewall.policies)
    return replace(firewall, rules=tuple(r for r in firewall.rules if r.id not in ids), policies=policies)
