"""What would mend it: changes to firewall rules, and what else they would do."""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.model.rules import Rule


@dataclass(frozen=True, slots=True)
class Change:
    """One rule to create (`before` is None) or to change. `region` is that of a regional network policy's rule, else ""."""

    before: Rule | None
    after: Rule
    region: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """Changes with which the evaluator was seen to come to what is wished for every flow they are proposed for, `upholds` in number.

    `opens` and `closes` are all else that they change between the recording's machines and the ranges of the rules, one line each,
    the weightiest first; `beyond` counts the lines that are left out. Both empty: nothing else changes.
    """

    project: str
    changes: tuple[Change, ...]
    upholds: int
    sentence: str = ""
    opens: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
    beyond: int = 0

    @property
    def besides(self) -> str:
        """The same as one sentence."""
        lines = [f"opens {line}" for line in self.opens] + [f"closes {line}" for line in self.closes]
        more = f"; and {self.beyond} more of the kind" if self.beyond else ""
        return f"also {'; also '.join(lines)}{more}" if lines else "opens and closes nothing else"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Fixes, the one that changes least else first; where there is none, why not."""

    fixes: tuple[Fix, ...] = ()
    why_not: str = ""

    @property
    def best(self) -> Fix | None:
        """The first."""
        return self.fixes[0] if self.fixes else None
