"""Faults, the request log and what the server makes of requests that no client of Google's would send."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.api_core.exceptions import Forbidden, ServiceUnavailable, TooManyRequests
from google.cloud import compute_v1

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import PROJECT

FIREWALLS = f"/compute/v1/projects/{PROJECT}/global/firewalls"


def ask(emulator: Serving, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """One request on a connection of its own: code and parsed body."""
    url = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=10)
    try:
        connection.request(method, path, body if isinstance(body, str | None) else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_missing_permission(emulator: Serving) -> None:
    """A fault with a permission is the client's Forbidden, in Google's words, on the project or on the resource."""
    fault = {"match": {"path": "/firewalls"}, "answer": 403, "permission": "compute.firewalls.list", "times": 2}
    assert ask(emulator, "POST", "/lab/faults", fault) == (200, {"id": 1, **fault})
    firewalls = emulator.client(compute_v1.FirewallsClient)
    project = rf"Required 'compute\.firewalls\.list' permission for 'projects/{PROJECT}'"
    with pytest.raises(Forbidden, match=project):
        firewalls.list(project=PROJECT)
    with pytest.raises(Forbidden, match=f"permission for 'projects/{PROJECT}/global/firewalls/default-allow-ssh'"):
        firewalls.get(project=PROJECT, firewall="default-allow-ssh")
    assert len(list(firewalls.list(project=PROJECT))) == 6


def test_rate_limits(emulator: Serving) -> None:
    """An exhausted rate is 403 rateLimitExceeded as on Compute Engine, or 429, until the fault is deleted."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    ask(emulator, "POST", "/lab/faults", {"match": {}, "answer": 403})
    code, body = ask(emulator, "GET", FIREWALLS)
    assert (code, body["error"]["errors"][0]["reason"]) == (403, "rateLimitExceeded")
    ask(emulator, "DELETE", "/lab/faults")
    ask(emulator, "POST", "/lab/faults", {"match": {"method": "GET"}, "answer": 429})
    with pytest.raises(TooManyRequests):
        firewalls.get(project=PROJECT, firewall="default-allow-ssh")
    ask(emulator, "DELETE", "/lab/faults")
    assert ask(emulator, "GET", "/lab/faults") == (200, {"faults": []})
    assert firewalls.get(project=PROJECT, firewall="default-allow-ssh").priority == 65534


def test_a_fault_keeps_the_call_from_happening(emulator: Serving) -> None:
    """A call that is answered by a fault, or cut, changes nothing; a fault for another method does not touch it."""
    before = list(emulator.enforcer.given)
    ask(emulator, "POST", "/lab/faults", {"match": {"method": "PUT"}, "answer": 500})
    ask(emulator, "POST", "/lab/faults", {"match": {"method": "DELETE"}, "answer": 503, "times": 1})
    ask(emulator, "POST", "/lab/faults", {"match": {"method": "DELETE"}, "cut": True, "times": 1})
    firewalls = emulator.client(compute_v1.FirewallsClient)
    with pytest.raises(ServiceUnavailable):
        firewalls.delete_unary(project=PROJECT, firewall="default-allow-ssh")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")
    assert emulator.enforcer.given == before
    assert ask(emulator, "DELETE", f"{FIREWALLS}/default-allow-ssh")[0] == 200


def test_a_delay_lets_the_call_happen(emulator: Serving) -> None:
    """A fault that only delays answers as ever, and the log says which fault it was."""
    ask(emulator, "POST", "/lab/faults", {"match": {}, "delaySeconds": 0.01, "times": 1})
    assert ask(emulator, "GET", FIREWALLS)[0] == 200
    assert [entry.get("fault") for entry in emulator.journal.latest()] == [1]


