"""What an attempt asks and what answers it; no sockets here.

A question between probes is MAGIC, 16 random bytes and HMAC-SHA256(key, "ask" + `udp/53` + nonce); its answer is MAGIC, the nonce and
HMAC-SHA256(key, "answer" + `udp/53` + nonce). Nobody without the key gets an answer, and the answer is no longer than the question, so
that a listener cannot be used to amplify traffic.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable

MAGIC = b"PCk1"
NONCE = 16
SIZE = len(MAGIC) + NONCE + 32
# Answered by a cluster's own name server without asking others; where the domain is another one, NXDOMAIN is an answer too.
DNS_NAME = b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00"
DNS_HEADER = 12
ICMP_HEADER = 8


class Question:
    """`ask` is sent; `check` says of what came back: True, it answers; False, it does not; None, more is needed (streams)."""

    __slots__ = ("ask", "check")

    def __init__(self, ask: bytes, check: Callable[[bytes], bool | None]) -> None:
        self.ask = ask
        self.check = check


def echo(key: bytes, l4: str, nonce: bytes | None = None) -> Question:
    """To another probe's listener."""
    nonce = os.urandom(NONCE) if nonce is None else nonce
    expected = _sealed(key, b"answer", l4, nonce)

    def check(data: bytes) -> bool | None:
        if len(data) < SIZE and expected.startswith(data[: len(MAGIC)]):
            return None
        return hmac.compare_digest(data, expected)

    return Question(_sealed(key, b"ask", l4, nonce), check)


def answer_to(key: bytes, l4: str, data: bytes) -> bytes | None:
    """What a listener on `l4` answers: nothing, if this is no question of a probe that has the key."""
    nonce = data[len(MAGIC) : len(MAGIC) + NONCE]
    if len(data) != SIZE or not key or not hmac.compare_digest(data, _sealed(key, b"ask", l4, nonce)):
        return None
    return _sealed(key, b"answer", l4, nonce)


def _sealed(key: bytes, purpose: bytes, l4: str, nonce: bytes) -> bytes:
    return MAGIC + nonce + hmac.digest(key, purpose + l4.encode() + nonce, "sha256")


def dns(stream: bool) -> Question:
    """To any name server (RFC 1035 section 4.1; 4.2.2 for the length before it on a stream). Any answer to our id will do,
    SERVFAIL and REFUSED included: the path is asked about, not the name."""
    identity = os.urandom(2)
    query = identity + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + DNS_NAME + struct.pack("!HH", 1, 1)
    prefix = 2 if stream else 0

    def check(data: bytes) -> bool | None:
        message = data[prefix:]
        if len(message) < DNS_HEADER:
            return None
        return message[:2] == identity and bool(message[2] & 0x80)

    return Question((struct.pack("!H", len(query)) if stream else b"") + query, check)


def ping(version: int) -> Question:
    """ICMP echo (RFC 792; RFC 4443 section 4 for version 6). The kernel fills in the identifier and the checksum."""
    request, reply = (8, 0) if version == 4 else (128, 129)
    payload = MAGIC + os.urandom(NONCE)

    def check(data: bytes) -> bool | None:
        return len(data) > ICMP_HEADER and data[0] == reply and data[ICMP_HEADER:] == payload

    return Question(struct.pack("!BBHHH", request, 0, 0, 0, 1) + payload, check)
