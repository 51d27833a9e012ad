"""One attempt on real sockets of loopback addresses. What only routers say (rejected) is tried in e2e/test_probe.py."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from pathcheck.probe.attempts import FIRST_PORT, LAST_PORT, Attempt, SourcePorts
from pathcheck.probe.listen import Listeners
from pathcheck.probe.loop import READ, Loop
from pathcheck.probe.words import REACHED, REFUSED, SILENT, UNMEASURED, Outcome
from tests.probe.desk import HERE, KEY, THERE, dial, free_port, outcome

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


def listener(loop: Loop, *ports: str, key: bytes = KEY) -> Listeners:
    """The other probe."""
    listeners = Listeners(loop, THERE, lambda: None)
    listeners.key = key
    listeners.assign(ports)
    assert set(listeners.troubles().values()) <= {""}
    return listeners


def stranger(loop: Loop, kind: socket.SocketKind, says: Callable[[bytes], bytes]) -> int:
    """Somebody else's listener, and its port: it answers what `says` makes of the question, on a stream and then hangs up."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind((THERE, 0))
    if kind == UDP:

        def datagram() -> None:
            data, sender = sock.recvfrom(2048)
            sock.sendto(says(data), sender)

        loop.watch(sock, READ, datagram)
    else:
        sock.listen()

        def connection() -> None:
            accepted, _ = sock.accept()

            def question() -> None:
                accepted.send(says(accepted.recv(2048)))
                loop.close(accepted)

            loop.watch(accepted, READ, question)

        loop.watch(sock, READ, connection)
    return int(sock.getsockname()[1])


@pytest.mark.parametrize(("protocol", "kind"), [("udp", UDP), ("tcp", TCP)])
def test_another_probes_listener_is_reached(loop: Loop, protocol: str, kind: socket.SocketKind) -> None:
    """Its answer ends the attempt, with the round trip."""
    l4 = f"{protocol}/{free_port(kind)}"
    listener(loop, l4)
    observation, detail, microseconds = outcome(loop, dial("Echo", l4))
    assert (observation, detail) == (REACHED, "")
    assert microseconds is not None


def test_a_closed_tcp_port_refuses(loop: Loop) -> None:
    """A reset comes from the host itself."""
    assert outcome(loop, dial("Echo", f"tcp/{free_port(TCP)}")) == (REFUSED, "connection refused", None)


@pytest.mark.parametrize("address", [THERE, HERE], ids=["of another host", "of its own"])
def test_a_closed_udp_port_refuses(loop: Loop, address: str) -> None:
    """Port unreachable, and who said so."""
    said = outcome(loop, dial("Echo", f"udp/{free_port(UDP, address)}", address))
    assert said == (REFUSED, f"port unreachable, says {address}", None)


def test_a_listener_that_does_not_answer_datagrams_is_silent(loop: Loop) -> None:
    """Without an answer before the timeout nobody knows whether anything arrived."""
    l4 = f"udp/{free_port(UDP)}"
    listener(loop, l4, key=b"another key")
    assert outcome(loop, dial("Echo", l4, timeout=0.05)) == (SILENT, "", None)


def test_a_handshake_without_answer_is_unmeasured(loop: Loop) -> None:
    """Whoever shook hands is not the listener that was asked for: perhaps a proxy on the way."""
    l4 = f"tcp/{free_port(TCP)}"
    listener(loop, l4, key=b"another key")
    assert outcome(loop, dial("Echo", l4)) == (UNMEASURED, f"a handshake on {l4}, but no answer", None)


@pytest.mark.parametrize(("protocol", "kind"), [("udp", UDP), ("tcp", TCP)])
def test_somebody_elses_answer_is_unmeasured(loop: Loop, protocol: str, kind: socket.SocketKind) -> None:
    """A wrong answer proves neither that the path works nor that it does not."""
    l4 = f"{protocol}/{stranger(loop, kind, lambda data: b'SSH-2.0-OpenSSH_9.9')}"
    assert outcome(loop, dial("Echo", l4, timeout=0.2)) == (UNMEASURED, f"something else answers on {l4}", None)


