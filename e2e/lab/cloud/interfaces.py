"""The router's end of each instance, and what rules can say about the instance behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from e2e.lab.cloud.store import Json, path_of
from e2e.lab.cloud.wanted import Place, Wanted

# "The prefix length of the primary internal IPv6 range": an interface's IPv6 address is the first of a range that is all
# its own (https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances), and this is what the cloud hands out.
_IPV6_PREFIX_LENGTH = 96
# Linux refuses longer names (IFNAMSIZ less the final NUL).
_LONGEST_INTERFACE = 15

Network = IPv4Network | IPv6Network


class UnenforceableError(ValueError):
    """An instance that cannot be put on packets here; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Interface:
    """The router's end of an instance's one network interface; `addresses` are its primary ones."""

    name: str
    network: str
    region: str
    addresses: tuple[Network, ...]
    tags: frozenset[str]
    accounts: frozenset[str]
    secure_tags: frozenset[str] = frozenset()

    @property
    def place(self) -> Place:
        """Where it is, for policies."""
        return self.network, self.region


def interface(instance: Json, prefix: str, secure_tags: Iterable[str] = ()) -> Interface:
    """The interface of a compute#instance that is bound to these secure tag values.

    Raises:
        UnenforceableError: it has not exactly one network interface, or the interface's name would be too long.
    """
    name = f"{prefix}{instance['name']}"
    if len(name) > _LONGEST_INTERFACE:
        raise UnenforceableError(
            f"instance {instance['name']}: interface {name} is longer than {_LONGEST_INTERFACE} characters"
        )
    nics: list[dict[str, Any]] = instance.get("networkInterfaces", [])
    if len(nics) != 1:
        raise UnenforceableError(
            f"instance {instance['name']} has {len(nics)} networkInterfaces; only one can be enforced"
        )
    nic = nics[0]
    primary: list[Network] = [ip_network(nic["networkIP"])] if nic.get("networkIP") else []
    if nic.get("ipv6Address"):
        length = nic.get("internalIpv6PrefixLength", _IPV6_PREFIX_LENGTH)
        primary.append(ip_network(f"{nic['ipv6Address']}/{length}", strict=False))
    return Interface(
        name=name,
        network=path_of(nic["network"]),
        region=str(instance.get("zone", "")).rpartition("/")[2].rpartition("-")[0],
        addresses=tuple(primary),
        tags=frozenset(instance.get("tags", {}).get("items", [])),
        accounts=frozenset(account["email"] for account in instance.get("serviceAccounts", [])),
        secure_tags=frozenset(secure_tags),
    )


def interfaces_of(wanted: Wanted, prefix: str) -> list[Interface]:
    """The interfaces of all instances.

    Raises:
        UnenforceableError: as for `interface`.
    """
    return [interface(each, prefix, wanted.bindings.get(each["name"], ())) for each in wanted.instances]
