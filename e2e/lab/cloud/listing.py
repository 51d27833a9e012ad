"""List calls: filter, order and pages (https://docs.cloud.google.com/compute/docs/reference/rest/v1/firewalls/list)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from e2e.lab.cloud import filters
from e2e.lab.cloud.errors import invalid
from e2e.lab.cloud.store import Json

MOST_RESULTS = 500

Parameters = Mapping[str, str]


def page(resources: list[Json], parameters: Parameters) -> tuple[list[Json], str | None]:
    """The asked page of those resources that the filter lets through, and the token of the next one.

    A token names the last resource of the page before, so that pages neither repeat nor skip what stays when something
    is added or deleted between them.

    Raises:
        ApiError: 400 naming the parameter.
    """
    predicate = filters.parse(parameters.get("filter", ""))
    most = _most(parameters.get("maxResults", ""))
    newest_first = _newest_first(parameters.get("orderBy", ""))
    ordered = sorted(
        filter(predicate, resources), key=lambda resource: _key(resource, newest_first), reverse=newest_first
    )
    after = _decoded(parameters.get("pageToken", ""))
    if after is not None:
        ordered = [
            r for r in ordered if (_key(r, newest_first) < after if newest_first else _key(r, newest_first) > after)
        ]
    shown = ordered[:most]
    return shown, _encoded(_key(shown[-1], newest_first)) if len(ordered) > most else None


def answer(kind: str, path: str, resources: list[Json], parameters: Parameters, link: str) -> Json:
    """The body of a list call; like the API's, it has no `items` when there is nothing to list."""
    shown, token = page(resources, parameters)
    body: Json = {"kind": f"compute#{kind}List", "id": path, "selfLink": link}
    if shown:
        body["items"] = shown
    if token:
        body["nextPageToken"] = token
    return body


def aggregated(
    kind: str, collection: str, path: str, scopes: Mapping[str, list[Json]], parameters: Parameters, link: str
) -> Json:
    """The body of an aggregatedList call: every scope is there, with a warning where it has nothing on this page."""
    flat = [resource for resources in scopes.values() for resource in resources]
    shown, token = page(flat, parameters)
    on_page = {resource["selfLink"] for resource in shown}
    items: dict[str, Any] = {}
    for scope, resources in scopes.items():
        here = [resource for resource in resources if resource["selfLink"] in on_page]
        items[scope] = {collection: here} if here else {"warning": _nothing_in(scope)}
    body: Json = {"kind": f"compute#{kind}AggregatedList", "id": path, "items": items, "selfLink": link}
    if token:
        body["nextPageToken"] = token
    return body


def _nothing_in(scope: str) -> Json:
    return {
        "code": "NO_RESULTS_ON_PAGE",
        "message": f"There are no results for scope '{scope}' on this page.",
        "data": [{"key": "scope", "value": scope}],
    }


def _most(text: str) -> int:
    if not text:
        return MOST_RESULTS
    if not text.isdecimal():
        raise invalid("maxResults", text, "Must be an integer.")
    if int(text) > MOST_RESULTS:
        raise invalid("maxResults", text, f"Must be less than or equal to {MOST_RESULTS}")
    return int(text) or MOST_RESULTS


def _newest_first(text: str) -> bool:
    if text not in ("", "name", "creationTimestamp desc"):
        raise invalid("orderBy", text, 'Currently, only sorting by "name" or "creationTimestamp desc" is supported.')
    return text == "creationTimestamp desc"


def _key(resource: Json, newest_first: bool) -> list[str]:
    # The link ends ties: names repeat in different scopes.
    return [resource["creationTimestamp" if newest_first else "name"], resource["selfLink"]]


def _encoded(key: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decoded(token: str) -> list[str] | None:
    if not token:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise invalid("pageToken", token, "The page token is not valid.") from error
    if not (isinstance(key, list) and len(key) == 2 and all(isinstance(part, str) for part in key)):
        raise invalid("pageToken", token, "The page token is not valid.")
    return key
