"""What became of the firewall: what was edited, what that permits no longer, which checks it flips, and who did it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

# What is kept; the rest is counted. etcd takes objects of up to 1.5 MiB, and people read the first few.
MAX_CHANGES = 100
MAX_EDITS = 64
MAX_LINES = 16
MAX_CHECKS = 1_000
MAX_CALLS = 4


class Deed(StrEnum):
    """What was done to a rule, a policy, a route, or what else a firewall is made of."""

    CREATED = "created"
    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the cloud's audit log: who called which method on what, and how the caller's program calls itself.

    `time` is by the cloud's clock; `tool` is the program in a word or two, `agent` all that it says of itself.
    """

    id: str
    time: datetime
    principal: str
    method: str
    resource: str
    tool: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that is otherwise than before.

    `id` is as scripts name it (`Rule.id`, `policy:NAME`, `network:NAME`, `route:NAME`, `instance:ZONE/NAME`), `resource` as the end of
    the API's URL of what was called upon (`firewalls/NAME`). `by` are the audit log's entries for it, the latest last.
    """

    id: str
    deed: Deed
    sentence: str
    resource: str
    by: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two readings of a firewall: the edits, and in words what they close and open, the weightiest first.

    `beyond` counts the lines that are left out, `edits_beyond` the edits; `untold` says why there are no lines although there may be.
    Without edits nothing differs that decides packets.
    """

    edits: tuple[Edit, ...] = ()
    closes: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    beyond: int = 0
    untold: str = ""
    edits_beyond: int = 0


@dataclass(frozen=True, slots=True)
class Affected:
    """A check that a difference flips: how many of its flows are as expected no longer, by prediction, and how many are again."""

    check: str
    worse: int
    better: int


class Attribution(StrEnum):
    """How far it is known who made a change."""

    PENDING = "Pending"
    COMPLETE = "Complete"
    MISSING = "Missing"


@dataclass(frozen=True, slots=True)
class FirewallChange:
    """One revision of the firewall that follows another, kept in the cluster.

    `noticed` is when the reading began that shows it first, `not_before` when the last one began that does not: both by the cluster's
    clock. `why` says why it is not known, or not yet, who made (all of) it.
    """

    number: int
    before: str
    after: str
    not_before: datetime
    noticed: datetime
    difference: Difference
    affected: tuple[Affected, ...] = ()
    attribution: Attribution = Attribution.PENDING
    why: str = ""
    # Derived once: each of a thousand checks asks a hundred changes.
    _by_check: Mapping[str, Affected] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_check", {each.check: each for each in self.affected})

    @property
    def settled(self) -> bool:
        """Whether nothing more will be known of who made it."""
        return self.attribution is not Attribution.PENDING

    @property
    def name(self) -> str:
        """The object's name: the same for the same change, so that a retry finds its own."""
        return f"{self.number:06}-{self.after[:16]}"

    def flips(self, check: str) -> Affected | None:
        """What it does to this check."""
        return self._by_check.get(check)
