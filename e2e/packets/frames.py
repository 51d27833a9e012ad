"""First packets of a connection as bytes: what a sender's interface puts on its wire.

Sockets will not do: most protocols here have none, and a kernel would choose identifiers, source addresses and times of
its own. Everything here is valid, for the router's connection tracking looks at headers and checksums.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

# https://www.iana.org/assignments/protocol-numbers; 253 is the one for experiments (RFC 3692).
ICMP, IPIP, TCP, UDP, GRE, ESP, AH, ICMPV6, SCTP, EXPERIMENT = 1, 4, 6, 17, 47, 50, 51, 58, 132, 253

# Never a destination port of the tests: else a packet could look like another's reply.
_SOURCE_PORT = 40961
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
_HOPS = 64


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """What one packet asks: from where, to where, an IANA protocol number and, for tcp, udp and sctp, a destination port."""

    source: str
    destination: str
    protocol: int
    port: int | None = None


def packet(question: Question) -> bytes:
    """The IP packet; different questions have different packets."""
    source, destination = ip_address(question.source), ip_address(question.destination)
    payload = _payload(question.protocol, question.port, source, destination)
    if source.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(payload), question.protocol, _HOPS)
        return head + source.packed + destination.packed + payload
    length = 20 + len(payload)
    ends = source.packed + destination.packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, _HOPS, question.protocol, 0) + ends
    return head[:10] + struct.pack("!H", _sum16(head)) + head[12:] + payload


def frame(packet: bytes, source_mac: str, next_hop_mac: str) -> bytes:
    """The packet on an Ethernet link."""
    macs = bytes.fromhex((next_hop_mac + source_mac).replace(":", ""))
    return macs + struct.pack("!H", _ETHERTYPES[packet[0] >> 4]) + packet


def unchanging(packet: bytes) -> bytes:
    """What a router leaves as it was: all but the hop count and the header's checksum."""
    return packet[:8] + packet[9:10] + packet[12:] if packet[0] >> 4 == 4 else packet[:7] + packet[8:]


def _payload(protocol: int, port: int | None, source: Address, destination: Address) -> bytes:
    if protocol == UDP:
        length = 8 + 4
        bare = struct.pack("!HHHH", _SOURCE_PORT, port, length, 0) + b"path"
        return bare[:6] + struct.pack("!H", _transport_sum(bare, protocol, source, destination)) + bare[8:]
    if protocol == TCP:
        syn, offset, window = 0x02, 5 << 4, 64240
        bare = struct.pack("!HHIIBBHHH", _SOURCE_PORT, port, 1, 0, offset, syn, window, 0, 0)
        return bare[:16] + struct.pack("!H", _transport_sum(bare, protocol, source, destination)) + bare[18:]
    if protocol == SCTP:
        # An INIT chunk (RFC 9260, 3.3.2): type, flags, length, initiate tag, window, streams out and in, first number.
        init = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65535, 1, 1, 1)
        ports_and_tag = struct.pack("!HHI", _SOURCE_PORT, port, 0)
        return ports_and_tag + struct.pack("<I", crc32c(ports_and_tag + bytes(4) + init)) + init
    if protocol == ICMP:
        bare = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
        return bare[:2] + struct.pack("!H", _sum16(bare)) + bare[4:]
    if protocol == ICMPV6:
        bare = struct.pack("!BBHHH", 128, 0, 0, 1, 1)
        return bare[:2] + struct.pack("!H", _transport_sum(bare, protocol, source, destination)) + bare[4:]
    if protocol == ESP:
        return struct.pack("!II", 0x1000, 1) + bytes(16)
    if protocol == AH:
        # Next header none (59), length 4 (24 octets less 8, in words), RFC 4302.
        return struct.pack("!BBHII", 59, 4, 0, 0x1000, 1) + bytes(12)
    if protocol == IPIP:
        inner = struct.pack("!BBHHHBBH", 0x45, 0, 20, 0, 0, _HOPS, 59, 0) + bytes(8)
        return inner[:10] + struct.pack("!H", _sum16(inner)) + inner[12:]
    return bytes(16)


def _transport_sum(bare: bytes, protocol: int, source: Address, destination: Address) -> int:
    """The checksum over the pseudo header too (RFC 9293 and RFC 8200); never 0, which for UDP means none."""
    pseudo = struct.pack("!II", len(bare), protocol)
    return _sum16(source.packed + destination.packed + pseudo + bare) or 0xFFFF


def _sum16(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data: bytes) -> int:
    """SCTP's checksum (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
