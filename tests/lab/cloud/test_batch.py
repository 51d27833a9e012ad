"""Many calls in one request, as gcloud sends them when several rules are named."""

from __future__ import annotations

import json
import urllib.request
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.error import HTTPError

import pytest

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import PROJECT, entries

FIREWALLS = f"/compute/v1/projects/{PROJECT}/global/firewalls"


def sent(emulator: Serving, content_type: str, body: str) -> Message:
    request = urllib.request.Request(
        f"{emulator.url}/batch/compute/v1", body.encode(), {"Content-Type": content_type}, method="POST"
    )
    with urllib.request.urlopen(request) as response:
        head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n"
        return BytesParser(policy=HTTP).parsebytes(head.encode() + response.read())


def batch(*requests: str) -> str:
    parts = (
        f"--b\nContent-Type: application/http\nContent-ID: <base+{number}>\n\n{request}\n"
        for number, request in enumerate(requests)
    )
    return "".join(parts) + "--b--\n"


def answered(emulator: Serving, *requests: str) -> list[tuple[str, str, dict[str, object]]]:
    """Content-ID, status line and JSON of each call's answer."""
    found = []
    for part in sent(emulator, 'multipart/mixed; boundary="b"', batch(*requests)).get_payload():
        assert isinstance(part, EmailMessage)
        line, _, rest = part.get_content().decode().partition("\r\n")
        found.append((part["Content-ID"], line, json.loads(rest.partition("\r\n\r\n")[2])))
    return found


def test_each_call_is_answered_by_itself(emulator: Serving) -> None:
    """Two rules are deleted and one is made; one that is not there is a 404 of its own."""
    rule = json.dumps({"name": "dns", "allowed": entries("udp:53")})
    got = answered(
        emulator,
        f"DELETE {FIREWALLS}/default-allow-rdp?alt=json HTTP/1.1\nContent-Type: application/json\n\n",
        f"DELETE {FIREWALLS}/nosuch HTTP/1.1\n\n",
        f"POST {FIREWALLS}?alt=json HTTP/1.1\nContent-Type: application/json\n\n{rule}",
        f"DELETE {FIREWALLS}/default-allow-ssh HTTP/1.1\n\n",
    )
    assert [(content_id, line) for content_id, line, _ in got] == [
        ("<response-base+0>", "HTTP/1.1 200 OK"),
        ("<response-base+1>", "HTTP/1.1 404 Not Found"),
        ("<response-base+2>", "HTTP/1.1 200 OK"),
        ("<response-base+3>", "HTTP/1.1 200 OK"),
    ]
    assert [body.get("operationType") for _, _, body in got] == ["delete", None, "insert", "delete"]
    assert emulator.enforcer.given[-1] == [
        "akrobateo-fw-traefik",
        "default-allow-icmp",
        "default-allow-internal",
        "dns",
        "gke-august-period-234610-all",
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{}"),
        ("multipart/mixed; boundary=b", "nothing of the kind"),
        ("multipart/mixed; boundary=b", batch("")),
        ("multipart/mixed; boundary=b", batch(*["GET / HTTP/1.1\n\n"] * 1001)),
    ],
)
def test_what_is_no_batch_is_refused(emulator: Serving, content_type: str, body: str) -> None:
    """It must be multipart/mixed of at most 1,000 requests."""
    with pytest.raises(HTTPError) as error:
        sent(emulator, content_type, body)
    with error.value as answer:
        assert answer.code == 400