WRONG_FAULTS = {
    "'answer': '418'": {"match": {}, "answer": 418},
    "'permission': 'p'": {"match": {}, "answer": 500, "permission": "p"},
    "'delaySeconds': '-1'": {"match": {}, "delaySeconds": -1},
    "'times': '0'": {"match": {}, "answer": 500, "times": 0},
    "'cut': 'yes'": {"match": {}, "cut": "yes"},
    "'match.path': '['": {"match": {"path": "["}, "answer": 500},
    "'match.host': 'h'": {"match": {"host": "h"}, "answer": 500},
    "'anwser': '500'": {"match": {}, "anwser": 500},
    "'fault': '{'match': {}}'": {"match": {}},
    "'fault': '[]'": [],
}


@pytest.mark.parametrize("named", WRONG_FAULTS)
def test_wrong_faults(emulator: Serving, named: str) -> None:
    """A fault that makes no sense is refused by the field that is wrong."""
    code, body = ask(emulator, "POST", "/lab/faults", WRONG_FAULTS[named])
    assert (code, f"Invalid value for field {named}." in body["error"]["message"]) == (400, True), body


def test_request_log(emulator: Serving) -> None:
    """Every request to the API is logged with its answer's code; those to the side door are not."""
    ask(emulator, "GET", f"{FIREWALLS}?maxResults=1")
    ask(emulator, "GET", f"{FIREWALLS}/nope")
    _, body = ask(emulator, "GET", "/lab/requests")
    seen = [(entry["method"], entry["path"], entry["parameters"], entry["status"]) for entry in body["requests"]]
    assert seen == [("GET", FIREWALLS, {"maxResults": "1"}, 200), ("GET", f"{FIREWALLS}/nope", {}, 404)]


def test_no_side_door_outside(serve: Callable[..., Serving]) -> None:
    """A listener that is not the loopback one has no side door."""
    outside = serve(side_door=False)
    assert ask(outside, "GET", "/lab/requests")[0] == 404
    assert ask(outside, "POST", "/lab/faults", {"match": {}, "answer": 500})[0] == 404


def test_without_the_prefix(emulator: Serving) -> None:
    """The API is found with and without /compute/v1 before its paths."""
    assert ask(emulator, "GET", FIREWALLS.removeprefix("/compute/v1")) == ask(emulator, "GET", FIREWALLS)


ODD_REQUESTS = {
    "a body that is no JSON": ("POST", FIREWALLS, "{", 400, "Invalid JSON payload received."),
    "a body that is no object": ("POST", FIREWALLS, "[]", 400, "Root element must be a message."),
    "an unknown parameter": (
        "GET",
        f"{FIREWALLS}?max=1",
        None,
        400,
        'Unknown name "max": Cannot bind query parameter.',
    ),
    "a partial response": ("GET", f"{FIREWALLS}?fields=items", None, 400, 'Unknown name "fields"'),
    "a call that is not emulated": ("GET", f"/compute/v1/projects/{PROJECT}/global/images", None, 404, "has no GET"),
    "a method that is not emulated": ("DELETE", FIREWALLS, None, 404, "The emulator has no DELETE"),
    "no network for a region's firewalls": (
        *("GET", f"/compute/v1/projects/{PROJECT}/regions/us-east1/firewallPolicies/getEffectiveFirewalls", None, 400),
        "Required field 'network' not specified",
    ),
}


@pytest.mark.parametrize("case", ODD_REQUESTS)
def test_odd_requests(emulator: Serving, case: str) -> None:
    """What the API or the emulator does not know is refused aloud, in Google's body."""
    method, path, body, expected, words = ODD_REQUESTS[case]
    code, answer = ask(emulator, method, path, body)
    assert (code, answer["error"]["code"], words in answer["error"]["message"]) == (expected, expected, True), answer


def test_null_empties_a_field(emulator: Serving) -> None:
    """A PATCH with null empties a field, which then has its default."""
    path = f"{FIREWALLS}/gke-august-period-234610-all"
    assert ask(emulator, "PATCH", path, {"sourceRanges": None, "targetTags": ["a"]})[0] == 200
    rule = ask(emulator, "GET", path)[1]
    assert (rule["sourceRanges"], rule["targetTags"]) == (["0.0.0.0/0"], ["a"])
