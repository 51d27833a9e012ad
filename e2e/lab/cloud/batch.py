"""Batch requests: many calls in one body, as `gcloud compute firewall-rules delete` sends them for more than one name.

Each part of a multipart/mixed body is a whole HTTP request; each part of the answer is a whole HTTP response whose Content-ID is that
of its request after `response-` (https://docs.cloud.google.com/compute/docs/api/how-tos/batch). The calls are made one after
another, and one that is refused refuses nothing but itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus

from e2e.lab.cloud.errors import ApiError
from e2e.lab.cloud.store import Json

PATHS = frozenset({"/batch", "/batch/compute/v1"})
MOST_CALLS = 1000
_BOUNDARY = "batch_of_answers"


@dataclass(frozen=True, slots=True)
class Part:
    """One call: `target` is the path with its query, `text` the body."""

    content_id: str
    method: str
    target: str
    text: bytes


def parts(content_type: str, text: bytes) -> list[Part]:
    """The calls of a batch.

    Raises:
        ApiError: 400, it is none.
    """
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + text)
    if message.get_content_type() != "multipart/mixed" or not message.is_multipart():
        raise _refused("The body of a batch request must be multipart/mixed.")
    found = [_part(part) for part in message.iter_parts()]
    if len(found) > MOST_CALLS:
        raise _refused(f"The batch request has {len(found)} calls; the limit is {MOST_CALLS}.")
    return found


def _part(part: Message) -> Part:
    payload = part.get_payload(decode=True)
    line, _, rest = payload.lstrip().partition(b"\n") if isinstance(payload, bytes) else (b"", b"", b"")
    words = line.decode("utf-8", "replace").split()
    if part.get_content_type() != "application/http" or len(words) not in (2, 3):
        raise _refused("Each part of a batch request must be application/http with a request line.")
    # What follows the request line are headers and a body, as in a message; nothing in the headers changes an answer here.
    inner = BytesParser(policy=HTTP).parsebytes(rest).get_payload(decode=True)
    return Part(str(part.get("Content-ID", "")), words[0], words[1], inner if isinstance(inner, bytes) else b"")


def joined(answers: Iterable[tuple[str, int, Json]]) -> tuple[str, bytes]:
    """Content-Type and body of the answer to (Content-ID, code, answer) of each call."""
    pieces = []
    for content_id, code, answer in answers:
        body = json.dumps(answer, indent=1)
        pieces.append(
            f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <response-{content_id.strip('<>')}>\r\n\r\n"
            f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\nContent-Type: application/json; charset=UTF-8\r\n"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}\r\n"
        )
    return f'multipart/mixed; boundary="{_BOUNDARY}"', ("".join(pieces) + f"--{_BOUNDARY}--\r\n").encode()


def _refused(why: str) -> ApiError:
    return ApiError(400, "badRequest", why)