def test_any_tcp_listener_can_be_connected_to(loop: Loop) -> None:
    """A handshake is all that Connect asks for."""
    l4 = f"tcp/{stranger(loop, TCP, lambda data: b'')}"
    assert outcome(loop, dial("Connect", l4))[:2] == (REACHED, "")


def refused(query: bytes) -> bytes:
    """What a name server answers that will not look."""
    return query[:2] + struct.pack("!H", 0x8185) + query[4:]


@pytest.mark.parametrize(("protocol", "kind"), [("udp", UDP), ("tcp", TCP)])
def test_a_name_server_is_reached_by_whatever_it_answers(loop: Loop, protocol: str, kind: socket.SocketKind) -> None:
    """REFUSED is an answer."""
    prefix = 2 if kind == TCP else 0
    l4 = f"{protocol}/{stranger(loop, kind, lambda data: data[:prefix] + refused(data[prefix:]))}"
    assert outcome(loop, dial("DNS", l4))[:2] == (REACHED, "")


def test_a_ping_is_answered_or_says_that_it_is_not_permitted(loop: Loop) -> None:
    """Unprivileged pings need net.ipv4.ping_group_range; without it the reason is said, and it is not called silent."""
    try:
        socket.socket(socket.AF_INET, UDP, socket.IPPROTO_ICMP).close()
        expected = (REACHED, "")
    except PermissionError:
        expected = (UNMEASURED, "no socket: permission denied")
    assert outcome(loop, dial("Ping", "icmp"))[:2] == expected


@pytest.mark.parametrize(
    ("sentence", "source", "address", "detail"),
    [
        ("the pod has another family", HERE, "::1", "no socket: address family for hostname not supported"),
        ("the pod has lost its address", "192.0.2.1", THERE, "no socket: cannot assign requested address"),
        ("there is no way out", HERE, "192.0.2.1", "cannot be sent: invalid argument"),
    ],
)
def test_own_trouble_is_unmeasured(loop: Loop, sentence: str, source: str, address: str, detail: str) -> None:
    """What never left this host says nothing of the path."""
    said = outcome(loop, dial("Echo", "udp/9", address), source)
    assert said == (UNMEASURED, detail, None), sentence


def test_a_dial_with_a_trouble_is_not_dialled(loop: Loop) -> None:
    """Its trouble is what it comes to."""
    said = outcome(loop, dial("Echo", "udp/9", trouble="EADDRINUSE: address already in use"))
    assert said == (UNMEASURED, "EADDRINUSE: address already in use", None)


def test_an_attempt_that_is_given_up_says_nothing(loop: Loop) -> None:
    """Its timeout passes without a call."""
    ended = list[Outcome]()
    attempt = Attempt(
        loop, dial("Echo", f"udp/{free_port(UDP)}", timeout=0.01), HERE, SourcePorts(0), KEY, ended.append
    )
    attempt.close()
    loop.turn(0.02)
    loop.turn(0.02)
    assert ended == []


def test_source_ports_come_again_as_late_as_possible() -> None:
    """All of them are walked through before one is taken twice."""
    ports = SourcePorts(LAST_PORT - FIRST_PORT)
    taken = [ports.take() for _ in range(LAST_PORT - FIRST_PORT + 1)]
    assert taken[:2] == [LAST_PORT, FIRST_PORT]
    assert len(set(taken)) == len(taken)
    assert ports.take() == LAST_PORT


def test_a_source_port_in_use_is_passed_over(loop: Loop) -> None:
    """Somebody else's socket does not cost an attempt."""
    l4 = f"udp/{free_port(UDP)}"
    listener(loop, l4)
    ports = SourcePorts(4711)
    with socket.socket(socket.AF_INET, UDP) as taken:
        taken.bind((HERE, FIRST_PORT + 4711))
        ended = list[Outcome]()
        Attempt(loop, dial("Echo", l4), HERE, ports, KEY, ended.append).begin()
        while not ended:
            loop.turn(1.0)
    assert ended[0][0] == REACHED
