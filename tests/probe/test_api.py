"""HTTP as the API server speaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.probe.api import MAX_BODY, MAX_HEAD, Answer, ApiError, servers_of

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@given(st.lists(st.integers(1, 60)))
def test_an_answer_may_come_in_any_parts(cuts: list[int]) -> None:
    """Where the bytes are cut on their way makes no difference."""
    whole = CHUNKED + chunk(b'{"type":"ADD') + chunk(b'ED"}\n{"ty') + chunk(b'pe":"BOOKMARK"}\n') + b"0\r\n\r\n"
    answer, lines = Answer(), list[bytes]()
    for size in [*cuts, len(whole)]:
        part, whole = whole[:size], whole[size:]
        answer.feed(part)
        lines += answer.lines()
    assert (answer.status, answer.done, lines) == (200, True, [b'{"type":"ADDED"}', b'{"type":"BOOKMARK"}'])


def test_an_answer_with_a_length_is_done_when_it_is_there() -> None:
    """Nobody waits for the end of the connection."""
    answer = Answer()
    answer.feed(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nno")
    assert not answer.done
    answer.feed(b"ne")
    assert (answer.status, answer.done, answer.body()) == (403, True, b"none")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * MAX_HEAD, "no end of its head"),
        (CHUNKED + b"many\r\n", "a chunk without size"),
        (CHUNKED + b"1" * (MAX_HEAD + 1), "a chunk without size"),
        (CHUNKED + b"%x\r\n" % (MAX_BODY + 1), "too long"),
        (CHUNKED + chunk(b"a" * MAX_BODY) * 2, "too long"),
    ],
    ids=["no HTTP", "endless head", "no size", "endless size", "large chunk", "large body"],
)
def test_what_is_no_answer_is_refused(data: bytes, why: str) -> None:
    """Nothing that comes from the network takes more memory than the pod has."""
    with pytest.raises(ApiError, match=why):
        Answer().feed(data)


def test_servers() -> None:
    """Addresses of both families, separated by commas."""
    assert servers_of("10.142.15.200:443, [fd00::2]:6443,") == [("10.142.15.200", 443), ("fd00::2", 6443)]


@pytest.mark.parametrize("text", ["10.142.15.200", ":443", "10.142.15.200:https"])
def test_what_is_no_server_is_named(text: str) -> None:
    """A wrong setting is said as it was written."""
    with pytest.raises(ValueError, match=f"'{text}' is not HOST:PORT"):
        servers_of(text)
