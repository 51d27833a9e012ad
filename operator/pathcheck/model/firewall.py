"""What the cloud says, as one whole, and what can be said of a flow because of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pathcheck.model.flows import Flow
from pathcheck.model.machines import Instance, Network, Route
from pathcheck.model.rules import Policy, Rule, Stage
from pathcheck.model.words import Action, Direction, Prediction, Reason


@dataclass(frozen=True, slots=True)
class Problem:
    """Something foreign that could not be read: where (a field's path or a rule's name) and why, as one sentence."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


# An index for each network, region and direction, and the last answers of each check.
_MOST_COMPILED = 1_000

Run = tuple[Rule, ...]
"""Rules of which at most one decides: those of one policy, or the VPC rules of one network, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """One recording, translated. Lists are complete as of the recording; what could not be read is in `problems`.

    `rules` are the VPC firewall rules. `routes` is None where they could not be read. `revision` is a hash of the content;
    `first_read` and `last_read` bound the time in which the cloud is known to have answered with exactly this content.
    """

    project: str
    revision: str
    instances: tuple[Instance, ...] = ()
    rules: tuple[Rule, ...] = ()
    policies: tuple[Policy, ...] = ()
    networks: tuple[Network, ...] = ()
    routes: tuple[Route, ...] | None = None
    problems: tuple[Problem, ...] = ()
    source: str = "recording"
    first_read: datetime | None = None
    last_read: datetime | None = None
    # Derived once, for every flow asks for the same few things and a fleet asks for thousands of flows.
    _machines: Mapping[str, tuple[Instance, ...]] = field(init=False, repr=False, compare=False)
    _networks: Mapping[str, Network] = field(init=False, repr=False, compare=False)
    _rules: Mapping[str, Rule] = field(init=False, repr=False, compare=False)
    # What core worked out of exactly this content; a changed copy (`replace`) begins with nothing.
    predicted: dict[Flow, Explanation] = field(init=False, repr=False, compare=False, default_factory=dict)
    predicted_earlier: Mapping[Flow, Explanation] = field(init=False, repr=False, compare=False, default_factory=dict)
    compiled: dict[object, object] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        machines: dict[str, list[Instance]] = {}
        for instance in self.instances:
            machines.setdefault(instance.name, []).append(instance)
        rules = [*self.rules, *(rule for policy in self.policies for rule in policy.rules)]
        object.__setattr__(self, "_machines", {name: tuple(found) for name, found in machines.items()})
        object.__setattr__(self, "_networks", {network.name: network for network in self.networks})
        object.__setattr__(self, "_rules", {rule.id: rule for rule in rules})

    def read_again(self, moment: datetime) -> Firewall:
        """The same content, as the cloud answered it once more at this moment, with what was worked out of it.

        Of the predictions those that were asked for since the reading before, and of the rest nothing once it is very much: pods and
        checks come and go, and a firewall may stay for months.
        """
        again = replace(self, last_read=moment)
        object.__setattr__(again, "predicted_earlier", self.predicted)
        if len(self.compiled) <= _MOST_COMPILED:
            again.compiled.update(self.compiled)
        return again

    def machines(self, name: str) -> tuple[Instance, ...]:
        """The instances of this name: none if the recording has none, several only in different zones."""
        return self._machines.get(name, ())

    def network(self, name: str) -> Network:
        """The network of this name; of one that the recording does not have, neither order nor peers are known."""
        return self._networks.get(name) or Network(name, None, None)

    def rule(self, id_: str) -> Rule | None:
        """The rule that scripts name so (`Rule.id`)."""
        return self._rules.get(id_)

    def unread(self, key: str) -> str:
        """`: ` and why this key of the recording could not be read, to end a sentence about what that leaves open; else nothing."""
        return next((f": {p.why.removeprefix('could not be read: ')}" for p in self.problems if p.where == key), "")

    def runs(self, network: str, region: str, direction: Direction) -> tuple[Run, ...]:
        """All rules of this network, region and direction in the order in which they are asked, disabled ones included."""
        vpc = [r for r in self.rules if r.direction is direction and r.network in ("", network)]
        before_classic = self.network(network).before_classic
        staged = [(_place(Stage.VPC, before_classic), tuple(sorted(vpc, key=_asked_before)))]
        for policy in self.policies:
            if policy.network in ("", network) and policy.region in ("", region):
                rules = sorted((r for r in policy.rules if r.direction is direction), key=_asked_before)
                if before_classic is None and policy.stage in (Stage.GLOBAL, Stage.REGIONAL):
                    rules = [_unplaced(r, network, self.unread("networks")) for r in rules]
                staged.append((_place(policy.stage, before_classic), tuple(rules)))
        return tuple(run for _, run in sorted(staged, key=lambda found: found[0]) if run)


def _unplaced(rule: Rule, network: str, unread: str) -> Rule:
    """A rule whose match can be judged, but not its place. Handing on comes to the same in either place."""
    if rule.action is Action.GOTO_NEXT:
        return rule
    why = f"whether network {network} asks it before or after its VPC rules is not known{unread}"
    return replace(rule, condition=rule.condition or why)


def _place(stage: Stage, before_classic: bool | None) -> int:
    """Where the order is not known, network policies are asked first, as rules that only may match."""
    return Stage.REGIONAL + 1 if stage is Stage.VPC and before_classic is not False else stage


def _asked_before(rule: Rule) -> tuple[int, int, str]:
    """By priority, at one priority deny first; https://cloud.google.com/firewall/docs/firewalls#priority_order_for_firewall_rules.

    What cannot be judged stands behind the denies, which decide whatever it comes to, and before the allows, which do not.
    """
    rank = 1 if rule.cannot_tell else 0 if rule.action is Action.DENY else 2
    return rule.priority, rank, rule.name


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that would have decided the flow for the expectation, but for one field or two (as the API spells them)."""

    rule: Rule
    fields: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that must change for a flow to pass: `name` as in `decided_by`, or `route:…`; `stage` says in words whose it is.

    `reason` is what a silent flow is put down to because of it; None where that follows from the prediction.
    """

    name: str
    stage: str
    direction: Direction
    sentence: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked about a flow, by its name in `decided_by`, and whether it matched; None: nobody can tell.

    `field` is the first because of which it did not match, as the API spells it; "" where it did, or may.
    """

    direction: Direction
    name: str
    matched: bool | None
    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction and why.

    `decided_by` holds names as scripts read them: `firewall:NAME`, `policy:POLICY/PRIORITY`, `implied-deny-ingress`,
    `implied-allow-egress`, `connection-tracking`, `same-vm`, `always-allowed:metadata`, `undecided:…`; several only where the API
    defines no order between tied allows. `egress` and `ingress` are the same for each side, empty for a side that was not asked.
    `direction` is the side that decided, None where none was asked. `near_misses` are ranked, nearest first; `obstacles` are
    complete.
    """

    prediction: Prediction
    decided_by: tuple[str, ...] = ()
    why: str = ""
    near_misses: tuple[NearMiss, ...] = ()
    direction: Direction | None = None
    egress: tuple[str, ...] = ()
    ingress: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
