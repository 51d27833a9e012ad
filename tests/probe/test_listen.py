"""Listeners on real sockets of loopback addresses."""

from __future__ import annotations

import socket

import pytest

from pathcheck.probe import listen
from pathcheck.probe.listen import Listeners
from pathcheck.probe.loop import Loop
from pathcheck.probe.questions import SIZE, echo
from pathcheck.probe.words import REACHED, REFUSED
from tests.probe.desk import KEY, THERE, dial, free_port, outcome, until

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def listeners(loop: Loop, changes: list[str] | None = None) -> Listeners:
    """Some that know the key."""
    made = Listeners(loop, THERE, lambda: None if changes is None else changes.append("changed"))
    made.key = KEY
    return made


def test_only_what_changed_is_opened_and_closed(loop: Loop) -> None:
    """A port that stays assigned keeps its socket, one that is gone refuses."""
    changes = list[str]()
    stays, goes, comes = (f"udp/{free_port(UDP)}" for _ in range(3))
    made = listeners(loop, changes)
    made.assign([stays, goes])
    made.assign([stays, comes])
    assert made.troubles() == {stays: "", comes: ""}
    assert len(changes) == 3
    assert [outcome(loop, dial("Echo", l4))[0] for l4 in (stays, goes, comes)] == [REACHED, REFUSED, REACHED]


def test_a_port_that_is_taken_says_so_and_is_had_when_it_is_free(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again in a while, and both changes are told once."""
    monkeypatch.setattr(listen, "RETRY_SECONDS", 0.01)
    changes = list[str]()
    made = listeners(loop, changes)
    with socket.socket(socket.AF_INET, TCP) as other:
        other.bind((THERE, 0))
        other.listen()
        l4 = f"tcp/{other.getsockname()[1]}"
        made.assign([l4])
        for _ in range(3):
            loop.turn(0.02)
        assert (made.troubles(), changes) == ({l4: "EADDRINUSE: address already in use"}, ["changed"])
    until(loop, lambda: made.troubles() == {l4: ""})
    assert changes == ["changed", "changed"]
    assert outcome(loop, dial("Echo", l4))[0] == REACHED


def test_a_key_that_changes_holds_for_the_next_question(loop: Loop) -> None:
    """Listeners stay open for it."""
    l4 = f"udp/{free_port(UDP)}"
    made = listeners(loop)
    made.assign([l4])
    made.key = b"new"
    assert outcome(loop, dial("Echo", l4), key=b"new")[0] == REACHED


def test_a_question_in_parts_is_answered(loop: Loop) -> None:
    """A stream may deliver it so."""
    port = free_port(TCP)
    listeners(loop).assign([f"tcp/{port}"])
    question = echo(KEY, f"tcp/{port}")
    with socket.create_connection((THERE, port)) as client:
        client.send(question.ask[:3])
        loop.turn(0.1)
        loop.turn(0.1)
        client.send(question.ask[3:])
        loop.turn(0.1)
        client.settimeout(5)
        assert question.check(client.recv(SIZE)) is True


@pytest.mark.parametrize(
    ("sentence", "data"),
    [
        ("who speaks another protocol", b"GET / HTTP/1.1\r\n"),
        ("who sends too much", b"PCk1" + bytes(200)),
        ("who does not have the key", echo(b"guessed", "tcp/53", bytes(16)).ask),
    ],
)
def test_strangers_are_hung_up_on(loop: Loop, sentence: str, data: bytes) -> None:
    """Without an answer."""
    port = free_port(TCP)
    listeners(loop).assign([f"tcp/{port}"])
    with socket.create_connection((THERE, port)) as client:
        client.send(data)
        for _ in range(3):
            loop.turn(0.1)
        client.settimeout(5)
        try:
            answer = client.recv(100)
        except ConnectionResetError:  # there was more of it than was read
            answer = b""
    assert answer == b"", sentence


def test_who_says_nothing_is_hung_up_on_after_a_while(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has its time."""
    monkeypatch.setattr(listen, "CLIENT_SECONDS", 0.01)
    port = free_port(TCP)
    listeners(loop).assign([f"tcp/{port}"])
    with socket.create_connection((THERE, port)) as client:
        client.setblocking(False)

        def hung_up() -> bool:
            try:
                return client.recv(100) == b""
            except BlockingIOError:
                return False

        until(loop, hung_up)


def test_too_many_idle_connections_do_not_keep_a_probe_out(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of them goes."""
    monkeypatch.setattr(listen, "MAX_CLIENTS", 3)
    port = free_port(TCP)
    listeners(loop).assign([f"tcp/{port}"])
    idle = []
    try:
        for _ in range(5):
            idle.append(socket.create_connection((THERE, port)))
            loop.turn(0.1)
        assert outcome(loop, dial("Echo", f"tcp/{port}"))[0] == REACHED
    finally:
        for client in idle:
            client.close()
