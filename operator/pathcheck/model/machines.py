"""Virtual machines, their networks, and the routes that deliver packets to them."""

from __future__ import annotations

from dataclasses import dataclass

from pathcheck.model.flows import Range


@dataclass(frozen=True, slots=True)
class Interface:
    """A machine's NIC: its network and addresses; `alias_ranges` and `routed_ranges` are what else is delivered through it."""

    name: str
    network: str
    region: str
    primary: tuple[Range, ...]
    alias_ranges: tuple[Range, ...] = ()
    routed_ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """A virtual machine. `secure_tags` is None where its bindings are not known, `can_ip_forward` where the recording does not say."""

    name: str
    zone: str
    interfaces: tuple[Interface, ...]
    tags: frozenset[str] = frozenset()
    service_accounts: frozenset[str] = frozenset()
    secure_tags: frozenset[str] | None = frozenset()
    can_ip_forward: bool | None = None
    running: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """A VPC network. `before_classic`: whether its network policies are asked before the VPC rules, None where that is not known.

    `peers` are the networks with which it is actively peered, None where that is not known.
    """

    name: str
    before_classic: bool | None = False
    peers: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a network: the more specific destination wins, then the lower priority.

    Its next hop is a machine (`instance`, as ZONE/NAME), or, as the API spells it, anything else (`hop`). `tags`: for senders with one
    of these only. `trouble` is what the API itself warns of.
    """

    name: str
    network: str
    destination: Range
    priority: int = 1000
    instance: str = ""
    hop: str = ""
    tags: frozenset[str] = frozenset()
    trouble: str = ""
