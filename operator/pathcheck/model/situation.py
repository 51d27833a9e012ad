"""What `decide` is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pathcheck.model.checks import PathCheck
from pathcheck.model.cluster import Backend, Node, ProbePod, Service
from pathcheck.model.datapath import Shown
from pathcheck.model.drift import FirewallChange
from pathcheck.model.findings import Announcement, Finding, Judgement, Status
from pathcheck.model.firewall import Firewall
from pathcheck.model.probing import Assignment, PathProbe


@dataclass(frozen=True, slots=True)
class Unavailable:
    """What could not be read stands in the place of the thing: why, and since when. `forbidden` names the missing permission.

    `pending`: it has not even been tried yet; a moment later it will be there, or not.
    """

    why: str
    since: datetime | None = None
    forbidden: str = ""
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world at one moment. Mappings are by name (probe pods and PathProbes by node) and are not changed after gathering.

    `firewall` is the last good reading; `firewall_trouble` is set while newer ones fail; `previous` is what it was before it last changed,
    where this operator saw that, and `kept` what it was when any operator last could read it, where this one cannot. `changes` is what
    became of the firewall, in order. `datapath` is what was shown of the pod network.
    """

    now: datetime
    nodes: Mapping[str, Node]
    services: Mapping[tuple[str, str], Service]
    backends: Mapping[tuple[str, str], tuple[Backend, ...]]
    probes: Mapping[str, PathProbe]
    pods: Mapping[str, ProbePod]
    checks: Mapping[str, PathCheck]
    firewall: Firewall | Unavailable
    firewall_trouble: Unavailable | None = None
    key: str = ""
    heartbeat_seconds: int = 30
    datapath: Shown = field(default_factory=Shown)
    previous: Firewall | None = None
    kept: Firewall | None = None
    changes: tuple[FirewallChange, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckDecision:
    """What one check comes to. `prove` names nodes whose control dials must be proven again now; `read_firewall` asks for a new
    recording because the last one is older than what was seen."""

    name: str
    status: Status
    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    announcements: tuple[Announcement, ...] = ()
    prove: frozenset[str] = frozenset()
    read_firewall: bool = False
    look_again_seconds: float | None = None
    nodes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FleetDecision:
    """Which probes there must be and what they are told; everything else of ours goes."""

    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    pods_to_delete: tuple[str, ...] = ()
    probes_to_delete: tuple[str, ...] = ()
