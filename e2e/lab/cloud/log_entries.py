"""Cloud Logging's entries.list: which entries, in which order, page by page.

https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list. Of what may be asked there the emulator has
everything but views of log buckets, billing accounts and the deprecated `projectIds`, which are errors.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from e2e.lab.cloud import log_query
from e2e.lab.cloud.errors import RpcError
from e2e.lab.cloud.store import Json

PATH = "/v2/entries:list"
MOST = 1000
DEFAULT = 50
MOST_RESOURCES = 100

_TYPES: Mapping[str, type] = {"resourceNames": list, "filter": str, "orderBy": str, "pageSize": int, "pageToken": str}
_PARAMETERS = frozenset({"alt", "$alt", "key", "prettyPrint", "quotaUser", "$.xgafv"})
# Where a page begins: after an entry's (microseconds, insertId), the time negative for the newest first.
_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    names: Collection[str]
    query: str
    newest_first: bool
    most: int
    token: str

    def key(self, entry: Json) -> _Key:
        moment = datetime.fromisoformat(entry["timestamp"])
        microseconds = int(moment.timestamp()) * 1_000_000 + moment.microsecond
        return (-microseconds if self.newest_first else microseconds), entry["insertId"]

    def digest(self) -> str:
        """What must be the same from page to page."""
        text = json.dumps([sorted(self.names), self.query, self.newest_first])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def answer(
    parameters: Mapping[str, str],
    body: Any,
    project: str,
    entries: Callable[[Collection[str]], list[Json]],
    most: int,
    empty: int,
) -> Json:
    """The body of the answer: `{"entries"?: [...], "nextPageToken"?}`.

    Args:
        parameters: of the URL.
        body: of the request.
        project: the one that there is.
        entries: those of the logs of some resources, by their names.
        most: how many entries a page has at most, if more are asked for.
        empty: how many pages without entries come first.

    Raises:
        RpcError: 400, or 404 for another project.
    """
    asked = _asked(parameters, body, project)
    matches = log_query.parse(asked.query)
    after, skipped = _decoded(asked)
    if skipped < empty:
        return {"nextPageToken": _encoded(asked, after, skipped + 1)}
    found = {asked.key(entry): entry for entry in entries(asked.names) if matches(entry)}
    left = sorted(key for key in found if after is None or key > after)
    shown = left[: min(asked.most, most)]
    page: Json = {"entries": [found[key] for key in shown]} if shown else {}
    if len(shown) < len(left):
        page["nextPageToken"] = _encoded(asked, shown[-1], skipped)
    return page


def _asked(parameters: Mapping[str, str], body: Any, project: str) -> _Asked:
    for name in parameters:
        if name not in _PARAMETERS:
            raise _unknown(name, "Cannot bind query parameter.")
    if not isinstance(body, dict):
        raise RpcError(400, "Invalid JSON payload received. Root element must be a message.")
    for field, value in body.items():
        if field not in _TYPES:
            raise _unknown(field, "Cannot find field.")
        if not isinstance(value, _TYPES[field]) or isinstance(value, bool):
            raise RpcError(400, f"Invalid value at '{field}': {value!r}")
    order, size = body.get("orderBy", ""), body.get("pageSize", 0)
    if order not in ("", "timestamp asc", "timestamp desc"):
        raise RpcError(400, f"orderBy {order!r} is neither 'timestamp asc' nor 'timestamp desc'")
    if not 0 <= size <= MOST:
        raise RpcError(400, f"pageSize must be from 0 to {MOST}, not {size}")
    names = _names(body.get("resourceNames", []), project)
    return _Asked(names, body.get("filter", ""), order == "timestamp desc", size or DEFAULT, body.get("pageToken", ""))


def _names(names: list[Any], project: str) -> frozenset[str]:
    if not 1 <= len(names) <= MOST_RESOURCES:
        raise RpcError(400, f"resourceNames must be from 1 to {MOST_RESOURCES} names, not {len(names)}")
    for name in names:
        match = re.fullmatch(r"projects/(?P<project>[^/]+)|(?:organizations|folders)/[0-9]+", str(name))
        if match is None:
            raise RpcError(400, f"The emulator has no logs of {name!r}: no project, organization or folder")
        if match["project"] not in (None, project):
            raise RpcError(404, f"Requested entity was not found: {name}")
    return frozenset(names)


def _encoded(asked: _Asked, after: _Key | None, skipped: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([asked.digest(), skipped, after]).encode()).decode()


def _decoded(asked: _Asked) -> tuple[_Key | None, int]:
    """After which entry the page begins, and how many empty pages there were."""
    if not asked.token:
        return None, 0
    try:
        digest, skipped, after = json.loads(base64.urlsafe_b64decode(asked.token))
        key = None if after is None else (int(after[0]), str(after[1]))
    except (ValueError, TypeError, LookupError) as error:
        raise RpcError(400, "page_token is not valid") from error
    if digest != asked.digest():
        raise RpcError(400, "page_token doesn't match arguments from the request")
    return key, int(skipped)


def _unknown(name: str, why: str) -> RpcError:
    return RpcError(400, f'Invalid JSON payload received. Unknown name "{name}": {why}')
