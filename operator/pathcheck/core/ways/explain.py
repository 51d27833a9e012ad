"""Why would a flow arrive, or not? What the firewall says of what is on the wire, and whether routes lead there, as one explanation.

Several backends behind a Service, or several things that may be on the wire, are one explanation if their predictions agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pathcheck.core.rules.predict import predict
from pathcheck.core.ways.route import with_routes
from pathcheck.model.datapath import Way
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.flows import Flow, Range
from pathcheck.model.plans import Asked
from pathcheck.model.words import Prediction

SOME_BACKENDS = "undecided:backends"
DATAPATH = "undecided:datapath"


def explain(asked: Asked, firewall: Firewall, pod_ranges: Sequence[Range]) -> Explanation:
    """Of a flow that is asked about. `pod_ranges` are those of all nodes."""
    ways = asked.ways or tuple(Way((flow,)) for flow in asked.at_firewall)
    lost = next((way.doubt for way in ways if not way.flows), None)
    if lost is not None:
        return Explanation(Prediction.UNDETERMINED, (DATAPATH,), lost)
    if not ways or not all(f.source.known and f.destination.known for way in ways for f in way.flows):
        return Explanation(Prediction.UNDETERMINED, why="an end of the path has no address yet")
    explanations = [_of(way, firewall, pod_ranges) for way in ways]
    folded = _fold(explanations, asked.at_firewall)
    # A virtual address is silent because of its routes only if none of its backends can be reached.
    routes = tuple(o for o in folded.obstacles if o.reason is not None)
    if routes and not all(any(o.reason is not None for o in e.obstacles) for e in explanations):
        return replace(folded, obstacles=tuple(o for o in folded.obstacles if o not in routes))
    return folded


def _of(way: Way, firewall: Firewall, pod_ranges: Sequence[Range]) -> Explanation:
    found = [with_routes(predict(flow, firewall), flow, firewall, pod_ranges) for flow in way.flows]
    first = found[0]
    if all(e.prediction is first.prediction for e in found):
        return first
    said = " and ".join(
        f"{flow.l4} from {flow.source.address} {e.prediction}" for flow, e in zip(way.flows, found, strict=True)
    )
    return Explanation(Prediction.UNDETERMINED, (DATAPATH,), f"{way.doubt}, and it matters: {said}")


def _fold(explanations: Sequence[Explanation], flows: Sequence[Flow]) -> Explanation:
    """One prediction for all backends of a Service: theirs if they agree; else it depends on which one kube-proxy picks."""
    first = explanations[0]
    if all(e.prediction is first.prediction for e in explanations):
        return first
    blocked = [
        str(f.destination) for e, f in zip(explanations, flows, strict=True) if e.prediction is Prediction.BLOCKED
    ]
    deciders = {
        name.removeprefix("firewall:")
        for e in explanations
        if e.prediction is Prediction.BLOCKED
        for name in e.decided_by
    }
    if not blocked:
        return next(e for e in explanations if e.prediction is Prediction.UNDETERMINED)
    why = f"it depends on the backend: {len(blocked)} of {len(flows)} blocked by {', '.join(sorted(deciders))}, such as {blocked[0]}"
    return Explanation(Prediction.UNDETERMINED, (SOME_BACKENDS,), why)
