"""What a user writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathcheck.model.findings import Status
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4
from pathcheck.model.probing import Cadence
from pathcheck.model.words import Evidence, Expectation, Severity, Vantage


@dataclass(frozen=True, slots=True)
class Requirement:
    """One matchExpressions entry of a label selector: operator is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """Nodes by name (in the order written) or by label; an empty selector chooses every node."""

    names: tuple[str, ...] = ()
    match_labels: Mapping[str, str] | None = None
    match_expressions: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceChoice:
    """A Service by name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class PathCheck:
    """The invariant. `to` is either nodes (our own listeners there) or a Service; `limit` bounds the pairs measured.

    With evidence predicted, traffic without a port is every port of its protocol, and nothing is measured.

    `problems` is what of the spec could not be read: such a check asks nothing and is told so in its own status.
    """

    name: str
    uid: str
    generation: int
    source: NodeChoice
    to: NodeChoice | ServiceChoice
    traffic: tuple[L4, ...]
    vantage: Vantage = Vantage.POD
    expectation: Expectation = Expectation.REACHABLE
    severity: Severity = Severity.MAJOR
    evidence: Evidence = Evidence.MEASURED
    limit: int = 1000
    cadence: Cadence = Cadence()
    description: str = ""
    status: Status | None = None
    problems: tuple[Problem, ...] = ()
