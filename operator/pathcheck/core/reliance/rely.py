"""Which checks hang on which rule? For every rule at once: the flows of each check that would be violated without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pathcheck.core.changes.whatif import Known, plan_of
from pathcheck.core.proofs.cases import TooManyKindsError
from pathcheck.core.reliance.held import held
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.model.checks import PathCheck
from pathcheck.model.datapath import Shown
from pathcheck.model.firewall import Firewall


@dataclass(frozen=True, slots=True)
class Hanging:
    """What hangs on one rule: checks by name, with the number of their flows that flip to violated without it."""

    rule: str
    checks: dict[str, int]

    @property
    def flows(self) -> int:
        """Of all checks together."""
        return sum(self.checks.values())


def rely(checks: Iterable[PathCheck], known: Known, firewall: Firewall) -> tuple[tuple[Hanging, ...], dict[str, str]]:
    """Every rule in force, the one on which most hangs first; and why nobody knows it of a check, by name."""
    rules = [r for r in (*firewall.rules, *(r for p in firewall.policies for r in p.rules)) if r.in_force]
    # What nobody knows (`policies`) is nothing that could be deleted.
    found: dict[str, dict[str, int]] = {r.id: {} for r in rules if ":" in r.id}
    untold: dict[str, str] = {}
    hidden = datapath_of(Shown(), known.nodes, firewall).hides_pods
    for check in checks:
        planned = plan_of(check, known)
        if hidden or planned.objections:
            untold[check.name] = hidden or "; ".join(str(o.problem) for o in planned.objections)
        try:
            for id_, flows in () if hidden else held(planned.bundles, check.expectation, firewall).items():
                if id_ in found:
                    found[id_][check.name] = flows
        except TooManyKindsError as error:
            untold[check.name] = str(error)
    every = [Hanging(id_, hanging) for id_, hanging in found.items()]
    return tuple(sorted(every, key=lambda h: (-h.flows, h.rule))), untold
