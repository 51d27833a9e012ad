"""PathCheck, both directions: the resource as users write it → `PathCheck` (its status: statuses.py).

The pydantic models are also what crds/pathchecks.yaml is generated from, so each rule stands once here and once as CEL beside it:
the API server refuses a wrong resource at the door, and the same sentence comes back where there is no API server (files, tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from pathcheck.model import checks
from pathcheck.model.flows import L4, PROTOCOL_NUMBERS
from pathcheck.model.probing import Cadence
from pathcheck.model.words import Expectation, Severity, Vantage
from pathcheck.wire.schema import LabelKey, LabelValue, Name, ProtocolName, Wire, cel, problems_of
from pathcheck.wire.statuses import PathCheckStatus, status_of


class ExpectationName(StrEnum):
    REACHABLE = "Reachable"
    ISOLATED = "Isolated"


class SeverityName(StrEnum):
    CRITICAL = "Critical"
    MAJOR = "Major"
    MINOR = "Minor"


class OperatorName(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class MatchExpression(Wire):
    """One requirement on a node's labels."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel(
                    "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values)",
                    "In and NotIn need values, Exists and DoesNotExist take none",
                )
            ]
        }
    )

    key: LabelKey = Field(description="The label's key.")
    operator: OperatorName = Field(description="How the label's value relates to values.")
    values: list[LabelValue] | None = Field(
        default=None, max_length=64, description="The values; for In and NotIn at least one, else none."
    )

    @model_validator(mode="after")
    def _values_fit_operator(self) -> Self:
        wants = self.operator in (OperatorName.IN, OperatorName.NOT_IN)
        if wants != bool(self.values) or (not wants and self.values is not None):
            raise ValueError("In and NotIn need values, Exists and DoesNotExist take none")
        return self


class Selector(Wire):
    """Nodes by label, as every Kubernetes selector; empty chooses every node."""

    match_labels: dict[LabelKey, LabelValue] | None = Field(
        default=None, max_length=32, description="Labels a node must carry, all of them."
    )
    match_expressions: list[MatchExpression] | None = Field(
        default=None, max_length=32, description="Requirements a node must meet, all of them."
    )


class Nodes(Wire):
    """Which nodes: exactly one of names and selector."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel("has(self.names) != has(self.selector)", "exactly one of names and selector must be set")
            ]
        }
    )

    names: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Nodes by name.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    selector: Selector | None = Field(default=None, description="Nodes by label; {} chooses every node.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.names is None) == (self.selector is None):
            raise ValueError("exactly one of names and selector must be set")
        return self


class From(Wire):
    """Where the packets start."""

    vantage: Literal["Pod"] = Field(default="Pod", description="Whose address the packets carry: a pod's.")
    nodes: Nodes = Field(description="The nodes on which probe pods dial.")


class ServiceRef(Wire):
    """A Service by name."""

    namespace: Name = Field(description="The Service's namespace.")
    name: Name = Field(description="The Service's name.")


class To(Wire):
    """Where the packets go: exactly one of nodes and service."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel("has(self.nodes) != has(self.service)", "exactly one of nodes and service must be set")
            ]
        }
    )

    nodes: Nodes | None = Field(default=None, description="Nodes on which probe pods listen.")
    service: ServiceRef | None = Field(
        default=None, description="A Service, dialled by its virtual address as any client would."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.nodes is None) == (self.service is None):
            raise ValueError("exactly one of nodes and service must be set")
        return self


class Traffic(Wire):
    """One protocol, with its destination port."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel(
                    "self.protocol == 'ICMP' ? !has(self.port) : has(self.port)",
                    "UDP and TCP need a port, ICMP has none",
                )
            ]
        }
    )

    protocol: ProtocolName = Field(description="UDP, TCP or ICMP (echo).")
    port: int | None = Field(default=None, ge=1, le=65535, description="The destination port; for ICMP none.")

    @model_validator(mode="after")
    def _port_fits_protocol(self) -> Self:
        if (self.protocol is ProtocolName.ICMP) != (self.port is None):
            raise ValueError("UDP and TCP need a port, ICMP has none")
        return self


class Pairs(Wire):
    """Which of the ordered node pairs are measured."""

    choose: Literal["All"] = Field(default="All", description="All: every ordered pair of different nodes.")
    limit: int = Field(
        default=1000,
        ge=1,
        le=10000,
        description="Pairs beyond this are counted as unknown and said in Accepted, never silently dropped.",
    )


class CadenceSpec(Wire):
    """How often and how patiently."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel(
                    "self.timeoutMilliseconds <= self.intervalSeconds * 1000",
                    "timeoutMilliseconds must not exceed intervalSeconds",
                )
            ]
        }
    )

    interval_seconds: int = Field(default=5, ge=1, le=3600, description="A round of attempts every so many seconds.")
    attempts: int = Field(default=3, ge=1, le=10, description="Overlapping attempts in a round; one answer is enough.")
    timeout_milliseconds: int = Field(
        default=1000, ge=50, le=10000, description="How long each attempt waits for its answer."
    )

    @model_validator(mode="after")
    def _timeout_fits_interval(self) -> Self:
        if self.timeout_milliseconds > self.interval_seconds * 1000:
            raise ValueError("timeoutMilliseconds must not exceed intervalSeconds")
        return self


