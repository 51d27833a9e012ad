"""Who dials and who listens: the plans of all checks, folded into one assignment a node.

A probe can be told so much and no more. The smallest plans come first, so that a check which asks for too much of a node does not
cost the others theirs; what finds no room is never dialled, and so unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from pathcheck.model.flows import L4
from pathcheck.model.plans import Plan
from pathcheck.model.probing import MAX_DIALS, MAX_LISTENERS, Assignment, Cadence, Dial


def assign(plans: Iterable[Plan], key: str, prove_after: Mapping[str, datetime | None]) -> dict[str, Assignment]:
    """One assignment for every node that some plan needs, also while it has nothing to do yet.

    Two checks that ask the same question share one dial, made as often and as patiently as the more demanding of them wants.
    `prove_after` is carried over: a proof that was asked for must not be forgotten because something else changed.
    """
    listeners: defaultdict[str, set[L4]] = defaultdict(set)
    dials: defaultdict[str, dict[str, Dial]] = defaultdict(dict)
    nodes: set[str] = set()
    for plan in sorted(plans, key=lambda plan: len(plan.asked)):
        nodes |= plan.nodes
        for asked in plan.asked:
            if asked.dial is not None:
                _add(dials[asked.dialer], asked.dial)
            for witness in asked.witnesses:
                if witness.dial is not None:
                    _add(dials[witness.node], witness.dial)
                elif asked.flow.l4.port is not None and len(listeners[witness.node]) < MAX_LISTENERS:
                    listeners[witness.node].add(asked.flow.l4)
    return {
        node: Assignment(
            node=node,
            listeners=tuple(sorted(listeners[node], key=str)),
            dials=tuple(dial for _, dial in sorted(dials[node].items())),
            key=key,
            prove_after=prove_after.get(node),
        )
        for node in sorted(nodes)
    }


def _add(dials: dict[str, Dial], dial: Dial) -> None:
    had = dials.get(dial.id)
    if had is None and len(dials) == MAX_DIALS:
        return
    dials[dial.id] = (
        dial if had is None else Dial(dial.address, dial.l4, dial.manner, _stricter(had.cadence, dial.cadence))
    )


def _stricter(a: Cadence, b: Cadence) -> Cadence:
    return Cadence(
        interval_seconds=min(a.interval_seconds, b.interval_seconds),
        attempts=max(a.attempts, b.attempts),
        timeout_milliseconds=max(a.timeout_milliseconds, b.timeout_milliseconds),
    )
