"""From VPC firewall rules to one nftables script. Pure: rules and instances in, text out.

What is translated: https://docs.cloud.google.com/firewall/docs/firewalls. A packet towards an instance must pass the
ingress rules of its network, one from an instance the egress rules, one between two instances both; at every priority
deny comes before allow; the first match decides; without a match ingress is denied and egress allowed. Sources given as
tags or service accounts mean the primary addresses of the instances that have them, never their alias or routed ranges
(https://docs.cloud.google.com/vpc/docs/alias-ip#firewalls).

Packets in the direction that opened a connection are judged by the rules as they are now, every one of them; only
replies pass because the connection is tracked. So a deleted rule ends open connections at once and nothing has to be
flushed. (How the real firewall treats open connections is not documented; see docs/emulator.md.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from e2e.lab.cloud.store import Json, path_of

TABLE = "inet vpc"

_NUMBERS = {"icmp": 1, "ipip": 4, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "sctp": 132}
_PORT_FIELDS = {6: "tcp dport", 17: "udp dport", 132: "sctp dport"}
_ALL_PORTS = (0, 65535)
# "The prefix length of the primary internal IPv6 range": an interface's IPv6 address is the first of a range that is all
# its own (https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances), and this is what the cloud hands out.
_IPV6_PREFIX_LENGTH = 96
# Linux refuses longer names (IFNAMSIZ less the final NUL).
_LONGEST_INTERFACE = 15

Network = IPv4Network | IPv6Network


class UnenforceableError(ValueError):
    """An instance or a rule that cannot be put on packets here; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Interface:
    """The router's end of an instance's one network interface, and what rules can say about that instance."""

    name: str
    network: str
    addresses: tuple[Network, ...]
    tags: frozenset[str]
    accounts: frozenset[str]


def interface(instance: Json, prefix: str) -> Interface:
    """The interface of a compute#instance.

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
        addresses=tuple(primary),
        tags=frozenset(instance.get("tags", {}).get("items", [])),
        accounts=frozenset(account["email"] for account in instance.get("serviceAccounts", [])),
    )


def script(rules: Sequence[Json], interfaces: Sequence[Interface]) -> str:
    """The `nft -f` input that puts exactly these rules in force in one transaction, whatever was there before.

    Args:
        rules: compute#firewall resources as the API stores them, disabled ones included, in any order.
        interfaces: all instances' interfaces; packets of other interfaces have no rules on that side.
    """
    names = _set(_quoted(interface.name) for interface in interfaces)
    guards = [f"iifname {names} jump egress", f"oifname {names} jump ingress"] if interfaces else []
    hook = "type filter hook forward priority filter; policy drop;"
    return _table(rules, interfaces, interfaces, {"forward": [hook, *_ALWAYS, *guards, "accept"]})


def script_on(own: Interface, rules: Sequence[Json], interfaces: Sequence[Interface]) -> str:
    """The same for one instance alone, in its own network namespace, where `own.name` is its way to the network.

    For networks without a router that every packet passes. Ingress is asked before the destination is translated, egress
    after the source is: both see what is on the wire.

    Args:
        own: the instance, one of `interfaces` but for its name.
        rules: as for `script`.
        interfaces: all instances' interfaces: sources by tag or service account are looked up among them.
    """
    chains = {
        "arriving": [
            "type filter hook prerouting priority mangle; policy accept;",
            f"iifname != {_quoted(own.name)} accept",
            *_ALWAYS,
            "jump ingress",
        ],
        "leaving": [
            "type filter hook postrouting priority srcnat + 50; policy accept;",
            f"oifname != {_quoted(own.name)} accept",
            *_ALWAYS,
            "jump egress",
        ],
    }
    return _table(rules, [own], interfaces, chains)


_ALWAYS = (
    "ct state related accept",
    "ct state established ct direction reply accept",
    # The metadata server is always reachable, whatever the egress rules say.
    "ip daddr 169.254.169.254 accept",
    "ip6 daddr fd20:ce::254 accept",
)


def _table(
    rules: Sequence[Json],
    local: Sequence[Interface],
    interfaces: Sequence[Interface],
    hooks: Mapping[str, Sequence[str]],
) -> str:
    """The rules as they apply to `local`, asked from `hooks`."""
    enforced = sorted(
        (rule for rule in rules if not rule["disabled"]),
        key=lambda rule: (rule["priority"], "allowed" in rule, rule["name"]),
    )
    ingress = [*_lines(enforced, local, interfaces, "INGRESS"), 'counter drop comment "implied-deny-ingress"']
    egress = [*_lines(enforced, local, interfaces, "EGRESS"), 'counter return comment "implied-allow-egress"']
    # A table must exist to be deleted; naming it first makes the script work both times.
    return "\n".join(
        [
            f"table {TABLE}",
            f"delete table {TABLE}",
            f"table {TABLE} {{",
            *_chain("egress", egress),
            *_chain("ingress", ingress),
            *(line for name, lines in hooks.items() for line in _chain(name, lines)),
            "}",
            "",
        ]
    )


def _chain(name: str, lines: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", *(f"    {line}" for line in lines), "  }"]


def _lines(
    rules: Iterable[Json], local: Sequence[Interface], interfaces: Sequence[Interface], direction: str
) -> list[str]:
    instance_is_at = {"INGRESS": "oifname", "EGRESS": "iifname"}[direction]
    lines: list[str] = []
    for rule in rules:
        targets = _targets(rule, local)
        if rule["direction"] != direction or not targets:
            continue
        # Allowed on this side: back to `forward`, where the other side may still have its say.
        verdict = "return" if "allowed" in rule else "drop"
        every = len(targets) == len(local)
        where = [] if every else [f"{instance_is_at} {_set(_quoted(target.name) for target in targets)}"]
        for addresses in _addresses(rule, interfaces):
            for protocol in _protocols(rule.get("allowed") or rule["denied"]):
                match = [*where, *addresses, *protocol]
                lines.append(" ".join([*match, "counter", verdict, f'comment "{rule["name"]}"']))
    return lines


def _targets(rule: Json, interfaces: Sequence[Interface]) -> list[Interface]:
    tags, accounts = rule.get("targetTags"), rule.get("targetServiceAccounts")
    return [
        interface
        for interface in interfaces
        if interface.network == path_of(rule["network"])
        and (tags is None or interface.tags & set(tags))
        and (accounts is None or interface.accounts & set(accounts))
    ]


def _addresses(rule: Json, interfaces: Sequence[Interface]) -> list[list[str]]:
    """The address part of a rule's lines: one line for each family in which it can match anything."""
    sources = _sources(rule, interfaces)
    destinations = [ip_network(text) for text in rule["destinationRanges"]] if "destinationRanges" in rule else None
    sides = [("saddr", sources), ("daddr", destinations)]
    lines = []
    for version, field in ((4, "ip"), (6, "ip6")):
        ranges = {key: _of(version, side) for key, side in sides if side is not None}
        if not all(ranges.values()):
            continue
        nets = [f"{field} {key} {_set(map(str, found))}" for key, found in ranges.items() if not _is_everything(found)]
        lines.append(nets or [f"meta nfproto ipv{version}"])
    return lines


