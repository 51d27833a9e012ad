"""What a probe is told (`Assignment`) and what it says (`Report`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pathcheck.model.flows import L4, Address
from pathcheck.model.words import Manner, Observation

# What one probe can be told: a result takes up to 300 bytes and etcd takes objects of up to 1.5 MiB.
MAX_LISTENERS = 256
MAX_DIALS = 4000


@dataclass(frozen=True, slots=True, order=True)
class Cadence:
    """How often and how patiently: a round every `interval_seconds`, `attempts` overlapping tries in it, each with its timeout."""

    interval_seconds: int = 5
    attempts: int = 3
    timeout_milliseconds: int = 1000


@dataclass(frozen=True, slots=True)
class Dial:
    """One question a probe asks again and again. The id says everything but the cadence, so that checks share a dial."""

    address: Address
    l4: L4
    manner: Manner
    cadence: Cadence

    @property
    def id(self) -> str:
        """`echo udp/53 10.24.9.31`."""
        return f"{self.manner} {self.l4} {self.address}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one probe pod is told: ports to listen on and dials to make.

    `key` (hex) authenticates the nonces between probes. `prove_after` asks for a fresh round of every control dial and an
    immediate report: a silence seen elsewhere counts only with such a proof.
    """

    node: str
    listeners: tuple[L4, ...] = ()
    dials: tuple[Dial, ...] = ()
    key: str = ""
    prove_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The latest of one dial. `since`: start of the first round with this observation; `at`: start of the latest one reported.

    Control dials of a probe to its own listeners have ids `self udp/53`; `self` alone proves that the dialer itself works.
    """

    id: str
    observation: Observation
    since: datetime
    at: datetime
    detail: str = ""
    round_trip_microseconds: int | None = None


@dataclass(frozen=True, slots=True)
class ListenerState:
    """Whether a port could be bound, and if not, why."""

    l4: L4
    bound: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe says, written on every transition and on a slow heartbeat."""

    node: str
    pod_uid: str
    address: Address
    time: datetime
    listeners: tuple[ListenerState, ...] = ()
    results: tuple[Result, ...] = ()
    # Derived once: every flow asks for one of thousands.
    _by_id: Mapping[str, Result] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {result.id: result for result in self.results})

    def result(self, id_: str) -> Result | None:
        """The result with this id."""
        return self._by_id.get(id_)


@dataclass(frozen=True, slots=True)
class PathProbe:
    """The object through which both travel: one a node, named after it."""

    node: str
    uid: str
    assignment: Assignment
    report: Report | None = None