_SERVICE_ICMP = "a Service's virtual address answers no ICMP: ask UDP 53 or TCP"
_SERVICE_UDP = "of UDP Services only DNS (port 53) can be asked: other protocols need their own words to be answered"
_TWICE = "the same protocol and port is listed twice"
_SAME = "t.protocol == u.protocol && (has(t.port) ? t.port : 0) == (has(u.port) ? u.port : 0)"


class PathCheckSpec(Wire):
    """The invariant: which traffic must (or must not) get from where to where."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel("!has(self.to.service) || self.traffic.all(t, t.protocol != 'ICMP')", _SERVICE_ICMP, "traffic"),
                cel(
                    "!has(self.to.service) || self.traffic.all(t, t.protocol != 'UDP' || t.port == 53)",
                    _SERVICE_UDP,
                    "traffic",
                ),
                cel(f"self.traffic.all(t, self.traffic.exists_one(u, {_SAME}))", _TWICE, "traffic"),
            ]
        }
    )

    description: str = Field(
        default="", max_length=1024, description="What this invariant is for, in the user's words."
    )
    severity: SeverityName = Field(default=SeverityName.MAJOR, description="How much a violation matters.")
    from_: From = Field(alias="from", description="Where the packets start.")
    to: To = Field(description="Where the packets go.")
    traffic: list[Traffic] = Field(
        min_length=1,
        max_length=32,
        description="The protocols and ports asked, each on every pair.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    expectation: ExpectationName = Field(
        default=ExpectationName.REACHABLE,
        description="Reachable: all of it must arrive. Isolated: none of it may.",
    )
    pairs: Pairs = Field(default=Pairs(), description="Which of the ordered node pairs are measured.")
    cadence: CadenceSpec = Field(default=CadenceSpec(), description="How often and how patiently.")

    @model_validator(mode="after")
    def _service_can_be_asked(self) -> Self:
        if self.to.service is not None:
            if any(t.protocol is ProtocolName.ICMP for t in self.traffic):
                raise ValueError(_SERVICE_ICMP)
            if any(t.protocol is ProtocolName.UDP and t.port != 53 for t in self.traffic):
                raise ValueError(_SERVICE_UDP)
        if len({(t.protocol, t.port) for t in self.traffic}) != len(self.traffic):
            raise ValueError(_TWICE)
        return self


class PathCheckResource(Wire):
    """A network-path invariant: what must (or must not) get from which nodes to where."""

    spec: PathCheckSpec = Field(description="The invariant.")
    status: PathCheckStatus | None = Field(default=None, description="What holds.")


def path_check_of(body: Mapping[str, Any]) -> checks.PathCheck:
    """A resource as the API server gives it → `PathCheck`.

    Total: a spec that cannot be read comes back as a check without traffic whose `problems` name each field, so that it can still
    be told so in its own status.
    """
    metadata = body.get("metadata") or {}
    name, uid, generation = metadata.get("name", ""), metadata.get("uid", ""), metadata.get("generation", 0)
    status = status_of(body.get("status"))
    try:
        spec = PathCheckSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        everything = checks.NodeChoice(match_labels={})
        return checks.PathCheck(
            name, uid, generation, everything, everything, (), problems=problems_of(error), status=status
        )
    return checks.PathCheck(
        name=name,
        uid=uid,
        generation=generation,
        source=_nodes(spec.from_.nodes),
        to=_nodes(spec.to.nodes) if spec.to.nodes else _service(spec.to.service),
        traffic=tuple(L4(PROTOCOL_NUMBERS[t.protocol.lower()], t.port) for t in spec.traffic),
        vantage=Vantage.POD,
        expectation=Expectation(spec.expectation.lower()),
        severity=Severity(spec.severity.lower()),
        limit=spec.pairs.limit,
        cadence=Cadence(spec.cadence.interval_seconds, spec.cadence.attempts, spec.cadence.timeout_milliseconds),
        description=spec.description,
        status=status,
    )


def _nodes(nodes: Nodes) -> checks.NodeChoice:
    if nodes.names is not None:
        return checks.NodeChoice(names=tuple(nodes.names))
    selector = nodes.selector or Selector()
    return checks.NodeChoice(
        match_labels=dict(selector.match_labels or {}),
        match_expressions=tuple(
            checks.Requirement(e.key, e.operator.value, tuple(e.values or ())) for e in selector.match_expressions or ()
        ),
    )


def _service(service: ServiceRef | None) -> checks.ServiceChoice:
    assert service is not None  # To's validator: exactly one is set
    return checks.ServiceChoice(service.namespace, service.name)
