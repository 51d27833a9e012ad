"""What a check comes to before anything is measured: which flows, who dials them how, and who can prove their targets up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pathcheck.model.datapath import Way
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4, Address, Flow
from pathcheck.model.probing import Dial
from pathcheck.model.proofs import Span
from pathcheck.model.words import Reason


@dataclass(frozen=True, slots=True)
class Witness:
    """Who can prove a target up: the probe on the target's own node, by the result with this id.

    `address` is the probe pod's own where the target is its listener: a report of that pod's predecessor proves nothing.
    `dial` is what the witness must be told to do; None for the control dials that every probe makes by itself.
    """

    node: str
    result_id: str
    address: Address | None = None
    dial: Dial | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One flow of a check. `at_firewall` are the flows that cross the firewall: the same one, or those to a Service's backends.

    `ways` says how each of these crosses the cloud, none where all do so as they are; then `at_firewall` is what is on the wire.
    `trouble` says why it cannot be measured at present; then there is no dial.
    """

    flow: Flow
    at_firewall: tuple[Flow, ...]
    dialer: str
    dial: Dial | None
    witnesses: tuple[Witness, ...] = ()
    trouble: str = ""
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """Why (a part of) a spec cannot be used, with the field's path."""

    reason: Reason
    problem: Problem


@dataclass(frozen=True, slots=True)
class Bundle:
    """Very many flows that are predicted only: every source to every destination on another node, each of this traffic."""

    sources: tuple[Span, ...]
    destinations: tuple[Span, ...]
    traffic: tuple[L4, ...]

    @property
    def pairs(self) -> int:
        """How many pairs of ends there are on different nodes."""
        here, there = (Counter(span.identity for span in ends) for ends in (self.sources, self.destinations))
        return here.total() * there.total() - sum(n * there[identity] for identity, n in here.items())


@dataclass(frozen=True, slots=True)
class Plan:
    """A check's flows; `beyond` counts those that its limit leaves out; `nodes` are all that need a probe pod for it.

    A check that is answered by prediction alone has `bundles` in their place.
    """

    asked: tuple[Asked, ...] = ()
    beyond: int = 0
    objections: tuple[Objection, ...] = ()
    nodes: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    bundles: tuple[Bundle, ...] = ()
