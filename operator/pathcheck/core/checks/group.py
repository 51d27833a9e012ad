"""One cause, many flows: judgements folded into findings, each with one sentence that a tired person understands.

Flows share a cause when they share the reason and, as far as the firewall explains it, the deciding rules and the nearest miss;
without a rule to blame, when they share what was seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pathcheck.core.rules.phrase import describe
from pathcheck.model.findings import Finding, Judgement
from pathcheck.model.firewall import Firewall, Obstacle
from pathcheck.model.flows import Flow, Range
from pathcheck.model.situation import Unavailable
from pathcheck.model.words import Prediction, Reason, Verdict

_WORST_FIRST = {Verdict.VIOLATED: 0, Verdict.UNKNOWN: 1, Verdict.UPHELD: 2}
_BY_RULE = frozenset(
    {
        Reason.BLOCKED_BY_FIREWALL,
        Reason.PERMITTED_BY_FIREWALL,
        Reason.FIREWALL_BYPASSED,
        Reason.FIREWALL_MODEL_DISAGREES,
        Reason.FIREWALL_WOULD_BLOCK,
        Reason.FIREWALL_WOULD_PERMIT,
        Reason.SILENT_DESPITE_PERMISSION,
        Reason.SILENT_BEYOND_FIREWALL,
    }
)

# Where the firewall is not what kept the flow from being as wished, no rule nearly did: a near miss would only part what belongs together.
_NO_NEAR_MISS = frozenset({Reason.SILENT_DESPITE_PERMISSION, Reason.SILENT_BEYOND_FIREWALL})

# Where the firewall's word is told, what it is about must be as well, if that is not the flow itself.
_OF_FIREWALL = _BY_RULE | {Reason.SILENT_FOR_UNKNOWN_REASON, Reason.ARRIVED_FOR_UNKNOWN_REASON}

Key = tuple[Verdict, Reason, tuple[str, ...]]


def group(
    judgements: Iterable[Judgement], firewall: Firewall | Unavailable, sources: Sequence[Range]
) -> tuple[Finding, ...]:
    """Findings worst first, then by the number of flows. `sources` are the pod ranges of the dialling nodes."""
    groups: defaultdict[Key, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.reason is not None:
            groups[_key(judgement, judgement.verdict, judgement.reason)].append(judgement)
        if judgement.note is not None:
            # A note never changes a verdict; it is told as a finding of its own, beside the upheld ones.
            groups[_key(judgement, Verdict.UPHELD, judgement.note)].append(judgement)
    findings = (_finding(key, members, firewall, sources) for key, members in groups.items())
    return tuple(sorted(findings, key=lambda f: (_WORST_FIRST[f.verdict], -len(f.flows), f.reason, f.sentence)))


def _key(judgement: Judgement, verdict: Verdict, reason: Reason) -> Key:
    explanation = judgement.explanation
    route = _route(judgement, reason)
    if route is not None:
        return (verdict, reason, (route.name, explanation.prediction))
    if reason in _BY_RULE:
        told = explanation.near_misses if reason not in _NO_NEAR_MISS else ()
        # A rule that misses by two fields was hardly meant for the flow: it is told, but parts nothing.
        nearest = told[0].rule.id if told and len(told[0].fields) == 1 else ""
        return (verdict, reason, (*explanation.decided_by, nearest))
    if reason is Reason.UNMEASURED:
        return (verdict, reason, (judgement.seen.detail,))
    return (verdict, reason, (explanation.why,))


def _finding(key: Key, members: list[Judgement], firewall: Firewall | Unavailable, sources: Sequence[Range]) -> Finding:
    verdict, reason, _ = key
    first = members[0]
    flows = tuple(m.flow for m in members)
    rule = ", ".join(first.explanation.decided_by) if reason in _BY_RULE else ""
    route = _route(first, reason)
    if route is not None:
        rule = route.name
    told = first.explanation.near_misses if reason in _BY_RULE - _NO_NEAR_MISS else ()
    nearest = told[0].sentence if told else ""
    return Finding(
        reason, verdict, flows, _sentence(reason, members, firewall, sources) + _carried(reason, members), rule, nearest
    )


def _route(judgement: Judgement, reason: Reason) -> Obstacle | None:
    """The route that this reason is about."""
    return next((o for o in judgement.explanation.obstacles if o.reason is reason), None)


def _carried(reason: Reason, members: Sequence[Judgement]) -> str:
    told = list(dict.fromkeys(m.carried for m in members if m.carried))
    if not told or reason not in _OF_FIREWALL:
        return ""
    return f"; on the wire this is {told[0]}" + (f", and {len(told) - 1} more such" if len(told) > 1 else "")


def _sentence(
    reason: Reason, members: list[Judgement], firewall: Firewall | Unavailable, sources: Sequence[Range]
) -> str:
    first = members[0]
    what = _flows([m.flow for m in members])
    why = first.explanation.why
    crossing = [flow for m in members for flow in m.at_firewall or (m.flow,)]
    cause = describe(crossing, first.explanation, firewall, sources) if isinstance(firewall, Firewall) else why
    detail = f" ({first.seen.detail})" if first.seen.detail else ""
    route = _route(first, reason)
    if route is not None:
        also = first.explanation.prediction is Prediction.BLOCKED
        unseen = f"is not measured{detail}, and would get" if first.verdict is Verdict.UNKNOWN else "gets"
        return f"{what} {unseen} no answer: {route.sentence}" + (
            f"; the firewall would block it as well: {cause}" if also else ""
        )
    match reason:
        case Reason.BLOCKED_BY_FIREWALL:
            return cause
        case Reason.PERMITTED_BY_FIREWALL:
            return f"{what} must stay isolated, but arrives: {cause}"
        case Reason.FIREWALL_BYPASSED:
            return (
                f"{what} must stay isolated and the firewall blocks it, yet it arrives: it takes another way ({cause})"
            )
        case Reason.REFUSED_BY_TARGET:
            return f"{what} arrives, but nothing listens there: the target refuses{detail}"
        case Reason.REJECTED_ON_PATH:
            return f"{what}: something on the way says no{detail}"
        case Reason.SILENT_BEYOND_FIREWALL:
            return f"{what} gets no answer although the firewall permits it ({cause}): look at routes, nodes and NetworkPolicies"
        case Reason.SILENT_FOR_UNKNOWN_REASON:
            return f"{what} gets no answer; the firewall's part cannot be told: {why}"
        case Reason.ARRIVED_FOR_UNKNOWN_REASON:
            return f"{what} must stay isolated, but arrives; the firewall's part cannot be told: {why}"
        case Reason.FIREWALL_WOULD_BLOCK if first.verdict is Verdict.UPHELD:
            return f"{what} arrived when it was last measured; by the rules as read since then it is {cause}"
        case Reason.FIREWALL_WOULD_PERMIT if first.verdict is Verdict.UPHELD:
            return f"{what} was kept out when it was last measured; by the rules as read since then it is not: {cause}"
        case Reason.FIREWALL_WOULD_BLOCK:
            return f"{what} is not measured ({first.seen.detail}), and the firewall would block it: {cause}"
        case Reason.FIREWALL_WOULD_PERMIT:
            return f"{what} is not measured ({first.seen.detail}), and the firewall would permit it: {cause}"
        case Reason.FIREWALL_MODEL_DISAGREES:
            return f"{what} arrives although the rules as read would block it ({cause}): the reading or its evaluation is wrong"
        case Reason.SILENT_DESPITE_PERMISSION:
            return f"{what} gets no answer as wished, but not because of the firewall, which permits it ({cause})"
        case Reason.SOME_BACKENDS_BLOCKED:
            return f"{what} is answered, but {why}"
        case _:
            return f"{what} is not measured: {first.seen.detail}"


def _flows(flows: Sequence[Flow]) -> str:
    """`node-2 → node-1 udp/53`, or for many `udp/53 on 6 paths, such as node-2 → node-1`."""
    l4s = ", ".join(sorted({str(f.l4) for f in flows}))
    paths = list(dict.fromkeys(f"{f.source.name or f.source} → {f.destination.name or f.destination}" for f in flows))
    if len(paths) == 1:
        return f"{paths[0]} {l4s}"
    if len(paths) <= 3:
        return f"{l4s} on {', '.join(paths)}"
    return f"{l4s} on {len(paths)} paths, such as {paths[0]}"
