"""What Kubernetes says, reduced to what a decision needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pathcheck.model.datapath import Datapath
from pathcheck.model.flows import L4, Address, Range


@dataclass(frozen=True, slots=True)
class Node:
    """A node; `instance` is the machine's name at the cloud (from spec.providerID), `pod_ranges` its spec.podCIDRs.

    `datapath` is what its annotations say of the pod network, `subnet` the one in which its network program takes it to be.
    """

    name: str
    labels: Mapping[str, str]
    ready: bool = True
    pod_ranges: tuple[Range, ...] = ()
    instance: str | None = None
    project: str | None = None
    zone: str | None = None
    datapath: Datapath | None = None
    subnet: Range | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the cloud to read: a project, and the (zone, name) of the machines whose networks matter."""

    project: str
    instances: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service: its own number, and the name by which EndpointSlices say where it leads."""

    name: str
    l4: L4


@dataclass(frozen=True, slots=True)
class Service:
    """A Service; `cluster_ip` is None for headless ones."""

    namespace: str
    name: str
    cluster_ip: Address | None
    ports: tuple[ServicePort, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Backend:
    """A ready endpoint behind a Service (the word Endpoint is taken by the firewall); `ports` are the target ports by name."""

    namespace: str
    service: str
    address: Address
    node: str | None
    ports: tuple[ServicePort, ...]


@dataclass(frozen=True, slots=True)
class ProbePod:
    """A probe pod as the cluster shows it; `trouble` says in words why it does not run, "" while nothing is wrong.

    `ended`: it will never run again (evicted, or its node was shut down): only a new one helps.
    """

    node: str
    name: str
    uid: str
    address: Address | None
    ready: bool
    deleting: bool = False
    ended: bool = False
    fingerprint: str = ""
    trouble: str = ""
    since: datetime | None = None
