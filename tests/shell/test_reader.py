"""The real google-cloud-compute client against a small HTTP server of ours: what is asked, what is kept, and how it fails."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.api_core.exceptions import Unauthorized

from pathcheck.shell.reader import _read_error, serve
from pathcheck.wire.firewall_rules import firewall_of
from tests.recordings import PROJECT, Raw, recording, rule

WANTED = {"project": PROJECT, "instances": [{"zone": "us-east1-b", "name": "node-1"}]}
ROOT = f"/compute/v1/projects/{PROJECT}/"


@dataclass
class Cloud:
    """Answers by path; a page token is part of it (`global/firewalls#2`). An answer may be a list: one a request, the last for ever."""

    answers: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, url: str) -> tuple[int, Any]:
        parts = urlsplit(url)
        token = parse_qs(parts.query).get("pageToken", [""])[0]
        path = parts.path.removeprefix(ROOT) + (f"#{token}" if token else "")
        self.asked.append(path)
        answer = self.answers.get(path, (404, error("notFound", f"no {path}")))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, tuple) else (200, answer)


def error(reason: str, message: str) -> Raw:
    return {"error": {"message": message, "errors": [{"reason": reason, "message": message}]}}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
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
            "regions/us-east1/firewallPolicies/getEffectiveFirewalls": {"firewallPolicys": []},
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = cloud.answer(self.path)
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


def test_a_recording_is_made_of_raw_answers(cloud: Cloud) -> None:
    """All pages, with the field that no client knows, and of instances nothing that is secret."""
    expected = recording(rule("a"), rule("b", sourceFuture=["x"])) | {"subnetworks": [{"name": "default"}]}
    effective = [{"network": "default", "region": "us-east1", "answer": {"firewallPolicys": []}}]
    assert read(cloud) == {"recording": expected | {"effectiveFirewalls": effective}}


def test_each_list_is_read_once(cloud: Cloud) -> None:
    """One call a list and page, and one a network and region."""
    read(cloud)
    assert sorted(cloud.asked) == sorted(cloud.answers)


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("aggregated/instances", "compute.instances.list"),
        ("global/firewalls", "compute.firewalls.list"),
    ],
)
def test_what_nothing_can_be_said_without(cloud: Cloud, path: str, permission: str) -> None:
    """Without rules or machines there is no recording, and the permission is named."""
    cloud.answers[path] = (403, error("forbidden", f"Required '{permission}' permission for 'projects/p'"))
    failure = read(cloud)["error"]
    assert (failure["kind"], failure["permission"]) == ("forbidden", permission)


@pytest.mark.parametrize(
    ("path", "key", "permission"),
    [
        ("global/routes", "routes", "compute.routes.list"),
        ("global/networks", "networks", "compute.networks.list"),
        ("aggregated/subnetworks", "subnetworks", "compute.subnetworks.list"),
        (
            "regions/us-east1/firewallPolicies/getEffectiveFirewalls",
            "effectiveFirewalls",
            "compute.networks.getRegionEffectiveFirewalls",
        ),
    ],
)
def test_what_can_be_done_without(cloud: Cloud, path: str, key: str, permission: str) -> None:
    """One missing permission leaves out one list, and says which."""
    cloud.answers[path] = (403, error("forbidden", "no"))
    answer = read(cloud)["recording"]
    assert answer[key] == []
    assert answer["unavailable"][key].endswith(f"(missing permission {permission})")
    assert [p.where for p in firewall_of(answer).problems if p.where == key] == [key]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ((403, error("rateLimitExceeded", "Quota exceeded for quota group 'ListGroup'")), "rate-limited"),
        ((404, error("notFound", "no such project")), "invalid"),
        ((400, error("invalid", "Invalid value")), "invalid"),
    ],
)
def test_failures_have_a_kind(cloud: Cloud, failure: Any, kind: str) -> None:
    """What the operator does next depends on it; no permission is named where none is missing."""
    cloud.answers["global/firewalls"] = failure
    answer = read(cloud)["error"]
    assert (answer["kind"], "permission" in answer) == (kind, False)


def test_the_role_that_the_documentation_makes_is_what_is_asked(cloud: Cloud) -> None:
    """docs/gke.md grants each permission that some call lacks when it is refused, and no other."""
    missing = set()
    for path in [p for p in cloud.answers if "#" not in p]:
        kept, cloud.answers[path] = cloud.answers[path], (403, error("forbidden", "no"))
        answer = read(cloud)
        said = answer["error"]["permission"] if "error" in answer else str(answer["recording"]["unavailable"])
        missing |= set(re.findall(r"compute\.[A-Za-z.]+", said))
        cloud.answers[path] = kept
    page = (Path(__file__).parents[2] / "docs" / "gke.md").read_text()
    (granted,) = re.findall(r"--permissions=(\S+)", page)
    assert set(granted.split(",")) == missing


@pytest.mark.parametrize("path", ["aggregated/instances", "global/routes"])
def test_credentials_that_are_not_taken_are_no_missing_permission(cloud: Cloud, path: str) -> None:
    """401 is said as what it is, even of a list that could be done without; the client's own try to renew them ends here."""
    cloud.answers[path] = (401, error("authError", "Invalid Credentials"))
    why = "no usable credentials: Anonymous credentials cannot be refreshed."
    assert read(cloud)["error"] == {"kind": "unavailable", "why": why}


def test_credentials_that_were_renewed_in_vain() -> None:
    """The API's 401 to the renewed ones is no missing permission either."""
    failure = _read_error(Unauthorized("Invalid Credentials"), "compute.routes.list")  # type: ignore[no-untyped-call]
    said = (failure.kind, str(failure), failure.permission)
    assert said == ("unavailable", "the Compute API does not take the credentials: Invalid Credentials", "")


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_passes_is_tried_again(cloud: Cloud, code: int) -> None:
    """One bad answer among good ones is no failure."""
    cloud.answers["global/firewalls#2"] = [(code, error("backendError", "later")), cloud.answers["global/firewalls#2"]]
    assert [f["name"] for f in read(cloud)["recording"]["firewalls"]] == ["a", "b"]


def test_nobody_answers() -> None:
    """A refused connection is told as one."""
    nobody = Cloud({}, url="http://127.0.0.1:1")
    failure = read(nobody)["error"]
    assert failure["kind"] == "unavailable"
    assert failure["why"].startswith("the Compute API does not answer: ")


def test_a_bad_request_is_answered_and_the_next_one_too(cloud: Cloud) -> None:
    """The reader does not die of what it is told."""
    kinds = [next(iter(a)) for a in answers(cloud, "{", '{"reed": 1}', json.dumps({"read": WANTED}))]
    assert kinds == ["error", "error", "recording"]
