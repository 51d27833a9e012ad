"""Addresses → other addresses: public ones permuted so that ranges contain and overlap each other as before.

The map keeps prefixes: two addresses that share their first n bits, and no more, do so afterwards. As in Crypto-PAn (Xu, Fan, Ammar,
Moon: "Prefix-Preserving IP Address Anonymization", ICNP 2002, https://doi.org/10.1109/ICNP.2002.1181415) each node of the tree of prefixes
swaps its two halves, or does not, as a keyed function says; here that is BLAKE2b. Differently from there, some ranges stay as they are:
a node that contains one, or lies in one, never swaps.

The price of what stays is said in docs/record.md: an address keeps the leading bits that it shares with such a range. That is why the
small ones that are nobody's stay only where they are met.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_network

from pathcheck.model.flows import Address, Range

# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry: private (RFC 1918), shared (RFC 6598),
# unique local (RFC 4193), link-local, loopback, unspecified, reserved; and multicast (RFC 5771, RFC 4291).
_NOBODYS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
# What rules name because Google says so: load balancers and health checks
# (https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges, .../firewall-rules), IAP
# (https://cloud.google.com/iap/docs/using-tcp-forwarding#create-firewall-rule), Cloud DNS
# (https://cloud.google.com/dns/docs/zones/forwarding-zones#firewall-rules), private and restricted.googleapis.com
# (https://cloud.google.com/vpc/docs/configure-private-google-access#config-options).
_GOOGLES = (
    "35.191.0.0/16",
    "130.211.0.0/22",
    "209.85.152.0/22",
    "209.85.204.0/22",
    "35.235.240.0/20",
    "35.199.192.0/19",
    "199.36.153.4/30",
    "199.36.153.8/30",
    "2600:2d00:1:b029::/64",
    "2600:2d00:1:1::/64",
    "2600:2d00:1:7::/64",
    "2600:2d00:2:1000::/56",
    "2600:2d00:2:2000::/56",
)
# The same registries: documentation (RFC 5737, 3849, 9637), benchmarks (RFC 2544), protocols, former 6to4 relays. People's addresses lie
# close to them.
_WHERE_MET = (
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001:db8::/32",
    "3fff::/20",
)
ALWAYS: tuple[Range, ...] = tuple(map(ip_network, (*_NOBODYS, *_GOOGLES)))
WHERE_MET: tuple[Range, ...] = tuple(map(ip_network, _WHERE_MET))

_Node = tuple[int, int, int]
"""IP version, prefix length, and the prefix as a number."""


class Permutation:
    """One to one. `key`: at most 64 bytes. `met`: what the recording has, for the ranges that stay only where they are met."""

    def __init__(self, key: bytes, met: Iterable[Range] = ()) -> None:
        seen = set(met)
        staying = (*ALWAYS, *(r for r in WHERE_MET if any(_within(other, r) for other in seen)))
        self._key = key
        self._staying = {_node(r) for r in staying}
        self._above = {(v, up, prefix >> length - up) for v, length, prefix in self._staying for up in range(length)}
        self._swaps: dict[_Node, int] = {}

    def address(self, address: Address) -> Address:
        """What the address becomes."""
        return self.range(ip_network(int(address).to_bytes(address.max_prefixlen // 8, "big"))).network_address

    def range(self, range_: Range) -> Range:
        """What the range becomes: the addresses in it become those in the other."""
        version, length, prefix = _node(range_)
        bits = 0
        for depth in range(length):
            node = (version, depth, prefix >> length - depth)
            if node in self._staying:
                bits = prefix
                break
            bits = bits << 1 | (prefix >> length - depth - 1 & 1) ^ self._swap(node)
        width = range_.max_prefixlen
        return ip_network(((bits << width - length).to_bytes(width // 8, "big"), length))

    def _swap(self, node: _Node) -> int:
        if node in self._above:
            return 0
        known = self._swaps.get(node)
        if known is None:
            text = "/".join(map(str, node)).encode()
            known = self._swaps[node] = hashlib.blake2b(text, key=self._key, digest_size=1).digest()[0] & 1
        return known


def _node(range_: Range) -> _Node:
    length = range_.prefixlen
    return range_.version, length, int(range_.network_address) >> range_.max_prefixlen - length


def _within(inner: Range, outer: Range) -> bool:
    version, length, prefix = _node(outer)
    return (
        inner.version == version and inner.prefixlen >= length and _node(inner)[2] >> inner.prefixlen - length == prefix
    )
