"""Firewall rules, of VPC networks and of firewall policies alike: what they are about and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pathcheck.model.flows import PROTOCOL_NAMES, Range
from pathcheck.model.words import Action, Direction


@dataclass(frozen=True, slots=True)
class PortRange:
    """Inclusive, 0-65535."""

    first: int
    last: int

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


ALL_PORTS = PortRange(0, 65535)


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


class Stage(IntEnum):
    """Where rules are asked, in the default order (https://cloud.google.com/firewall/docs/firewall-policies-rule-eval-order).

    In a network with BEFORE_CLASSIC_FIREWALL the VPC rules come after both network policies.
    """

    HIERARCHY = 1
    SYSTEM = 2
    VPC = 3
    GLOBAL = 4
    REGIONAL = 5

    @property
    def title(self) -> str:
        """As people call it."""
        return _TITLES[self]


_TITLES = {
    Stage.HIERARCHY: "hierarchical firewall policy",
    Stage.SYSTEM: "system firewall policy",
    Stage.VPC: "VPC firewall rules",
    Stage.GLOBAL: "global network firewall policy",
    Stage.REGIONAL: "regional network firewall policy",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a VPC network, or of a firewall policy (`stage`, `policy`, and its `display` name for people).

    `local` is the side the rule is applied to (the receiver for ingress, the sender for egress), `remote` the other one: both
    directions are then one piece of code. Of the `remote_*` sets any match is enough; none set at all means every address. Of the
    `target_*` sets likewise: none means every machine of the network.

    What could not be judged is said, never left out:
    - `remote_unsure`, `local_unsure`: one more alternative of that side that nobody can judge offline (a domain name, a region);
    - `condition`: a further condition on the whole rule that cannot be judged, so it may match where all else does;
    - `cannot_tell`: what in the rule could not be read. Of such a rule only disabled, network ("" = any), direction and l4
      (empty = any) are relied on, since what was not read may be one more source or one more target; where its priority could not
      be read, it is 0.

    `ineffective`: it never matches although it is not disabled, since all its secure tags are INEFFECTIVE or its address groups empty.
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
    remote_secure_tags: frozenset[str] = frozenset()
    local_ranges: tuple[Range, ...] = ()
    target_tags: frozenset[str] = frozenset()
    target_service_accounts: frozenset[str] = frozenset()
    target_secure_tags: frozenset[str] = frozenset()
    disabled: bool = False
    ineffective: bool = False
    cannot_tell: str = ""
    remote_unsure: str = ""
    local_unsure: str = ""
    condition: str = ""
    stage: Stage = Stage.VPC
    policy: str = ""
    display: str = ""

    @property
    def id(self) -> str:
        """As scripts name it: `firewall:NAME`, `policy:POLICY/PRIORITY`, or `policies` where nobody knows which there are."""
        if self.policy:
            return f"policy:{self.policy}/{self.priority}"
        return f"firewall:{self.name}" if self.stage is Stage.VPC else self.name

    @property
    def spoken(self) -> str:
        """As people name it: NAME, or the policy's display name and the rule's priority."""
        return f"{self.display or self.policy}/{self.priority}" if self.policy else self.name

    @property
    def in_force(self) -> bool:
        """Whether packets meet it at all."""
        return not self.disabled and not self.ineffective

    @property
    def any_remote(self) -> bool:
        """Whether it is about every remote address of both families."""
        return not (
            self.remote_ranges
            or self.remote_tags
            or self.remote_service_accounts
            or self.remote_secure_tags
            or self.remote_unsure
        )

    @property
    def any_local(self) -> bool:
        """Whether it is about every local address."""
        return not (self.local_ranges or self.local_unsure)

    @property
    def any_target(self) -> bool:
        """Whether it is about every machine of its network."""
        return not (self.target_tags or self.target_service_accounts or self.target_secure_tags)


@dataclass(frozen=True, slots=True)
class Policy:
    """A firewall policy as it applies in one network and region ("" = in every one): its rules for both directions.

    `name` is the API's (a number for hierarchical ones), `display` the one people gave it. Policies of one stage are in the
    order in which they are asked. Where nobody knows which policies there are, one without a name holds a rule that cannot tell.
    """

    name: str
    stage: Stage
    network: str
    region: str
    rules: tuple[Rule, ...]
    display: str = ""
