"""Asking the emulated audit log, and having it otherwise."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import PROJECT
from tests.lab.cloud.test_side_door import ask

OF_PROJECT = f"projects/{PROJECT}"
SSH = f"{OF_PROJECT}/global/firewalls/default-allow-ssh"
ENTRIES = "/v2/entries:list"
ALLOW = {"name": "new", "allowed": [{"IPProtocol": "tcp"}]}
UNCHANGED = {
    "principal": "owner@example.com",
    "tokens": {},
    "delaySeconds": 0,
    "silent": False,
    "pageSize": 1000,
    "emptyPages": 0,
    "clockSeconds": 0,
}


def entries(emulator: Serving, query: str = "", *names: str, **more: Any) -> list[dict[str, Any]]:
    """The first page of the project's entries, or of others'."""
    body = {"resourceNames": list(names) or [OF_PROJECT], "filter": query} | more
    code, answer = ask(emulator, "POST", ENTRIES, body)
    assert code == 200, answer
    found: list[dict[str, Any]] = answer.get("entries", [])
    return found


def told(emulator: Serving, query: str = "", *names: str) -> list[tuple[str, str, str]]:
    """Method and resource of each entry, and what became of it: `first`, `last`, or the status' code."""
    return [
        (
            entry["protoPayload"]["methodName"],
            entry["protoPayload"]["resourceName"],
            next((key for key in ("first", "last") if entry.get("operation", {}).get(key)), "")
            or str(entry["protoPayload"]["status"]["code"]),
        )
        for entry in entries(emulator, query, *names)
    ]


def sent(emulator: Serving, method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
    """One request with headers; its answer is read."""
    url = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def audit(emulator: Serving, **settings: Any) -> None:
    assert ask(emulator, "POST", "/lab/audit", settings)[0] == 200
