"""Many flows at once: ends that are ranges, and what holds of all that lies between them."""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.model.firewall import Explanation
from pathcheck.model.flows import Flow, Range
from pathcheck.model.rules import L4Match


@dataclass(frozen=True, slots=True)
class Span:
    """All addresses of these ranges in one place: at a machine (`instance`), or, without one, outside of these networks.

    `name` is for people: a node, or a backend.
    """

    ranges: tuple[Range, ...]
    name: str = ""
    instance: str | None = None

    @property
    def identity(self) -> object:
        """What two ends on one machine have in common: the packets between them cross no firewall."""
        return (self.instance, self.name) if self.instance or self.name else self

    def __str__(self) -> str:
        ranges = ", ".join(map(str, self.ranges))
        place = self.name or self.instance
        return f"{place}[{ranges}]" if place else ranges


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what was asked that comes to the same throughout: every source to every destination on another machine, all of `traffic`.

    `pairs` are the pairs of spans in it. `explanation` is that of `example`, and but for addresses and ports that of every other.
    """

    sources: tuple[Range, ...]
    destinations: tuple[Range, ...]
    traffic: tuple[L4Match, ...]
    explanation: Explanation
    example: Flow
    pairs: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything asked, in parts, worst first: together they leave nothing out, and no two overlap.

    `pairs` are the pairs of spans on different machines that were asked about; without any, nothing is proved.
    """

    parts: tuple[Part, ...]
    pairs: int
