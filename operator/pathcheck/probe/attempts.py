"""One try: a fresh socket, one question, one outcome.

Every attempt has a source port that was not used for a long time: replies and repeats of a known five-tuple pass a stateful
firewall by its connection tracking, which would hide for minutes that the rule behind it is gone.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable

from pathcheck.probe import questions
from pathcheck.probe.assignment import Dial
from pathcheck.probe.loop import READ, WRITE, Loop
from pathcheck.probe.words import REACHED, REFUSED, REJECTED, SILENT, UNMEASURED, Outcome

# The ephemeral ports of Linux (Documentation/networking/ip-sysctl.rst, ip_local_port_range), walked in order: at a hundred attempts
# a second a port comes again after 280 s, while an idle UDP flow is forgotten after 120 s (nf_conntrack_udp_timeout_stream).
FIRST_PORT, LAST_PORT = 32768, 60999
PORT_TRIES = 64
# linux/in.h and linux/in6.h; the socket module of Python 3.11 does not have them.
IP_RECVERR, IPV6_RECVERR = 11, 25
FROM_ICMP = 2  # SO_EE_ORIGIN_ICMP; ICMP6 is 3, and 1 is the own kernel
# RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1: by family, then type and code.
UNREACHABLE = {
    4: {
        (3, 0): "network unreachable",
        (3, 1): "host unreachable",
        (3, 2): "protocol unreachable",
        (3, 3): "port unreachable",
        (3, 9): "network administratively prohibited",
        (3, 10): "host administratively prohibited",
        (3, 13): "communication administratively prohibited",
    },
    6: {
        (1, 0): "no route to destination",
        (1, 1): "communication administratively prohibited",
        (1, 3): "address unreachable",
        (1, 4): "port unreachable",
    },
}


class SourcePorts:
    """Ports to dial from, each as late again as possible."""

    def __init__(self, start: int) -> None:
        self._next = start % (LAST_PORT - FIRST_PORT + 1)

    def take(self) -> int:
        """The next one; it may be in use, then take another."""
        port = FIRST_PORT + self._next
        self._next = (self._next + 1) % (LAST_PORT - FIRST_PORT + 1)
        return port


class Attempt:
    """`ended` is called exactly once, also from within `begin`, unless it is closed before."""

    def __init__(
        self, loop: Loop, dial: Dial, source: str, ports: SourcePorts, key: bytes, ended: Callable[[Outcome], None]
    ) -> None:
        self._loop = loop
        self._dial = dial
        self._source = source
        self._ports = ports
        self._ended = ended
        self._stream = dial.protocol == "tcp"
        self._question = _question(dial, key)
        self._sock: socket.socket | None = None
        self._received = b""
        self._stranger = ""
        self._began = loop.now()
        self._timer = loop.call_later(dial.timeout, self._too_late)

    def begin(self) -> None:
        """Sends the question, or begins the handshake."""
        if self._dial.trouble:
            self._end(UNMEASURED, self._dial.trouble)
            return
        try:
            self._sock = sock = self._open()
        except OSError as error:
            self._end(UNMEASURED, f"no socket: {_name(error)}")
            return
        try:
            # Whatever this call says comes from the own kernel; a stream's other end is still to be heard.
            sock.connect((self._dial.address, self._dial.port))
        except BlockingIOError:
            self._loop.watch(sock, WRITE, self._connected)
            return
        except OSError as error:
            self._end(*self._said_here(error))
            return
        if self._stream:
            self._connected()
        else:
            self._ask(sock)

    def close(self) -> None:
        """Gives up without an outcome."""
        self._timer.cancel()
        if self._sock is not None:
            self._loop.close(self._sock)
            self._sock = None

    def _open(self) -> socket.socket:
        v6 = ":" in self._dial.address
        family = socket.AF_INET6 if v6 else socket.AF_INET
        icmp = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
        if self._stream:
            sock = socket.socket(family, socket.SOCK_STREAM)
        else:
            sock = socket.socket(family, socket.SOCK_DGRAM, icmp if self._dial.protocol == "icmp" else 0)
        try:
            sock.setblocking(False)
            # Also the errors that Linux would keep to itself until a timeout, and who sent them (ip(7)).
            if v6:
                sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            self._bind(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _bind(self, sock: socket.socket) -> None:
        if self._dial.protocol == "icmp":
            sock.bind((self._source, 0))  # the kernel numbers echo identifiers in order by itself
            return
        for left in reversed(range(PORT_TRIES)):
            try:
                sock.bind((self._source, self._ports.take()))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not left:
                    raise

    def _connected(self) -> None:
        sock = self._sock
        assert sock is not None
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(*self._said_there(sock, code))
        elif self._question is None:
            self._end(REACHED, "")
        else:
            # Until something of ours is heard: whoever shook hands may be a proxy on the way.
            self._stranger = f"a handshake on {self._dial.l4}, but no answer"
            self._ask(sock)

    def _ask(self, sock: socket.socket) -> None:
        assert self._question is not None
        try:
            sock.send(self._question.ask)
        except OSError as error:
            self._end(*self._said_here(error))
            return
        self._loop.watch(sock, READ, self._heard)

    def _heard(self) -> None:
        sock, question = self._sock, self._question
        assert sock is not None
        assert question is not None
        try:
            data = sock.recv(2048)
        except BlockingIOError:
            return
        except OSError as error:
            if self._stranger:
                self._end(UNMEASURED, f"{self._stranger} ({_name(error)})")
            else:
                self._end(*self._said_there(sock, error.errno or 0))
            return
        self._received = self._received + data if self._stream else data
        answered = question.check(self._received)
        if answered:
            self._end(REACHED, "")
        elif self._stream and (answered is False or not data):
            self._end(UNMEASURED, f"something else answers on {self._dial.l4}" if data else self._stranger)
        elif not self._stream:
            # Anybody can send us a datagram: the true answer may still come.
            self._stranger = f"something else answers on {self._dial.l4}"

    def _too_late(self) -> None:
        if self._stranger:
            self._end(UNMEASURED, self._stranger)
        else:
            self._end(SILENT, "")

    def _said_here(self, error: OSError) -> tuple[str, str]:
        """An error of the own kernel, before anything was sent."""
        if error.errno == errno.ECONNREFUSED:  # the destination is this very host
            return REFUSED, "connection refused"
        if error.errno in (errno.EPERM, errno.EACCES):
            return REJECTED, f"{_name(error)}, says this node"
        return UNMEASURED, f"cannot be sent: {_name(error)}"

    def _said_there(self, sock: socket.socket, code: int) -> tuple[str, str]:
        """An error that came back, and from whom."""
        error = OSError(code, os.strerror(code))
        origin, what, offender = _complaint(sock)
        if offender is None:
            if code == errno.ECONNREFUSED:
                return REFUSED, "connection refused"
            if code == errno.ETIMEDOUT:
                return SILENT, ""
            if code in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.ECONNRESET):
                return REJECTED, _name(error)
            return UNMEASURED, _name(error)
        if code == errno.ECONNREFUSED and offender == self._dial.address:
            return REFUSED, f"{what or _name(error)}, says {offender}"
        if origin < FROM_ICMP or offender == self._source:
            return UNMEASURED, f"{what or _name(error)}, says this node"
        return REJECTED, f"{what or _name(error)}, says {offender}"

    def _end(self, observation: str, detail: str) -> None:
        elapsed = round((self._loop.now() - self._began) * 1_000_000)
        self.close()
        self._ended((observation, detail, elapsed if observation == REACHED else None))


def _question(dial: Dial, key: bytes) -> questions.Question | None:
    if dial.manner == "Echo":
        return questions.echo(key, dial.l4)
    if dial.manner == "DNS":
        return questions.dns(dial.protocol == "tcp")
    if dial.manner == "Ping":
        return questions.ping(6 if ":" in dial.address else 4)
    return None


def _name(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _complaint(sock: socket.socket) -> tuple[int, str, str | None]:
    """Origin, meaning and sender of the ICMP error in the socket's error queue; no sender where there is none (a reset, for one).

    struct sock_extended_err, followed by the sender's sockaddr (linux/errqueue.h).
    """
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return 0, "", None
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)) and len(data) >= 32:
            version = 4 if level == socket.IPPROTO_IP else 6
            _, origin, type_, code = struct.unpack_from("=IBBB", data)
            if origin < FROM_ICMP:
                return origin, "", "this node"
            at = 20 if version == 4 else 24
            packed = data[at : at + (4 if version == 4 else 16)]
            offender = socket.inet_ntop(socket.AF_INET if version == 4 else socket.AF_INET6, packed)
            return origin, UNREACHABLE[version].get((type_, code), ""), offender
    return 0, "", None
