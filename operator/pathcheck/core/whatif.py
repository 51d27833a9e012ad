"""What does a change of the firewall do to the checks? Each is judged before and after, by prediction alone, and what flips is told.

Which flows there are is settled once, by the nodes as they are before: a change that takes a node's route or machine away must not
take the question away with it. Flows are compared one for each piece that neither firewall parts, so that a check that was violated
already is still seen to get worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from pathcheck.core.cases import TooManyKindsError
from pathcheck.core.datapath import datapath_of
from pathcheck.core.foresee import MOST_KINDS, Foreseen, cases_of, foresee, unread
from pathcheck.core.judge import accept
from pathcheck.core.predict import decided
from pathcheck.core.route import route_troubles
from pathcheck.core.spread import spread
from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.cluster import Backend, Node, Service
from pathcheck.model.datapath import Shown
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall, Obstacle, Problem
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.plans import Bundle, Objection, Plan
from pathcheck.model.proofs import Span
from pathcheck.model.words import Expectation, Prediction, Reason, Verdict

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


Both = tuple[Firewall, Firewall]
"""Before and after."""


def weigh(checks: Iterable[PathCheck], known: Known, before: Firewall, after: Firewall) -> tuple[Weighed, ...]:
    """Each check under both firewalls. Total: what cannot be told is unknown, with the reason among the findings."""
    hidden = datapath_of(Shown(), known.nodes, before).hides_pods
    unions = [_union(before, after)]
    if (before.instances, before.networks) != (after.instances, after.networks):
        unions.append(_union(after, before))
    return tuple(_weighed(check, plan_of(check, known), (before, after), unions, hidden) for check in checks)


def _weighed(check: PathCheck, planned: Plan, both: Both, unions: Sequence[Firewall], hidden: str) -> Weighed:
    verdicts, causes = _compared(check, planned.bundles, both, unions, hidden)
    asked = () if hidden or check.expectation is Expectation.ISOLATED else planned.bundles
    stuck, routed = (_routed(asked, firewall) for firewall in both)
    objected = [Finding(o.reason, Verdict.UNKNOWN, (), str(o.problem)) for o in planned.objections]
    then, now = (
        _worst({*found, *(f.verdict for f in (*lost, *objected))})
        for found, lost in zip(verdicts, (stuck, routed), strict=True)
    )
    sentences = {f.sentence for f in stuck}
    told = [f for f in routed if f.sentence not in sentences]
    every: list[Finding] = []
    if causes or then is not now:
        # Reasons cost more than all the rest: they are worked out only where there is something to tell.
        foreseen = _foreseen(check, planned.bundles, both[1], hidden).findings
        told = [*(f for f in foreseen if f.rule in causes), *told]
        every = [*foreseen, *routed, *objected]
    worse = any(f.verdict is Verdict.VIOLATED for f in told) or (now is Verdict.VIOLATED and then is not now)
    if then is not now and not told:
        told = every
    return Weighed(check, then, now, worse, tuple(sorted(told, key=lambda f: _WORST_FIRST.index(f.verdict))))


def _worst(verdicts: Set[Verdict]) -> Verdict:
    return next((verdict for verdict in _WORST_FIRST if verdict in verdicts), Verdict.UNKNOWN)


def _foreseen(check: PathCheck, bundles: Sequence[Bundle], firewall: Firewall, hidden: str) -> Foreseen:
    return unread(bundles, hidden, pending=False) if hidden else foresee(bundles, check.expectation, firewall)


def _compared(
    check: PathCheck, bundles: Sequence[Bundle], both: Both, unions: Sequence[Firewall], hidden: str
) -> tuple[tuple[Set[Verdict], Set[Verdict]], Set[str]]:
    """What flows come to before and after, and the deciders of those that come to another verdict then."""
    then: set[Verdict] = set()
    now: set[Verdict] = set()
    causes: set[str] = set()
    if not hidden:
        try:
            for was, becomes, deciders in _flows(bundles, both, unions):
                verdicts = accept(check.expectation, was)[0], accept(check.expectation, becomes)[0]
                then.add(verdicts[0])
                now.add(verdicts[1])
                if verdicts[0] is not verdicts[1]:
                    causes.add(", ".join(deciders))
            return (then, now), causes
        except TooManyKindsError:
            pass  # then nothing is compared flow by flow
    for verdicts_of, firewall in ((then, both[0]), (now, both[1])):
        verdicts_of.clear()
        verdicts_of |= {j.verdict for j in _foreseen(check, bundles, firewall, hidden).judgements}
    return (then, now), causes


def _flows(
    bundles: Sequence[Bundle], both: Both, unions: Sequence[Firewall]
) -> Iterator[tuple[Prediction, Prediction, tuple[str, ...]]]:
    """What every piece that neither firewall's rules part is predicted before and after, and who decides it then.

    Raises TooManyKindsError.
    """
    for union in unions:
        for case in cases_of(bundles, union, MOST_KINDS):
            if not case.pieces:
                # A v4-only node and a v6-only one.
                yield Prediction.UNDETERMINED, Prediction.UNDETERMINED, ()
            for piece in case.pieces:
                yield decided(piece.example, both[0])[0], *decided(piece.example, both[1])


def _union(one: Firewall, other: Firewall) -> Firewall:
    """The machines of the one with the rules of both: what no rule of this parts, no rule of either does."""
    rules, policies = set(one.rules), set(one.policies)
    return replace(
        one,
        rules=(*one.rules, *(r for r in other.rules if r not in rules)),
        policies=(*one.policies, *(p for p in other.policies if p not in policies)),
    )


def plan_of(check: PathCheck, known: Known) -> Plan:
    """The check's flows; what only a cluster could tell is an objection where there is none."""
    missing = []
    for choice, field in ((check.source, "spec.from.nodes"), (check.to, "spec.to.nodes")):
        by_label = isinstance(choice, NodeChoice) and bool(choice.match_labels or choice.match_expressions)
        if by_label and not known.labelled:
            problem = Problem(f"{field}.selector", "a recording does not show the labels of nodes; say --cluster FILE")
            missing.append(Objection(Reason.NO_NODES_SELECTED, problem))
    if isinstance(check.to, ServiceChoice) and known.services is None:
        problem = Problem("spec.to.service", "a recording does not show Services; say --cluster FILE")
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
