"""PathProbe, both directions: its spec ↔ `Assignment`, its status ↔ `Report`; crds/pathprobes.yaml is generated from the same models.

The program in the probe pod reads and writes the same JSON by itself (it carries no pydantic): docs/probe.md has both sides' contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, IPvAnyAddress, StringConstraints, ValidationError, WithJsonSchema

from pathcheck.model import probing
from pathcheck.model.firewall import Problem
from pathcheck.model.flows import L4, PROTOCOL_NAMES, PROTOCOL_NUMBERS
from pathcheck.model.probing import MAX_DIALS, MAX_LISTENERS
from pathcheck.model.words import Manner, Observation
from pathcheck.wire.schema import API_VERSION, ProtocolName, Wire, problems_of

MAX_RESULTS = MAX_DIALS + MAX_LISTENERS + 2
MAX_DETAIL = 256

Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
# pydantic would call the format one that the API server does not know.
Address = Annotated[IPvAnyAddress, WithJsonSchema({"type": "string", "maxLength": 45})]
Port = Annotated[int, Field(ge=1, le=65535)]


class MannerName(StrEnum):
    ECHO = "Echo"
    PING = "Ping"
    DNS = "DNS"
    CONNECT = "Connect"


class ListenerLine(Wire):
    """One port on which the probe answers other probes."""

    protocol: ProtocolName = Field(description="UDP or TCP.")
    port: Port = Field(description="The port.")


class DialLine(Wire):
    """One question that the probe asks in rounds."""

    id: Id = Field(description="What its result is called: manner, protocol/port and address.")
    manner: MannerName = Field(
        description="Echo asks another probe's listener; Ping the peer's kernel; DNS any name server; Connect any TCP listener."
    )
    protocol: ProtocolName = Field(description="UDP, TCP or ICMP.")
    port: Port | None = Field(default=None, description="The destination port; none for ICMP.")
    address: Address = Field(description="The destination.")
    interval_seconds: int = Field(ge=1, le=3600, description="From the start of one round to the next.")
    attempts: int = Field(ge=1, le=10, description="Overlapping tries in a round; it is silent when none is answered.")
    timeout_milliseconds: int = Field(ge=10, le=60000, description="How long each try waits.")


class PathProbeSpec(Wire):
    """What the probe on this node is told.

    Its lists are atomic: one writer, and thousands of dials would each be named again in the object's managedFields.
    """

    listeners: list[ListenerLine] = Field(
        default=[],
        max_length=MAX_LISTENERS,
        description="Ports on which it answers other probes.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    dials: list[DialLine] = Field(
        default=[],
        max_length=MAX_DIALS,
        description="Questions that it asks.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    key: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$", max_length=128)] = Field(
        default="", description="Authenticates questions and answers between probes; hexadecimal."
    )
    prove_after: AwareDatetime | None = Field(
        default=None,
        description="Asks for a round of every dial, control dials included, begun after this moment, and a report.",
    )


class ListenerStateLine(Wire):
    """Whether a port could be bound."""

    protocol: ProtocolName = Field(description="UDP or TCP.")
    port: Port = Field(description="The port.")
    bound: bool = Field(description="Whether the probe listens there.")
    detail: str = Field(default="", max_length=MAX_DETAIL, description="If not, why.")


class ResultLine(Wire):
    """The latest of one dial."""

    id: Id = Field(description="The dial's id, or of a control dial: `self`, `self icmp`, `self udp/53`.")
    observation: Observation = Field(description="What was seen.")
    since: AwareDatetime = Field(description="Start of the first round with this observation.")
    at: AwareDatetime = Field(description="Start of the latest round.")
    detail: str = Field(default="", max_length=MAX_DETAIL, description="What stands behind it, in words.")
    round_trip_microseconds: int | None = Field(
        default=None, ge=0, description="Of the first answer in the latest round."
    )


class PathProbeStatus(Wire):
    """What the probe on this node says."""

    pod_uid: str = Field(alias="podUID", max_length=64, description="The pod that says it.")
    pod_ip: Address = Field(alias="podIP", description="The address from which it dials.")
    time: AwareDatetime = Field(description="When it was said.")
    listeners: list[ListenerStateLine] = Field(
        default=[],
        max_length=MAX_LISTENERS,
        description="The ports it was told to listen on.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    results: list[ResultLine] = Field(
        default=[],
        max_length=MAX_RESULTS,
        description="The latest of each dial.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )


class PathProbeResource(Wire):
    """Internal: what one node's probe is told and what it says. Written by the operator (spec) and the probe (status)."""

    spec: PathProbeSpec = Field(description="What the probe is told.")
    status: PathProbeStatus | None = Field(default=None, description="What the probe says.")


