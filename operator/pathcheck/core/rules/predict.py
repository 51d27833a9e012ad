"""What would the firewall do with the first packet of a flow, and which rule says so?

A packet between two machines is asked about twice: by the sender's egress rules, then by the receiver's ingress rules, each those of
the interface's own network and region. Both must permit it; an end that is no machine of these networks has no rules
(https://cloud.google.com/firewall/docs/firewalls). On each side the rules are asked in this order
(https://cloud.google.com/firewall/docs/firewall-policies-rule-eval-order), where goto_next leaves its policy:

    hierarchical policies ─▶ system policies ─▶ VPC rules ─▶ global ─▶ regional network policies ─▶ implied: deny in, allow out
                                             (with BEFORE_CLASSIC_FIREWALL the VPC rules after both network policies)

What cannot be judged where it could decide makes that side undetermined. A side that blocks decides whatever the other comes to.

Sources are matched by address; tags and service accounts of a source hold for its interface's primary addresses only, never for pods
(https://cloud.google.com/vpc/docs/alias-ip#firewalls), those of a target for everything that its interface receives and sends.
"""

from __future__ import annotations

from ipaddress import ip_address

from pathcheck.core.rules.near_misses import near_misses
from pathcheck.core.rules.obstacles import obstacles
from pathcheck.core.rules.places import Nowhere, Place, place_of, side_of
from pathcheck.core.rules.walk import matches, walk
from pathcheck.model.firewall import Explanation, Firewall, Obstacle
from pathcheck.model.flows import Flow
from pathcheck.model.words import Action, Direction, Prediction

# https://cloud.google.com/firewall/docs/firewalls#alwaysallowed
METADATA_SERVERS = frozenset({ip_address("169.254.169.254"), ip_address("fd20:ce::254")})
_OPPOSITE = {Prediction.BLOCKED: Action.ALLOW, Prediction.PERMITTED: Action.DENY}
# A side that blocks is enough; what cannot be told outweighs what a proxy will decide.
_WORST_FIRST = (Prediction.BLOCKED, Prediction.UNDETERMINED, Prediction.INSPECTED)


def predict(flow: Flow, firewall: Firewall) -> Explanation:
    """The prediction, its deciders, every obstacle and, for the opposite answer, the near misses.

    Total: what it cannot tell is undetermined. A tcp, udp or sctp flow without a port stands for every port: where rules for some
    ports differ it is undetermined.

    Each flow is worked out once for each firewall: an operator asks the same ones at every look, and every look is on the way from
    a packet to a verdict.
    """
    known = firewall.predicted.get(flow)
    if known is None:
        known = firewall.predicted[flow] = firewall.predicted_earlier.get(flow) or _predict(flow, firewall)
    return known


def decided(flow: Flow, firewall: Firewall) -> tuple[Prediction, tuple[str, ...]]:
    """The prediction and its deciders as `predict` has them, without the reasons: in a tenth of the time."""
    known = firewall.predicted.get(flow)
    if known is not None:
        return known.prediction, known.decided_by
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    early = unasked(flow, sender, receiver, firewall)
    if early is not None:
        return early.prediction, early.decided_by
    sides = []
    for direction, local, remote in ((Direction.EGRESS, sender, receiver), (Direction.INGRESS, receiver, sender)):
        if isinstance(local, Nowhere):
            sides.append((Prediction.UNDETERMINED, _undetermined(local).decided_by))
        elif local is not None:
            side = side_of(direction, flow, local, remote, firewall)
            answer = walk(side.index, direction, matches(side.index, side.target, side.near, side.far, side.traffic))
            sides.append((answer.prediction, answer.names))
    return next((s for worst in _WORST_FIRST for s in sides if s[0] is worst), sides[-1])


def unasked(
    flow: Flow, sender: Place | Nowhere | None, receiver: Place | Nowhere | None, firewall: Firewall
) -> Explanation | None:
    """What is decided before any rule is asked; None where rules are."""
    if {flow.source.address, flow.destination.address} & METADATA_SERVERS:
        return _permitted("always-allowed:metadata")
    if _same_machine(flow, sender, receiver, firewall):
        return _permitted("same-vm", "its packets do not leave the machine")
    if sender is None and receiver is None:
        return _undetermined(Nowhere("instance", "neither end is a machine of these networks"))
    if flow.source.address.version != flow.destination.address.version:
        return _undetermined(Nowhere("addresses", "its addresses are of different families"))
    return None


def _predict(flow: Flow, firewall: Firewall) -> Explanation:
    sender, receiver = place_of(flow.source, firewall), place_of(flow.destination, firewall)
    early = unasked(flow, sender, receiver, firewall)
    if early is not None:
        return early
    out = _answer(Direction.EGRESS, flow, sender, receiver, firewall)
    if out is not None and out.prediction is Prediction.BLOCKED:
        # Whoever mends this side meets the other one next.
        beyond = _answer(Direction.INGRESS, flow, receiver, sender, firewall)
        return _whole(out, out, None, (*out.obstacles, *(beyond.obstacles if beyond else ())))
    into = _answer(Direction.INGRESS, flow, receiver, sender, firewall)
    sides = [side for side in (out, into) if side is not None]
    every = tuple(obstacle for side in sides for obstacle in side.obstacles)
    for worst in _WORST_FIRST:
        for side in sides:
            if side.prediction is worst:
                return _whole(side, out, into, every)
    misses = tuple(miss for side in sides for miss in side.near_misses)
    last = _whole(sides[-1], out, into, every)
    return Explanation(last.prediction, last.decided_by, last.why, misses, last.direction, last.egress, last.ingress)


def _same_machine(
    flow: Flow, sender: Place | Nowhere | None, receiver: Place | Nowhere | None, firewall: Firewall
) -> bool:
    if flow.source.instance is None or flow.source.instance != flow.destination.instance:
        return False
    # Names are unique in a zone only: of two machines of one name, each end's must be known.
    if isinstance(sender, Place) and isinstance(receiver, Place):
        return sender.instance == receiver.instance
    return len(firewall.machines(flow.source.instance)) == 1


def _answer(
    direction: Direction, flow: Flow, local: Place | Nowhere | None, remote: Place | Nowhere | None, firewall: Firewall
) -> Explanation | None:
    """What one side says; None for a side without rules."""
    if local is None:
        return None
    if isinstance(local, Nowhere):
        return _undetermined(local)
    side = side_of(direction, flow, local, remote, firewall)
    found = matches(side.index, side.target, side.near, side.far, side.traffic)
    answer = walk(side.index, direction, found)
    wished = _OPPOSITE.get(answer.prediction)
    misses = near_misses(side, answer, wished) if wished is not None else ()
    return Explanation(
        answer.prediction, answer.names, answer.why, misses, direction, obstacles=obstacles(side, found, answer)
    )


def _whole(
    decisive: Explanation, out: Explanation | None, into: Explanation | None, every: tuple[Obstacle, ...]
) -> Explanation:
    return Explanation(
        decisive.prediction,
        decisive.decided_by,
        decisive.why,
        decisive.near_misses,
        decisive.direction,
        out.decided_by if out is not None else (),
        into.decided_by if into is not None else (),
        every,
    )


def _permitted(name: str, why: str = "") -> Explanation:
    return Explanation(Prediction.PERMITTED, (name,), why, egress=(name,), ingress=(name,))


def _undetermined(where: Nowhere) -> Explanation:
    return Explanation(Prediction.UNDETERMINED, (f"undecided:{where.name}",), where.why)
