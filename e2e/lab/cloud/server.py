"""HTTP: requests in, answers out, on as many listening sockets as are asked for.

The side door (`/lab/…`) is opened on loopback listeners only: what a lab's pods can reach must look like the real API.

| side door            |                                                     |
|----------------------|-----------------------------------------------------|
| POST /lab/faults     | adds a fault (faults.py has its fields), answers it |
| GET /lab/faults      | `{"faults": [...]}` that are still waiting          |
| DELETE /lab/faults   | forgets them all                                    |
| GET /lab/requests    | `{"requests": [...]}`, the latest last              |
| POST /lab/audit      | changes settings (audit_log.py has them)            |
| GET /lab/audit       | the settings, and how many `entries` there are      |
| DELETE /lab/audit    | their defaults; `{"entries": true}` forgets those   |
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from e2e.lab.cloud import batch
from e2e.lab.cloud.api import Api
from e2e.lab.cloud.audit_entries import Caller
from e2e.lab.cloud.clock import Clock
from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.faults import Fault, Faults
from e2e.lab.cloud.journal import Journal
from e2e.lab.cloud.permissions import Needed, needed
from e2e.lab.cloud.reading import Call
from e2e.lab.cloud.store import Json

PREFIX = "/compute/v1"
# The journal's, which is compared with other processes': never the cloud's.
_THIS_MACHINE = Clock()
# Firewall rules with every list at its limit stay below this.
LARGEST_BODY = 1_000_000


@dataclass(frozen=True, slots=True)
class Emulator:
    """What all listeners share."""

    api: Api
    faults: Faults
    journal: Journal


class Listener(ThreadingHTTPServer):
    """One listening socket, which may have been made in another network namespace."""

    daemon_threads = True
    # Open keep-alive connections must not hold up the end.
    block_on_close = False

    def __init__(self, name: str, listening: socket.socket, emulator: Emulator, *, side_door: bool) -> None:
        super().__init__(listening.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.name = name
        self.emulator = emulator
        self.side_door = side_door

    @property
    def url(self) -> str:
        """Where clients find the API, as their endpoint."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Serves in a thread until `shutdown`."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, name=self.name, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "compute-emulator"
    # An answer is two writes; delayed acknowledgements would hold back the second.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer, by the cloud's clock."""
        now = self.server.emulator.api.clock.now().timestamp()
        return super().date_time_string(now if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the journal has it."""

    def _serve(self) -> None:
        try:
            text = self._text()
            if self.command == "POST" and urlsplit(self.path).path in batch.PATHS:
                self._serve_batch(batch.parts(self.headers.get("Content-Type", ""), text))
                return
        except ApiError as error:
            self._answer(error.code, error.body())
            return
        answered = self._call(self.command, self.path, text)
        if answered is None:
            self._cut()
        else:
            self._answer(*answered)

    def _serve_batch(self, parts: list[batch.Part]) -> None:
        answers = []
        for part in parts:
            answered = self._call(part.method, part.target, part.text)
            if answered is None:
                self._cut()
                return
            answers.append((part.content_id, *answered))
        self._send(200, *batch.joined(answers))

    def _call(self, method: str, target: str, text: bytes) -> tuple[int, Json] | None:
        """Code and body of one call's answer, told to the journal and the audit log; None for a connection to be cut."""
        began = time.monotonic()
        emulator = self.server.emulator
        audit = emulator.api.audit
        caller = self._caller()
        url = urlsplit(target)
        path = unquote(url.path)
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        is_side_door = self.server.side_door and path.startswith("/lab/")
        call_path = path.removeprefix(PREFIX)
        need = needed(method, call_path, parameters)
        fault = None if is_side_door else emulator.faults.take(method, path, need.permission)
        change = None if is_side_door else audit.begun(method, call_path, parameters, need.permission)
        body = None
        try:
            body = _parsed(text)
            error = self._suffer(fault, need)
            if error:
                raise error
            if is_side_door:
                answer = self._side_door(method, path, body)
            else:
                answer = emulator.api.answer(Call(method, call_path, parameters, body, caller.principal))
            code = 200
        except ApiError as error:
            code, answer = error.code, error.body()
        cut = fault is not None and fault.cut
        if change and not cut:
            audit.ended(change, caller, body, code, answer)
        if not is_side_door:
            entry: Json = {
                "time": _THIS_MACHINE.timestamp(),
                "listener": self.server.name,
                "client": caller.address,
                "userAgent": caller.agent,
                "method": method,
                "path": path,
                "parameters": parameters,
                "status": 0 if cut else code,
                "seconds": round(time.monotonic() - began, 4),
            }
            emulator.journal.add(entry | ({"fault": fault.number} if fault else {}))
        return None if cut else (code, answer)

    def _caller(self) -> Caller:
        principal = self.server.emulator.api.audit.principal(self.headers.get("Authorization", ""))
        return Caller(principal, self.client_address[0], self.headers.get("User-Agent", ""))

    def _suffer(self, fault: Fault | None, need: Needed) -> ApiError | None:
        if fault is None:
            return None
        if fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        if fault.cut:
            # Cut before anything happened: the code is never sent.
            return ApiError(503, "backendError", "cut")
        return fault.error(need)

    def _text(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            raise ApiError(400, "badRequest", f"The body must have a Content-Length of at most {LARGEST_BODY}.")
        return self.rfile.read(int(length))

    def _side_door(self, method: str, path: str, body: Any) -> Json:
        emulator = self.server.emulator
        match method, path:
            case "POST", "/lab/faults":
                return emulator.faults.add(body)
            case "GET", "/lab/faults":
                return {"faults": emulator.faults.described()}
            case "DELETE", "/lab/faults":
                emulator.faults.clear()
                return {}
            case "GET", "/lab/requests":
                return {"requests": emulator.journal.latest()}
            case "POST", "/lab/audit":
                return emulator.api.audit.set(body)
            case "GET", "/lab/audit":
                return emulator.api.audit.described()
            case "DELETE", "/lab/audit":
                return emulator.api.audit.reset(body)
        raise ApiError(404, "notFound", f"The side door has no {method} {path}")

    def _answer(self, code: int, answer: Json) -> None:
        self._send(code, "application/json; charset=UTF-8", json.dumps(answer, indent=1).encode())

    def _send(self, code: int, content_type: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        # Linger for zero seconds: the client sees a reset, not an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def _parsed(text: bytes) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ApiError(400, "parseError", f"Invalid JSON payload received. {error}") from error


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening TCP socket in the network namespace of the calling thread; port 0 is any free one.

    Raises:
        OSError: the address is not there or taken.
    """
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
