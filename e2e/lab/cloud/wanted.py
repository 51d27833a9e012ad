"""What is to be true of packets: everything in the project that decides them, as the API's resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from e2e.lab.cloud.store import Json

# Network's path (`global/networks/n`) and region.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rules of one project and what they speak of.

    `policies` has, by place, the firewall policies that apply there in the order in which they are asked, each with its
    `type` as getEffectiveFirewalls gives it and those of its rules that can be enforced. `networks` is by path, `groups`
    the address groups' ranges by name, `bindings` the tag values (`tagValues/7`) by instance's name, `lost` the IPv4 ranges
    to which static routes led that are deleted.
    """

    project: str
    rules: Sequence[Json]
    instances: Sequence[Json]
    networks: Mapping[str, Json] = field(default_factory=dict)
    policies: Mapping[Place, Sequence[Json]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bindings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lost: Sequence[str] = ()
