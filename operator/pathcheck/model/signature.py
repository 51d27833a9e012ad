"""The port signature: what crosses between two ends and what does not, and which rules that speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.model.flows import L4, Endpoint
from pathcheck.model.rules import Rule


@dataclass(frozen=True, slots=True)
class Pattern:
    """What was seen between two ends at one time, each in order.

    `crossing` arrived (it was answered, or refused by the target itself); `silent` did not, although the target was proven up. `mixed`
    did both, so that no rule for ports decides it: it is in neither of the others.
    """

    crossing: tuple[L4, ...]
    silent: tuple[L4, ...]
    mixed: tuple[L4, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends as far as they are known."""

    sender: Endpoint | None = None
    receiver: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Rules that together, of all that was tried, admit exactly what crosses; none of `allows` can be left out.

    Each of `allows` is one rule, or several of which any one would do, the likeliest first. `denies` take the silent rest out of what
    the allows admit.
    """

    allows: tuple[tuple[Rule, ...], ...]
    denies: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """What the pattern tells of the rules.

    `causes` explain all of `crossing` but `unexplained`; the likeliest first, a few only: `more` counts the others, and `complete` says
    whether all were looked for. `smallest`: whether no cause with fewer rules was overlooked.

    `candidates` are all allow rules that may be in force for this path and admit something that crosses. `excluded` are not in force for
    it, since they admit something silent that no rule known denies: first those that are surely about these ends, of which there are
    `surely_excluded`. `no_pod_rule`: nor is any rule for a pod range like GKE's. `unjudged` are rules that could not be read: they may
    admit what is unexplained, and but for them `doubted`, which are surely about these ends, would be excluded, too.

    `telling` are further ports, with their protocols, that would tell causes apart; `told_apart`: all that are named.

    `well_known`: the rules are not the project's but those that everybody has.
    """

    pattern: Pattern
    causes: tuple[Cause, ...] = ()
    more: int = 0
    complete: bool = True
    smallest: bool = True
    unexplained: tuple[L4, ...] = ()
    candidates: tuple[Rule, ...] = ()
    excluded: tuple[Rule, ...] = ()
    surely_excluded: int = 0
    no_pod_rule: bool = False
    unjudged: tuple[Rule, ...] = ()
    doubted: tuple[Rule, ...] = ()
    telling: tuple[L4, ...] = ()
    told_apart: bool = True
    well_known: bool = False

    @property
    def told(self) -> bool:
        """Whether the rules explain the pattern, or nothing is to be explained."""
        return not self.pattern.silent or bool(self.causes and not self.unexplained)
