"""What must change for this side to let the flow pass? Everything, not the first: who mends one deny must not run into the next.

Each rule in the way is taken away in turn and the walk goes on behind it, until an allow rule would be met; where none is, the implied
deny is in the way as well. One more rule at the right place may do instead of taking several away: that is what `propose` looks for.
"""

from __future__ import annotations

from pathcheck.core.rules.near_misses import l4_of, remote_of
from pathcheck.core.rules.places import Side
from pathcheck.core.rules.walk import Answer, Matches, spoken_of, walk
from pathcheck.model.firewall import Obstacle
from pathcheck.model.rules import Rule, Stage
from pathcheck.model.words import Direction, Prediction

# Whoever has more denies than this in the way of one flow has another problem.
_MOST = 32


def obstacles(side: Side, found: Matches, answer: Answer) -> tuple[Obstacle, ...]:
    """In the order in which they are met; none for a side that lets the flow pass."""
    named: list[Obstacle] = []
    gone = 0
    while answer.prediction is not Prediction.PERMITTED and len(named) < _MOST:
        named.append(_obstacle(side, answer))
        if not answer.rules:
            break
        gone |= answer.bits
        left = Matches(found.sure & ~gone, found.possible & ~gone, found.some_ports & ~gone)
        answer = walk(side.index, side.direction, left)
    return tuple(named)


def _obstacle(side: Side, answer: Answer) -> Obstacle:
    if not answer.rules:
        return Obstacle(answer.names[0], "implied rules", side.direction, answer.why)
    rule = answer.rules[0]
    sentence = answer.why if answer.prediction is Prediction.UNDETERMINED else _sentence(side, rule)
    return Obstacle(answer.names[0], rule.stage.title, side.direction, sentence)


def _sentence(side: Side, rule: Rule) -> str:
    way = "from" if side.direction is Direction.INGRESS else "to"
    priority = f" (priority {rule.priority})" if rule.stage is Stage.VPC else ""
    verb = "denies" if rule.action == "deny" else "has a proxy inspect"
    owner = {
        Stage.HIERARCHY: "; only the organization or folder that owns the policy can change it",
        Stage.SYSTEM: "; Google manages this policy",
    }.get(rule.stage, "")
    return f"{spoken_of(rule)}{priority} {verb} {l4_of(rule.l4)} {way} {remote_of(rule)}{owner}"
