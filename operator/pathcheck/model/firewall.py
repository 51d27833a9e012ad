"""What the cloud says: machines, their interfaces, and the rules that decide packets between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pathcheck.model.flows import PROTOCOL_NAMES, Flow, Range
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

    def __str__(self) -> str:
        if self.protocol is None:
            return "every protocol"
        name = PROTOCOL_NAMES.get(self.protocol, f"protocol {self.protocol}")
        return ", ".join(f"{name}/{ports}" for ports in self.ports) or name


@dataclass(frozen=True, slots=True)
class Rule:
    """One VPC firewall rule.

    `local` is the side the rule is applied to (the receiver for ingress, the sender for egress), `remote` the other one: both
    directions are then one piece of code. Of the three `remote_*` sets any match is enough; none set at all means every address.

    `cannot_tell` says what in the rule could not be read: such a rule never decides, it makes the answer undetermined. Of its fields
    only disabled, network ("" = any), direction and l4 (empty = any) are relied on, since what was not read may be one more source
    or one more target; where its priority could not be read, it is 0.
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
    `directions` are those for which it has a rule that decides (any but goto_next). Empty `network` or `region`: in every one.
    `unread` is set where nobody knows whether there is a policy, and says why.
    """

    name: str
    network: str
    region: str
    before_rules: bool
    directions: frozenset[Direction] = frozenset(Direction)
    unread: str = ""


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
    # Derived once, for every flow asks for the same few lists and a fleet asks for thousands of flows.
    _rules_in: Mapping[tuple[str, Direction], tuple[Rule, ...]] = field(init=False, repr=False, compare=False)
    _machines: Mapping[str, tuple[Instance, ...]] = field(init=False, repr=False, compare=False)
    _rules_named: Mapping[str, Rule] = field(init=False, repr=False, compare=False)
    # What core/predict worked out of exactly this content; a changed copy (`replace`) begins with nothing.
    predicted: dict[Flow, Explanation] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        # (priority, deny first, name); https://cloud.google.com/firewall/docs/firewalls#priority_order_for_firewall_rules
        ordered = sorted(self.rules, key=lambda r: (r.priority, r.action is not Action.DENY, r.name))
        networks = {r.network for r in self.rules} | {i.network for m in self.instances for i in m.interfaces} | {""}
        rules_in: dict[tuple[str, Direction], list[Rule]] = {(n, d): [] for n in networks for d in Direction}
        for rule in ordered:
            for network in (rule.network,) if rule.network else networks:
                rules_in[network, rule.direction].append(rule)
        machines: dict[str, list[Instance]] = {}
        for instance in self.instances:
            machines.setdefault(instance.name, []).append(instance)
        object.__setattr__(self, "_rules_in", {scope: tuple(rules) for scope, rules in rules_in.items()})
        object.__setattr__(self, "_machines", {name: tuple(found) for name, found in machines.items()})
        object.__setattr__(self, "_rules_named", {rule.name: rule for rule in self.rules})

    def rules_in(self, network: str, direction: Direction) -> tuple[Rule, ...]:
        """The rules of one network and direction in the order in which they are asked, disabled ones included."""
        return self._rules_in.get((network, direction), self._rules_in["", direction])

    def machines(self, name: str) -> tuple[Instance, ...]:
        """The instances of this name: none if the recording has none, several only in different zones."""
        return self._machines.get(name, ())

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return self._rules_named.get(name)


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
    `always-allowed:metadata`, `undecided:…`; several only where the API defines no order between tied allows. `direction` is the
    side that decided, None where none was asked. `near_misses` are ranked, nearest first.
    """

    prediction: Prediction
    decided_by: tuple[str, ...] = ()
    why: str = ""
    near_misses: tuple[NearMiss, ...] = ()
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """A rule that, added, was seen by the evaluator to uphold every flow in `upholds` of those it was proposed for."""

    project: str
    rule: Rule
    upholds: int
    sentence: str = field(default="")
