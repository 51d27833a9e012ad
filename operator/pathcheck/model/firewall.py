"""What the cloud says: machines, their interfaces, and the rules that decide packets between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pathcheck.model.flows import Range
from pathcheck.model.words import Action, Direction, Prediction


@dataclass(frozen=True, slots=True)
class PortRange:
    """Inclusive, 0-65535."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class L4Match:
    """One alternative of a rule: a protocol number (None = all) and its destination ports (none = all)."""

    protocol: int | None
    ports: tuple[PortRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One VPC firewall rule.

    `local` is the side the rule is applied to (the receiver for ingress, the sender for egress), `remote` the other one: both
    directions are then one piece of code. Of the three `remote_*` sets any match is enough; none set at all means every address.
    `cannot_tell` names what in the rule could not be read: such a rule never decides, it makes the answer undetermined.
    """

    name: str
    network: str
    direction: Direction
    priority: int
    action: Action
    l4: tuple[L4Match, ...]
    remote_ranges: tuple[Range, ...] = ()
    remote_tags: frozenset[str] = frozenset()
    remote_service_accounts: frozenset[str] = frozenset()
    local_ranges: tuple[Range, ...] = ()
    target_tags: frozenset[str] = frozenset()
    target_service_accounts: frozenset[str] = frozenset()
    disabled: bool = False
    cannot_tell: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A machine's NIC: its network and addresses; `alias_ranges` and `routed_ranges` are what else is delivered through it."""

    name: str
    network: str
    region: str
    primary: tuple[Range, ...]
    alias_ranges: tuple[Range, ...] = ()
    routed_ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """A virtual machine."""

    name: str
    zone: str
    interfaces: tuple[Interface, ...]
    tags: frozenset[str] = frozenset()
    service_accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicyPresence:
    """A firewall policy that could decide in this network and region, which this evaluator does not judge yet.

    `before_rules`: it is asked before the VPC firewall rules (hierarchical, system, or all under BEFORE_CLASSIC_FIREWALL).
    """

    name: str
    network: str
    region: str
    before_rules: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Something foreign that could not be read: where (a field's path or a rule's name) and why, as one sentence."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class Firewall:
    """One recording, translated. Lists are complete as of the recording; what could not be read is in `problems`.

    `revision` is a hash of the content; `first_read` and `last_read` bound the time in which the cloud is known to have answered
    with exactly this content.
    """

    project: str
    revision: str
    instances: tuple[Instance, ...] = ()
    rules: tuple[Rule, ...] = ()
    policies: tuple[PolicyPresence, ...] = ()
    problems: tuple[Problem, ...] = ()
    source: str = "recording"
    first_read: datetime | None = None
    last_read: datetime | None = None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that would have decided the flow for the expectation, but for one field."""

    rule: Rule
    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction and why.

    `decided_by` holds names as scripts read them: `firewall:NAME`, `implied-deny-ingress`, `implied-allow-egress`, `same-vm`,
    `undecided:…`; several only where the API defines no order between tied allows. `near_misses` are ranked, nearest first.
    """

    prediction: Prediction
    decided_by: tuple[str, ...] = ()
    why: str = ""
    near_misses: tuple[NearMiss, ...] = ()


@dataclass(frozen=True, slots=True)
class Fix:
    """A rule that, added, was seen by the evaluator to uphold every flow in `upholds` of those it was proposed for."""

    project: str
    rule: Rule
    upholds: int
    sentence: str = field(default="")
