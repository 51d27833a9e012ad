"""What we say: judgements of single flows, findings over many, conditions, announcements, and the status that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pathcheck.model.firewall import Explanation
from pathcheck.model.fixes import Fix
from pathcheck.model.flows import Flow
from pathcheck.model.words import ConditionStatus, Observation, Reason, Verdict

# What a status shows; the rest is counted. etcd takes objects of up to 1.5 MiB, and people read the first few.
MAX_FINDINGS = 16
MAX_WORST = 32
MAX_RELIED = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation that already passed the question whether it counts; `since` is None when nothing was ever measured.

    `pending`: something negative was seen and the proof that its target is up has been asked for; a moment later it will count or not.
    """

    observation: Observation
    since: datetime | None = None
    at: datetime | None = None
    detail: str = ""
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """One flow: what was seen, what was predicted, what we hold, and why; or `count` flows that are alike, by one of them.

    `at_firewall` are the flows that the prediction is about. `settling`: the firewall changed less than a round ago, so that what was
    seen and what is predicted may not belong together yet. `carried` says what the flow is on the wire, where it is something else.
    """

    flow: Flow
    seen: Seen
    explanation: Explanation
    verdict: Verdict
    reason: Reason | None = None
    note: Reason | None = None
    at_firewall: tuple[Flow, ...] = ()
    settling: bool = False
    count: int = 1
    carried: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, many flows. `rule` is the deciding rule's name where one decided, else "".

    `count` is how many flows there are where `flows` are examples only, else 0.
    """

    reason: Reason
    verdict: Verdict
    flows: tuple[Flow, ...]
    sentence: str
    rule: str = ""
    near_miss: str = ""
    fix: Fix | None = None
    fix_note: str = ""
    count: int = 0

    @property
    def total(self) -> int:
        """How many flows it is about."""
        return self.count or len(self.flows)


@dataclass(frozen=True, slots=True)
class Condition:
    """A Kubernetes condition (metav1.Condition)."""

    type: str
    status: ConditionStatus
    reason: Reason
    message: str
    last_transition: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Flows asked = upheld + violated + unknown."""

    asked: int = 0
    upheld: int = 0
    violated: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class WorstFlow:
    """One line of the worst flows: the flow in engineer's notation and what holds for it."""

    flow: str
    verdict: Verdict
    observation: Observation
    reason: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class LastChange:
    """The latest change of the firewall that flips this check: its number, when it was noticed, who made it ("" = nobody knows), and what
    it did.

    By prediction `worse` of the check's flows are as expected no longer because of it, and `better` are again.
    """

    number: int
    noticed: datetime
    who: str
    sentence: str
    worse: int = 0
    better: int = 0


@dataclass(frozen=True, slots=True)
class Relied:
    """A rule, as scripts name it, and how many flows of the check would be violated if it alone were gone."""

    rule: str
    flows: int


@dataclass(frozen=True, slots=True)
class FirewallState:
    """Which firewall the findings speak of: where from, which revision, and since when that revision has been read.

    `relies_on`: the rules on which most of the check's flows hang; None where that is not told.
    """

    source: str
    revision: str
    read_time: datetime | None
    last_change: LastChange | None = None
    relies_on: tuple[Relied, ...] | None = None


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as status shows it."""

    reason: str
    flows: int
    sentence: str
    rule: str = ""
    near_miss: str = ""
    fix: str = ""
    fix_note: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `.status` shows; two equal values need no write."""

    observed_generation: int
    conditions: tuple[Condition, ...]
    flows: Counts = Counts()
    findings: tuple[FindingLine, ...] = ()
    worst: tuple[WorstFlow, ...] = ()
    firewall: FirewallState | None = None

    def condition(self, type_: str) -> Condition | None:
        """The condition of this type, if it was ever written."""
        return next((c for c in self.conditions if c.type == type_), None)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What becomes an Event. `key` is the same for the same transition, so that a retry or a restart writes no second one."""

    key: str
    warning: bool
    reason: Reason
    action: str
    note: str