def _sources(rule: Json, interfaces: Sequence[Interface]) -> list[Network] | None:
    """The ranges and the primary addresses behind tags and service accounts together; None if any source matches."""
    fields = {"sourceRanges", "sourceTags", "sourceServiceAccounts"}
    if not rule.keys() & fields:
        return None
    found: list[Network] = [ip_network(text) for text in rule.get("sourceRanges", [])]
    tags, accounts = set(rule.get("sourceTags", [])), set(rule.get("sourceServiceAccounts", []))
    for interface in interfaces:
        same_network = interface.network == path_of(rule["network"])
        if same_network and (interface.tags & tags or interface.accounts & accounts):
            found.extend(interface.addresses)
    return found


def _of(version: int, networks: Iterable[Network]) -> list[Network]:
    # nftables refuses sets whose intervals overlap.
    if version == 4:
        return list(collapse_addresses(net for net in networks if isinstance(net, IPv4Network)))
    return list(collapse_addresses(net for net in networks if isinstance(net, IPv6Network)))


def _is_everything(networks: Sequence[Network]) -> bool:
    return any(network.prefixlen == 0 for network in networks)


def _protocols(entries: Iterable[Json]) -> list[list[str]]:
    """The protocol part of a rule's lines: whole protocols in one, each protocol with ports in its own."""
    whole: set[int] = set()
    ports: dict[int, list[tuple[int, int]]] = {}
    for entry in entries:
        protocol = entry["IPProtocol"]
        if protocol == "all":
            return [[]]
        number = _NUMBERS.get(protocol)
        number = int(protocol) if number is None else number
        intervals = [_interval(text) for text in entry.get("ports", [])]
        if not intervals or _ALL_PORTS in intervals:
            whole.add(number)
        else:
            ports.setdefault(number, []).extend(intervals)
    lines = [[f"meta l4proto {_set(map(str, sorted(whole)))}"]] if whole else []
    for number in sorted(ports.keys() - whole):
        merged = (str(low) if low == high else f"{low}-{high}" for low, high in _merged(ports[number]))
        lines.append([f"{_PORT_FIELDS[number]} {_set(merged)}"])
    return lines


def _interval(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _quoted(name: str) -> str:
    return f'"{name}"'


def _set(elements: Iterable[str]) -> str:
    return f"{{ {', '.join(elements)} }}"
