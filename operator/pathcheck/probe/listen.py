"""Answers other probes on the assigned ports of the pod's own address, and nobody else.

Strangers cost little: a datagram without the key's seal is dropped, a connection has two seconds, one question's worth of bytes, and
is the first to go when there are too many.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable

from pathcheck.probe import questions
from pathcheck.probe.loop import READ, Loop, Timer

RETRY_SECONDS = 5.0  # for a port that cannot be bound: somebody else's pod setting or a dialler's own socket passes
AT_ONCE = 64  # datagrams or connections before the loop may see to something else
MAX_CLIENTS = 128
CLIENT_SECONDS = 2.0


class Listeners:
    """`changed` is called when a port gets bound, or fails for another reason than before."""

    def __init__(self, loop: Loop, address: str, changed: Callable[[], None]) -> None:
        self.key = b""
        self._loop = loop
        self._address = address
        self._changed = changed
        self._bound: dict[str, socket.socket] = {}
        self._trouble: dict[str, str] = {}
        self._retry: Timer | None = None
        # In order of arrival, as dictionaries are.
        self._clients: dict[socket.socket, _Client] = {}

    def assign(self, ports: Iterable[str]) -> None:
        """From now on these (`udp/53`); what stays is not touched."""
        wanted = set(ports)
        for l4 in self._bound.keys() - wanted:
            self._loop.close(self._bound.pop(l4))
        for l4 in self._trouble.keys() - wanted:
            del self._trouble[l4]
        self._bind_all(sorted(wanted - self._bound.keys()))

    def troubles(self) -> dict[str, str]:
        """Every assigned port, with "" where it is bound, else why not."""
        return dict.fromkeys(self._bound, "") | self._trouble

    def own(self) -> str:
        """Binds a UDP port that the kernel chooses, and says which (`udp/41234`): to dial oneself when nothing is assigned.

        Raises OSError.
        """
        sock = self._open("udp/0")
        l4 = f"udp/{sock.getsockname()[1]}"
        self._loop.watch(sock, READ, lambda: self._datagrams(sock, l4))
        return l4

    def _bind_all(self, ports: list[str]) -> None:
        for l4 in ports:
            try:
                sock = self._open(l4)
            except OSError as error:
                why = f"{errno.errorcode.get(error.errno or 0, 'error')}: {(error.strerror or str(error)).lower()}"
                if self._trouble.get(l4) != why:
                    self._trouble[l4] = why
                    self._changed()
                continue
            self._trouble.pop(l4, None)
            self._bound[l4] = sock
            if l4.startswith("tcp"):
                self._loop.watch(sock, READ, lambda sock=sock, l4=l4: self._connections(sock, l4))  # type: ignore[misc]
            else:
                self._loop.watch(sock, READ, lambda sock=sock, l4=l4: self._datagrams(sock, l4))  # type: ignore[misc]
            self._changed()
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._loop.call_later(RETRY_SECONDS, self._bind_again) if self._trouble else None

    def _bind_again(self) -> None:
        self._bind_all(sorted(self._trouble))

    def _open(self, l4: str) -> socket.socket:
        protocol, _, port = l4.partition("/")
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if protocol == "tcp":
                # Connections of a predecessor that are still winding down must not keep the port; a listener still does.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._address, int(port)))
            if protocol == "tcp":
                sock.listen(MAX_CLIENTS)
        except OSError:
            sock.close()
            raise
        return sock

    def _datagrams(self, sock: socket.socket, l4: str) -> None:
        for _ in range(AT_ONCE):
            try:
                data, sender = sock.recvfrom(questions.SIZE + 1)
                answer = questions.answer_to(self.key, l4, data)
                if answer is not None:
                    sock.sendto(answer, sender)
            except BlockingIOError:
                return
            except OSError:
                continue  # what became of an earlier answer; its dialler will tell

    def _connections(self, sock: socket.socket, l4: str) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = sock.accept()
            except OSError:
                return  # none left, or gone before it was taken
            while len(self._clients) >= MAX_CLIENTS:
                self._drop(next(iter(self._clients)))
            connection.setblocking(False)
            self._clients[connection] = _Client(
                l4,
                self._loop.call_later(CLIENT_SECONDS, lambda gone=connection: self._drop(gone)),  # type: ignore[misc]
            )
            self._loop.watch(connection, READ, lambda open=connection: self._hear(open))  # type: ignore[misc]

    def _hear(self, connection: socket.socket) -> None:
        client = self._clients[connection]
        try:
            data = connection.recv(questions.SIZE + 1 - len(client.received))
            client.received += data
            if (
                data
                and len(client.received) < questions.SIZE
                and client.received.startswith(questions.MAGIC[: len(client.received)])
            ):
                return
            answer = questions.answer_to(self.key, client.l4, client.received)
            if answer is not None:
                connection.send(answer)
        except BlockingIOError:
            return
        except OSError:
            pass  # the other end is gone
        self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        client = self._clients.pop(connection, None)
        if client is not None:
            client.timer.cancel()
            self._loop.close(connection)


class _Client:
    __slots__ = ("l4", "received", "timer")

    def __init__(self, l4: str, timer: Timer) -> None:
        self.l4 = l4
        self.timer = timer
        self.received = b""
