"""Flows: one concrete question each, in engineer's notation."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from pathcheck.model.words import Vantage

Address = IPv4Address | IPv6Address
Range = IPv4Network | IPv6Network

# IANA protocol numbers (https://www.iana.org/assignments/protocol-numbers); the names are those of Compute's `IPProtocol` field,
# and 47 and 58, which Compute can only write as numbers, have their common ones.
PROTOCOL_NAMES = {1: "icmp", 4: "ipip", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp"}
PROTOCOL_NUMBERS = {name: number for number, name in PROTOCOL_NAMES.items()}
WITH_PORTS = frozenset({6, 17, 132})


@dataclass(frozen=True, slots=True, order=True)
class L4:
    """A protocol by its IANA number and, for tcp, udp and sctp, a destination port (0-65535)."""

    protocol: int
    port: int | None = None

    def __str__(self) -> str:
        name = PROTOCOL_NAMES.get(self.protocol, f"protocol {self.protocol}")
        return name if self.port is None else f"{name}/{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a flow as the firewall sees it.

    `name` is for people (a node, or namespace/name of a Service); `instance` is the virtual machine whose interface carries the
    packets, None for a peer that is no machine of these networks; `nic` names that interface (`nic0`) where the machine has several
    and the address does not tell. The unspecified address (0.0.0.0) stands for one that is not known yet: such an endpoint can be
    spoken of, but neither dialled nor predicted.
    """

    address: Address
    name: str = ""
    vantage: Vantage | None = None
    instance: str | None = None
    nic: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is an address to dial."""
        return not self.address.is_unspecified

    def __str__(self) -> str:
        if self.name:
            address = str(self.address) if self.known else "?"
            return f"{self.name}[{self.vantage} {address}]" if self.vantage else f"{self.name}[{address}]"
        return f"{self.address}@{self.instance}" if self.instance else str(self.address)


@dataclass(frozen=True, slots=True)
class Flow:
    """Source, destination, protocol and port: `node-2[pod 10.24.12.40] → node-1[pod 10.24.9.31] udp/53`."""

    source: Endpoint
    destination: Endpoint
    l4: L4

    def __str__(self) -> str:
        return f"{self.source} → {self.destination} {self.l4}"
