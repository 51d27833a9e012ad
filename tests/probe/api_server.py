"""An API server of our own over TLS on loopback: one PathProbe to watch, its status to patch, and faults on demand.

It knows nothing of Kubernetes but what the probe asks: a watch that begins with ADDED, a merge patch of the status, a bearer token.
"""

from __future__ import annotations

import ipaddress
import json
import queue
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

COLLECTION = "/apis/pathcheck.dev/v1alpha1/namespaces/pathcheck-system/pathprobes"
TOKEN = "a-token"


@cache
def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8
    return certificate.public_bytes(pem), key.private_bytes(pem, plain, serialization.NoEncryption())


def account(directory: Path) -> Path:
    """A service account's directory: ca.crt and token."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "ca.crt").write_bytes(_certificate()[0])
    (directory / "token").write_text(TOKEN)
    return directory


class ApiServer:
    """`statuses` are the patched ones in order; `watches` counts those begun; `fail` holds HTTP statuses for the next requests."""

    def __init__(self, directory: Path) -> None:
        self.statuses: queue.Queue[dict[str, Any]] = queue.Queue()
        self.requests: queue.Queue[str] = queue.Queue()
        self.fail: list[int] = []
        self.tokens = {TOKEN}
        self._probe: dict[str, Any] | None = None
        self._watchers: list[queue.Queue[dict[str, Any] | None]] = []
        self._lock = threading.Lock()
        certificate = directory / "server.pem"
        certificate.write_bytes(b"".join(_certificate()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = self

        class Handler(_Handler):
            api = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def put(self, spec: dict[str, Any], uid: str = "uid-1") -> None:
        """The operator writes the PathProbe's spec."""
        with self._lock:
            generation = self._probe["metadata"]["generation"] + 1 if self._probe else 1
            metadata = {"name": "node-1", "uid": uid, "generation": generation}
            had, self._probe = self._probe, {"metadata": metadata, "spec": spec}
            self._tell("MODIFIED" if had else "ADDED", self._probe)

    def expire(self) -> None:
        """Every watch ends as when its history was compacted away."""
        with self._lock:
            self._tell("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})

    def cut(self) -> None:
        """Every watch's connection ends."""
        with self._lock:
            for watcher in self._watchers:
                watcher.put(None)
            self._watchers.clear()

    def close(self) -> None:
        """Nobody answers any more."""
        self.cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def watcher(self) -> queue.Queue[dict[str, Any] | None]:
        """What one watch is to say."""
        watcher: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self._lock:
            if self._probe is not None:
                watcher.put({"type": "ADDED", "object": self._probe})
            self._watchers.append(watcher)
        return watcher

    def patched(self, status: dict[str, Any]) -> None:
        """The probe writes its status, and every watch says so."""
        with self._lock:
            assert self._probe is not None
            self._probe = self._probe | {"status": status}
            self._tell("MODIFIED", self._probe)
        self.statuses.put(status)

    def _tell(self, type_: str, body: dict[str, Any]) -> None:
        for watcher in self._watchers:
            watcher.put({"type": type_, "object": body})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ApiServer

    def do_GET(self) -> None:
        if self._refused():
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        watcher = self.api.watcher()
        try:
            while (event := watcher.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                # In two chunks, as a long event comes.
                for part in (line[:7], line[7:]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        except OSError:
            pass
        self.close_connection = True

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._refused():
            return
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        self.api.patched(body["status"])
        self._say(200, {"kind": "PathProbe"})

    def _refused(self) -> bool:
        self.api.requests.put(f"{self.command} {self.path}")
        if self.headers["Authorization"] not in {f"Bearer {token}" for token in self.api.tokens}:
            self._say(401, {"kind": "Status", "message": "Unauthorized"})
            return True
        known = {
            "GET": f"{COLLECTION}?watch=1&fieldSelector=metadata.name%3Dnode-1",
            "PATCH": f"{COLLECTION}/node-1/status",
        }
        if not self.path.startswith(known[self.command]):
            self._say(404, {"kind": "Status", "message": "the server could not find the requested resource"})
            return True
        if self.api.fail:
            status = self.api.fail.pop(0)
            self._say(status, {"kind": "Status", "message": f"a fault was asked for: {status}"})
            return True
        return False

    def _say(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def serving(directory: Path) -> Iterator[ApiServer]:
    """An API server until the end of the block."""
    server = ApiServer(directory)
    try:
        yield server
    finally:
        server.close()
