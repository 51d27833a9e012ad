"""A small HTTP server in Google's place: it answers what a test puts in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pathcheck.shell.reader import serve
from tests.recordings import PROJECT, Raw, recording, rule

WANTED = {"project": PROJECT, "instances": [{"zone": "us-east1-b", "name": "node-1"}]}
ROOT = f"/compute/v1/projects/{PROJECT}/"
EFFECTIVE = "regions/us-east1/firewallPolicies/getEffectiveFirewalls"


@dataclass
class Cloud:
    """Answers by path; a page token is part of it (`global/firewalls#2`). An answer may be a list: one a request, the last for ever."""

    answers: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    url: str = ""
    ahead: float = 0

    def answer(self, url: str) -> tuple[int, Any]:
        parts = urlsplit(url)
        token = parse_qs(parts.query).get("pageToken", [""])[0]
        parent = parse_qs(parts.query).get("parent", [""])[0]
        path = parts.path.removeprefix(ROOT) + parent + (f"#{token}" if token else "")
        self.asked.append(path)
        answer = self.answers.get(path, (404, error("notFound", f"no {path}")))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, tuple) else (200, answer)


def error(reason: str, message: str) -> Raw:
    return {"error": {"message": message, "errors": [{"reason": reason, "message": message}]}}


@contextmanager
def served() -> Iterator[Cloud]:
    """The story's nodes and two pages of rules."""
    kept = recording(rule("a"), rule("b", sourceFuture=["x"]))
    instances = [i | {"metadata": {"items": [{"key": "kube-env", "value": "secret"}]}} for i in kept["instances"]]
    cloud = Cloud(
        {
            "aggregated/instances": {
                "items": {"zones/us-east1-b": {"instances": instances}, "zones/x": {"warning": {}}}
            },
            "global/firewalls": {"items": kept["firewalls"][:1], "nextPageToken": "2"},
            "global/firewalls#2": {"items": kept["firewalls"][1:]},
            "global/networks": {"items": kept["networks"]},
            "global/routes": {"items": kept["routes"]},
            "aggregated/subnetworks": {"items": {"regions/us-east1": {"subnetworks": [{"name": "default"}]}}},
            EFFECTIVE: {"firewallPolicys": []},
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = asked.get("pageToken")
            self._answer(*cloud.answer(f"{self.path}?pageToken={token}" if token else self.path))

        def do_GET(self) -> None:
            self._answer(*cloud.answer(self.path))

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + cloud.ahead)

        def _answer(self, code: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    yield cloud
    server.shutdown()
    server.server_close()
    thread.join()


def answers(cloud: Cloud, *lines: str) -> list[Raw]:
    said: list[str] = []
    serve(lines, said.append, cloud.url)
    return [json.loads(line) for line in said]


def read(cloud: Cloud) -> Raw:
    (answer,) = answers(cloud, json.dumps({"read": WANTED}))
    return answer
