"""Questions and answers, without sockets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.probe import questions
from pathcheck.probe.questions import answer_to, dns, echo, ping

KEY = b"k" * 32
keys = st.binary(min_size=1, max_size=64)
ports = st.sampled_from(["udp/53", "tcp/53", "udp/5353"])


@given(keys, ports)
def test_a_listener_with_the_key_answers_and_is_believed(key: bytes, l4: str) -> None:
    """Question and answer fit, and the answer is not longer than the question."""
    question = echo(key, l4)
    answer = answer_to(key, l4, question.ask)
    assert answer is not None
    assert question.check(answer) is True
    assert len(answer) <= len(question.ask)


@given(keys, keys, ports, ports)
def test_a_question_for_another_key_or_port_is_not_answered(key: bytes, other: bytes, l4: str, elsewhere: str) -> None:
    """Whoever has no current assignment gets silence."""
    if (key, l4) != (other, elsewhere):
        assert answer_to(other, elsewhere, echo(key, l4).ask) is None


@given(st.binary(max_size=200))
def test_garbage_is_neither_answered_nor_believed(data: bytes) -> None:
    """No bytes of somebody else's get an answer, or count as one."""
    assert answer_to(KEY, "udp/53", data) is None
    assert not echo(KEY, "udp/53").check(data)
    assert not ping(4).check(data)


def test_without_a_key_nothing_is_answered() -> None:
    """Before its first assignment a listener has no key, and an empty one is none."""
    assert answer_to(b"", "udp/53", echo(b"", "udp/53").ask) is None


def test_an_answer_that_was_heard_does_not_answer_the_next_question() -> None:
    """Each question has its own nonce."""
    old = answer_to(KEY, "udp/53", echo(KEY, "udp/53").ask)
    assert old is not None
    assert echo(KEY, "udp/53").check(old) is False


def test_the_beginning_of_an_answer_asks_for_more() -> None:
    """On a stream an answer may come in parts; what cannot become one is known at once."""
    question = echo(KEY, "tcp/53")
    answer = answer_to(KEY, "tcp/53", question.ask)
    assert answer is not None
    assert question.check(answer[:30]) is None
    assert question.check(b"HTTP/1.1 400 Bad Request") is False


@pytest.mark.parametrize("code", [0, 2, 3, 5], ids=["NOERROR", "SERVFAIL", "NXDOMAIN", "REFUSED"])
@pytest.mark.parametrize("stream", [False, True], ids=["udp", "tcp"])
def test_any_answer_of_a_name_server_counts(code: int, stream: bool) -> None:
    """The path is asked about, not the name."""
    question = dns(stream)
    query = question.ask[2:] if stream else question.ask
    answer = query[:2] + struct.pack("!H", 0x8180 | code) + query[4:]
    framed = struct.pack("!H", len(answer)) + answer if stream else answer
    assert question.check(framed) is True


def test_a_dns_query_is_well_formed() -> None:
    """One question: the address of kubernetes.default.svc.cluster.local, recursion desired (RFC 1035)."""
    ask = dns(stream=False).ask
    assert ask[2:12] == bytes.fromhex("01000001000000000000")
    assert ask[12:] == b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"


@pytest.mark.parametrize(
    ("sentence", "data"),
    [
        ("an answer to another query", b"\x00\x00\x81\x80" + bytes(8)),
        ("the query itself, reflected", None),
    ],
)
def test_what_does_not_answer_a_dns_query(sentence: str, data: bytes | None) -> None:
    """Only an answer to our own identifier counts."""
    question = dns(stream=False)
    if data is not None:
        data = bytes([question.ask[0] ^ 1]) + question.ask[1:2] + data[2:]
    assert question.check(data if data is not None else question.ask) is False, sentence


@pytest.mark.parametrize(("version", "reply"), [(4, 0), (6, 129)])
def test_a_ping_is_answered_by_its_own_payload(version: int, reply: int) -> None:
    """An echo reply with another payload answers somebody else."""
    question = ping(version)
    payload = question.ask[questions.ICMP_HEADER :]
    assert question.check(struct.pack("!BBHHH", reply, 0, 1, 2, 1) + payload) is True
    assert question.check(struct.pack("!BBHHH", reply, 0, 1, 2, 1) + payload[::-1]) is False
    assert question.check(question.ask) is False
