"""HTTP/1.1 over TLS to the API server, as much as a watch and a patch need; http.client would cost 2 MiB.

The server is dialled by the address of one of its machines: neither DNS nor a Service's virtual address need to work. Requests are
rare (a heartbeat, a transition), so that each has its own connection: none can be found dead when it is needed.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
MAX_HEAD = 16 * 1024
# etcd takes objects of up to 1.5 MiB; a watch event says one.
MAX_BODY = 4 * 1024 * 1024
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class ApiError(Exception):
    """The API server did not do what was asked: it cannot be reached, or it says why not."""


class Answer:
    """Takes bytes as they come and gives them without HTTP around: `status`, then the lines or the whole of the body."""

    def __init__(self) -> None:
        self.status = 0
        self.done = False
        self._raw = b""
        self._body = b""
        self._chunked = False
        self._length: int | None = None  # None: until the connection ends

    def feed(self, data: bytes) -> None:
        """Raises ApiError for what is no HTTP, or too much of it."""
        self._raw += data
        if not self.status and not self._head():
            return
        if self._chunked:
            self._chunks()
        else:
            self._body, self._raw = self._body + self._raw, b""
            self.done = self._length is not None and len(self._body) >= self._length
        if len(self._body) > MAX_BODY:
            raise ApiError("the API server's answer is too long")

    def lines(self) -> list[bytes]:
        """The whole lines of the body that were not taken before."""
        *lines, self._body = self._body.split(b"\n")
        return lines

    def body(self) -> bytes:
        """All of it that is there."""
        return self._body

    def _head(self) -> bool:
        head, end, rest = self._raw.partition(b"\r\n\r\n")
        if not end:
            if len(head) > MAX_HEAD:
                raise ApiError("the API server's answer has no end of its head")
            return False
        first, *fields = head.split(b"\r\n")
        version, _, status = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
            raise ApiError("what answers at the API server's address does not speak HTTP/1.1")
        self.status = int(status[:3])
        headers = {name.strip().lower(): value.strip() for name, _, value in (f.partition(b":") for f in fields)}
        self._raw = rest
        self._chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        if not self._chunked and headers.get(b"content-length", b"").isdigit():
            self._length = int(headers[b"content-length"])
        return True

    def _chunks(self) -> None:
        while not self.done:
            line, end, rest = self._raw.partition(b"\r\n")
            if not end:
                if len(line) > MAX_HEAD:
                    raise ApiError("the API server's answer has a chunk without size")
                return
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError as error:
                raise ApiError("the API server's answer has a chunk without size") from error
            if size > MAX_BODY:
                raise ApiError("the API server's answer is too long")
            if not size:
                self.done = True
            elif len(rest) < size + 2:
                return
            self._body += rest[:size]
            self._raw = rest[size + 2 :]


class Api:
    """`servers` are (host, port), tried in turn from the one that worked last."""

    def __init__(self, servers: Sequence[tuple[str, int]], account: str = ACCOUNT) -> None:
        self._servers = list(servers)
        self._account = account
        self._context: ssl.SSLContext | None = None
        self._trusted_since = 0

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """A merge patch. Raises ApiError."""
        text = json.dumps(body, separators=(",", ":")).encode()
        sock = self._send("PATCH", path, text)
        with sock:
            self._answer(sock)

    def open(self, path: str) -> tuple[ssl.SSLSocket, Answer]:
        """A GET whose answer comes bit by bit: its socket does not block any more, and at least the head has been read.

        Raises ApiError.
        """
        sock = self._send("GET", path, b"")
        try:
            answer = self._answer(sock)
        except ApiError:
            sock.close()
            raise
        sock.setblocking(False)
        return sock, answer

    def _answer(self, sock: ssl.SSLSocket) -> Answer:
        """The head of an answer that says yes; the rest of a patch's would only be our own report again."""
        answer = Answer()
        try:
            while not (answer.done or 200 <= answer.status < 300):
                data = sock.recv(16384)
                if not data:
                    break
                answer.feed(data)
        except OSError as error:
            raise ApiError(f"no answer from the API server: {error}") from error
        if not answer.status:
            raise ApiError("the API server closed the connection without an answer")
        if not 200 <= answer.status < 300:
            raise ApiError(f"the API server says {answer.status}{_message(answer.body())}")
        return answer

    def _send(self, method: str, path: str, body: bytes) -> ssl.SSLSocket:
        head = [
            f"{method} {path} HTTP/1.1",
            "Host: kubernetes.default.svc",
            "User-Agent: pathcheck-probe",
            "Accept: application/json",
            "Connection: close",
        ]
        token = self._token()
        if token:
            head.append(f"Authorization: Bearer {token}")
        if body:
            head += ["Content-Type: application/merge-patch+json", f"Content-Length: {len(body)}"]
        request = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        why: Exception | None = None
        for server in list(self._servers):
            try:
                sock = self._connect(server)
                try:
                    sock.sendall(request)
                except OSError:
                    sock.close()
                    raise
                return sock
            except (OSError, ValueError) as error:  # ssl's own errors are OSErrors; ValueError: a host that is none
                why = error
                self._servers.append(self._servers.pop(0))  # the next one is tried first, also next time
        raise ApiError(f"no API server can be reached: {why}") from why

    def _connect(self, server: tuple[str, int]) -> ssl.SSLSocket:
        context = self._trust()
        plain = socket.create_connection(server, CONNECT_SECONDS)
        try:
            # A watch is silent for long: whether the other end is still there must be found out by asking (tcp(7)), in 25 s.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
            sock = context.wrap_socket(plain, server_hostname=server[0])
        except (OSError, ValueError):
            plain.close()
            raise
        sock.settimeout(ANSWER_SECONDS)
        return sock

    def _trust(self) -> ssl.SSLContext:
        path = f"{self._account}/ca.crt"
        changed = os.stat(path).st_mtime_ns  # noqa: PTH116 - pathlib would cost half a MiB
        if self._context is None or changed != self._trusted_since:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.load_verify_locations(path)
            self._trusted_since = changed
        return self._context

    def _token(self) -> str:
        # Read each time: the kubelet renews it.
        try:
            with open(f"{self._account}/token") as file:  # noqa: PTH123 - as above
                return file.read().strip()
        except OSError as error:
            raise ApiError(f"no token: {error}") from error


def _message(body: bytes) -> str:
    try:
        said = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {said[:500]}"


def servers_of(text: str) -> list[tuple[str, int]]:
    """`10.0.0.2:443,[fd00::2]:443`. Raises ValueError naming what is no server."""
    found = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        host, colon, port = item.rpartition(":")
        if not colon or not host or not port.isdigit():
            raise ValueError(f"{item!r} is not HOST:PORT")
        found.append((host.strip("[]"), int(port)))
    return found
