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
from pathcheck.model.words import Evidence, Expectation, Severity, Vantage
from pathcheck.wire.schema import LabelKey, LabelValue, Name, Wire, cel, problems_of
from pathcheck.wire.statuses import PathCheckStatus, status_of


class ExpectationName(StrEnum):
    REACHABLE = "Reachable"
    ISOLATED = "Isolated"


class EvidenceName(StrEnum):
    MEASURED = "Measured"
    PREDICTED = "Predicted"


class SeverityName(StrEnum):
    CRITICAL = "Critical"
    MAJOR = "Major"
    MINOR = "Minor"


class TrafficName(StrEnum):
    UDP = "UDP"
    TCP = "TCP"
    ICMP = "ICMP"
    SCTP = "SCTP"
    ESP = "ESP"
    AH = "AH"
    IPIP = "IPIP"
    GRE = "GRE"
    ANY = "Any"


# What GKE's own rule for a cluster's pod range admits.
_ANY = ("tcp", "udp", "icmp", "esp", "ah", "sctp")


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


_NO_PORT = "only UDP, TCP and SCTP have a port"


class Traffic(Wire):
    """One protocol, with its destination port."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel("!has(self.port) || self.protocol in ['UDP', 'TCP', 'SCTP']", _NO_PORT),
            ]
        }
    )

    protocol: TrafficName = Field(
        description="UDP, TCP or ICMP (echo). With evidence Predicted also SCTP, ESP, AH, IPIP, GRE, or Any for all of TCP, UDP, ICMP,"
        " ESP, AH and SCTP."
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="The destination port of UDP, TCP or SCTP. Left out with evidence Predicted: every port.",
    )

    @model_validator(mode="after")
    def _port_fits_protocol(self) -> Self:
        if self.port is not None and self.protocol not in (TrafficName.UDP, TrafficName.TCP, TrafficName.SCTP):
            raise ValueError(_NO_PORT)
        return self

    @property
    def l4s(self) -> tuple[L4, ...]:
        """What it stands for."""
        names = _ANY if self.protocol is TrafficName.ANY else (self.protocol.lower(),)
        return tuple(L4(PROTOCOL_NUMBERS[name], self.port) for name in names)


class Pairs(Wire):
    """Which of the ordered node pairs are measured."""

    choose: Literal["All"] = Field(default="All", description="All: every ordered pair of different nodes.")
    limit: int = Field(
        default=1000,
        ge=1,
        le=10000,
        description="Pairs beyond this are counted as unknown and said in Accepted, never silently dropped. With evidence Predicted there"
        " is no limit: nothing is dialled.",
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


_PORT_TO_DIAL = "UDP and TCP need a port to be dialled, or evidence: Predicted"
_UNSENT = "no probe can send Any, SCTP, ESP, AH, IPIP or GRE: they need evidence: Predicted"
_SENT = (TrafficName.UDP, TrafficName.TCP, TrafficName.ICMP)
_SERVICE_ICMP = "a Service's virtual address answers no ICMP: ask UDP 53 or TCP"
_SERVICE_UDP = "of UDP Services only DNS (port 53) can be asked: other protocols need their own words to be answered"
_TWICE = "the same protocol and port is listed twice"
_SAME = "t.protocol == u.protocol && (has(t.port) ? t.port : 0) == (has(u.port) ? u.port : 0)"


class PathCheckSpec(Wire):
    """The invariant: which traffic must (or must not) get from where to where."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                cel(
                    "self.evidence == 'Predicted' || self.traffic.all(t, t.protocol in ['UDP', 'TCP', 'ICMP'])",
                    _UNSENT,
                    "traffic",
                ),
                cel(
                    "self.evidence == 'Predicted' || self.traffic.all(t, has(t.port) || !(t.protocol in ['UDP', 'TCP']))",
                    _PORT_TO_DIAL,
                    "traffic",
                ),
                cel(
                    "self.evidence == 'Predicted' || !has(self.to.service) || self.traffic.all(t, t.protocol != 'ICMP')",
                    _SERVICE_ICMP,
                    "traffic",
                ),
                cel(
                    "self.evidence == 'Predicted' || !has(self.to.service) || self.traffic.all(t, t.protocol != 'UDP' ||"
                    " (has(t.port) && t.port == 53))",
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
    evidence: EvidenceName = Field(
        default=EvidenceName.MEASURED,
        description="Measured: what probe pods see decides, and the firewall explains. Predicted: no packet is sent; the firewall's answer"
        " alone decides, proved for all addresses of the nodes' pod ranges and all ports.",
    )
    pairs: Pairs = Field(default=Pairs(), description="Which of the ordered node pairs are measured.")
    cadence: CadenceSpec = Field(default=CadenceSpec(), description="How often and how patiently.")

    @model_validator(mode="after")
    def _traffic_can_be_asked(self) -> Self:
        if self.evidence is EvidenceName.MEASURED:
            if any(t.protocol not in _SENT for t in self.traffic):
                raise ValueError(_UNSENT)
            if any(t.port is None and t.protocol is not TrafficName.ICMP for t in self.traffic):
                raise ValueError(_PORT_TO_DIAL)
            if self.to.service is not None and any(t.protocol is TrafficName.ICMP for t in self.traffic):
                raise ValueError(_SERVICE_ICMP)
            if self.to.service is not None and any(
                t.protocol is TrafficName.UDP and t.port != 53 for t in self.traffic
            ):
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
        traffic=tuple(dict.fromkeys(l4 for t in spec.traffic for l4 in t.l4s)),
        vantage=Vantage.POD,
        expectation=Expectation(spec.expectation.lower()),
        severity=Severity(spec.severity.lower()),
        evidence=Evidence(spec.evidence.lower()),
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
