"""The packets that predictions are compared with: valid, and all different."""

from __future__ import annotations

import struct

import pytest

from e2e.packets.frames import ICMP, ICMPV6, IPIP, SCTP, TCP, UDP, Question, crc32c, frame, packet, unchanging

FOUR, SIX = ("10.24.12.40", "10.24.9.31"), ("fd20:0:0:2::", "fd20:0:0:1::a:40")


def ones_complement(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_an_ipv4_header_sums_up() -> None:
    """A receiver's sum over an IPv4 header, checksum included, is all ones (RFC 1071), also within another packet."""
    whole = packet(Question(*FOUR, IPIP))
    assert [ones_complement(whole[:20]), ones_complement(whole[20:40])] == [0xFFFF, 0xFFFF]


@pytest.mark.parametrize(("protocol", "port"), [(UDP, 53), (TCP, 0), (ICMPV6, None)])
@pytest.mark.parametrize(("ends", "header"), [(FOUR, 20), (SIX, 40)])
def test_a_payload_sums_up_with_its_pseudo_header(
    protocol: int, port: int | None, ends: tuple[str, str], header: int
) -> None:
    """A receiver's sum over addresses, length, protocol and payload is all ones (RFC 9293, RFC 8200)."""
    whole = packet(Question(*ends, protocol, port))
    addresses, payload = whole[12:20] if header == 20 else whole[8:40], whole[header:]
    assert ones_complement(addresses + struct.pack("!II", len(payload), protocol) + payload) == 0xFFFF


def test_an_echo_request_sums_up() -> None:
    """ICMP's checksum covers the message alone."""
    assert ones_complement(packet(Question(*FOUR, ICMP))[20:]) == 0xFFFF


def test_an_init_has_its_crc() -> None:
    """SCTP's checksum is the CRC32c of the packet with a checksum of 0; one known from elsewhere says which CRC."""
    assert crc32c(b"123456789") == 0xE3069283
    sent = packet(Question(*FOUR, SCTP, 53))[20:]
    assert struct.unpack("<I", sent[8:12]) == (crc32c(sent[:8] + bytes(4) + sent[12:]),)


def test_a_router_changes_nothing_that_counts() -> None:
    """One hop later a packet is still recognised; that of another question never is."""
    ask = Question(*FOUR, UDP, 53)
    sent = packet(ask)
    hop_later = sent[:8] + bytes([sent[8] - 1]) + sent[9:10] + b"\xff\xff" + sent[12:]
    assert unchanging(hop_later) == unchanging(sent)
    others = [
        Question(*FOUR, UDP, 54),
        Question(*FOUR, TCP, 53),
        Question(FOUR[1], FOUR[0], UDP, 53),
        Question(*SIX, UDP, 53),
    ]
    assert unchanging(sent) not in [unchanging(packet(other)) for other in others]


def test_a_frame() -> None:
    """Next hop, own address, kind of packet, packet."""
    sent = packet(Question(*SIX, UDP, 53))
    assert frame(sent, "02:00:00:00:00:01", "02:00:00:00:00:02") == bytes.fromhex("02000000000202000000000186dd") + sent
