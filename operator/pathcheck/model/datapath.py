"""The pod network's data path: what a packet from one node's pod to another looks like while it crosses the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_network

from pathcheck.model.flows import Flow, Range


class Kind(StrEnum):
    """Native packets carry the pods' own addresses; the others are carried from node to node inside packets of the nodes."""

    NATIVE = "native"
    VXLAN = "vxlan"
    GENEVE = "geneve"
    IPIP = "ipip"
    WIREGUARD = "wireguard"
    UNKNOWN = "unknown"

    @property
    def spoken(self) -> str:
        """As people write it."""
        return _TITLES.get(self, self.value)


_TITLES = {Kind.VXLAN: "VXLAN", Kind.GENEVE: "Geneve", Kind.IPIP: "IP in IP", Kind.WIREGUARD: "WireGuard"}

# Towards these GKE keeps a pod's address unless it is told otherwise
# (https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent, default non-masquerade destinations).
KEPT_BY_DEFAULT: tuple[Range, ...] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
    )
)


@dataclass(frozen=True, slots=True)
class Masquerade:
    """Where a node puts its own address in place of its pods'.

    Towards `kept` never; `elsewhere` says whether towards everything else, None where that is not known.
    """

    kept: tuple[Range, ...] = KEPT_BY_DEFAULT
    elsewhere: bool | None = None


@dataclass(frozen=True, slots=True)
class Datapath:
    """How packets between pods of two nodes are carried.

    `port` is the destination port of VXLAN, Geneve and WireGuard (udp), `port_v6` that of a WireGuard of its own for IPv6.
    `across_subnets_only`: between nodes of one subnet packets go native. `evidence` says where this was seen; `why`, of an
    UNKNOWN one, what keeps it from being known.
    """

    kind: Kind
    port: int | None = None
    port_v6: int | None = None
    across_subnets_only: bool = False
    masquerade: Masquerade | None = None
    evidence: str = ""
    why: str = ""

    @property
    def hides_pods(self) -> str:
        """Why the firewall does not see pods' addresses, or nobody knows whether it does; "" where it sees them."""
        if self.kind is Kind.NATIVE:
            return ""
        unknown = f"which addresses it sees is not known: {self.why}"
        return unknown if self.why else f"of pods' packets it sees the nodes' {self.kind.spoken} ({self.evidence})"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the operator's setting and the cluster's objects say of the data path, before nodes and routes are asked.

    `chosen` is the setting, which is believed; `programs` what each program that carries packets is set to, none where no such
    program is known; `unread` what could not be read.
    """

    chosen: Datapath | None = None
    programs: tuple[Datapath, ...] = ()
    masquerade: Masquerade | None = None
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How one flow crosses the cloud.

    `flows` is what the firewall sees: one; several where it is one of these and `doubt` says why nobody knows which; none where
    `doubt` says why not even that is known. `carried` says in words what it is on the wire, "" where that is the flow itself.
    """

    flows: tuple[Flow, ...]
    doubt: str = ""
    carried: str = ""