def path_probe_of(body: Mapping[str, Any]) -> probing.PathProbe | Problem:
    """A resource as the API server gives it; a spec that we did not write comes back as the Problem that names its first field."""
    metadata = body["metadata"]
    try:
        spec = PathProbeSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return problems_of(error)[0]
    node = metadata["name"]
    assignment = probing.Assignment(
        node=node,
        listeners=tuple(_l4(line.protocol, line.port) for line in spec.listeners),
        dials=tuple(
            probing.Dial(
                address=d.address,
                l4=_l4(d.protocol, d.port),
                manner=Manner(d.manner.lower()),
                cadence=probing.Cadence(d.interval_seconds, d.attempts, d.timeout_milliseconds),
            )
            for d in spec.dials
        ),
        key=spec.key,
        prove_after=spec.prove_after,
    )
    return probing.PathProbe(node, metadata["uid"], assignment, report_of(node, body.get("status")))


def manifest_of(node: str, assignment: probing.Assignment, namespace: str) -> dict[str, Any]:
    """The body of a server-side apply of the spec."""
    spec: dict[str, Any] = {
        "listeners": [_l4_lines(l4) for l4 in assignment.listeners],
        "dials": [
            {
                "id": d.id,
                "manner": MannerName[d.manner.name].value,
                **_l4_lines(d.l4),
                "address": str(d.address),
                "intervalSeconds": d.cadence.interval_seconds,
                "attempts": d.cadence.attempts,
                "timeoutMilliseconds": d.cadence.timeout_milliseconds,
            }
            for d in assignment.dials
        ],
        "key": assignment.key,
    }
    if assignment.prove_after is not None:
        spec["proveAfter"] = _time(assignment.prove_after)
    return {
        "apiVersion": API_VERSION,
        "kind": "PathProbe",
        "metadata": {"name": node, "namespace": namespace},
        "spec": spec,
    }


def report_of(node: str, status: Mapping[str, Any] | None) -> probing.Report | None:
    """`.status` → `Report`; None where there is none, or where it was written by a version that we cannot read.

    Not a Problem: the PathProbe stays usable, so that the pod of another version can be replaced.
    """
    if not status:
        return None
    try:
        read = PathProbeStatus.model_validate(status)
    except ValidationError:
        return None
    return probing.Report(
        node=node,
        pod_uid=read.pod_uid,
        address=read.pod_ip,
        time=read.time,
        listeners=tuple(
            probing.ListenerState(_l4(line.protocol, line.port), line.bound, line.detail) for line in read.listeners
        ),
        results=tuple(
            probing.Result(r.id, r.observation, r.since, r.at, r.detail, r.round_trip_microseconds)
            for r in read.results
        ),
    )


def status_of(report: probing.Report) -> dict[str, Any]:
    """`Report` → `.status`, as the probe writes it."""
    return {
        "podUID": report.pod_uid,
        "podIP": str(report.address),
        "time": _time(report.time),
        "listeners": [{**_l4_lines(line.l4), "bound": line.bound, "detail": line.detail} for line in report.listeners],
        "results": [
            {
                "id": r.id,
                "observation": r.observation.value,
                "since": _time(r.since),
                "at": _time(r.at),
                "detail": r.detail,
            }
            | ({} if r.round_trip_microseconds is None else {"roundTripMicroseconds": r.round_trip_microseconds})
            for r in report.results
        ],
    }


def _l4(protocol: ProtocolName, port: int | None) -> L4:
    return L4(PROTOCOL_NUMBERS[protocol.lower()], port)


def _l4_lines(l4: L4) -> dict[str, Any]:
    protocol = ProtocolName(PROTOCOL_NAMES[l4.protocol].upper()).value
    return {"protocol": protocol} if l4.port is None else {"protocol": protocol, "port": l4.port}


def _time(moment: datetime) -> str:
    # To the microsecond: a proof is compared with the moment that asked for it.
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
