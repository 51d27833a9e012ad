"""Address groups and secure tags, which two other Google APIs know, at the same endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from e2e.lab.cloud.api import Api
from e2e.lab.cloud.store import SeedError
from tests.lab.cloud.conftest import Remembering, Serving
from tests.lab.cloud.seeds import PROJECT, recording
from tests.lab.cloud.test_side_door import ask

GROUPS = f"/v1/projects/{PROJECT}/locations/global/addressGroups"
OF_ORGANIZATION = "organizations/7/locations/global/addressGroups/shared"
NODE = f"//compute.googleapis.com/projects/{PROJECT}/zones/us-east1-b/instances/node-1"


@pytest.fixture
def cloud(serve: Callable[..., Serving]) -> Serving:
    """With an address group of each family and one of the organization's, and one instance that is bound to a tag."""
    return serve(
        recording()
        | {
            "addressGroups": {"pods": ["10.24.0.0/14"], "six": ["fd00::/8"], OF_ORGANIZATION: []},
            "secureTagBindings": {"node-1": ["tagValues/7"]},
        }
    )


def test_address_groups(cloud: Serving) -> None:
    """They are listed where they belong and read one by one, with their ranges."""
    code, listed = ask(cloud, "GET", GROUPS)
    shown = [(group["name"], group["type"], group["items"]) for group in listed["addressGroups"]]
    assert (code, shown) == (
        200,
        [
            (f"{GROUPS[4:]}/pods", "IPV4", ["10.24.0.0/14"]),
            (f"{GROUPS[4:]}/six", "IPV6", ["fd00::/8"]),
        ],
    )
    assert ask(cloud, "GET", f"{GROUPS}/pods") == (200, listed["addressGroups"][0])
    assert ask(cloud, "GET", f"/v1/{OF_ORGANIZATION}")[1]["name"] == OF_ORGANIZATION
    assert ask(cloud, "GET", f"{GROUPS}/nope") == (
        404,
        {"error": {"code": 404, "message": f"Resource '{GROUPS[4:]}/nope' was not found", "status": "NOT_FOUND"}},
    )


def test_tags(cloud: Serving) -> None:
    """An instance's tags are asked for by its full name, with its own name or its number at the end."""
    path = f"/compute/v1/projects/{PROJECT}/zones/us-east1-b/instances/node-1"
    number = ask(cloud, "GET", path)[1]["id"]
    for parent in (NODE, NODE.replace("node-1", number)):
        asked = f"/v3/effectiveTags?parent={quote(parent, safe='')}"
        assert ask(cloud, "GET", asked) == (200, {"effectiveTags": [{"tagValue": "tagValues/7"}]})
    bindings = ask(cloud, "GET", f"/v3/tagBindings?parent={quote(NODE, safe='')}")[1]["tagBindings"]
    assert [(each["parent"], each["tagValue"]) for each in bindings] == [(NODE, "tagValues/7")]
    untagged = NODE.replace("us-east1-b", "us-east1-c").replace("node-1", "node-2")
    assert ask(cloud, "GET", f"/v3/effectiveTags?parent={quote(untagged, safe='')}") == (200, {})
    assert ask(cloud, "GET", f"/v3/effectiveTags?parent={quote(NODE + 'x', safe='')}")[0] == 404
    assert ask(cloud, "GET", "/v3/effectiveTags?parent=x")[0] == 400


WRONG_SEEDS: dict[str, dict[str, Any]] = {
    "addressGroups must be an object of lists": {"addressGroups": {"pods": "10.24.0.0/14"}},
    "addressGroups['pods'][0] is 'ten': 'ten' does not appear to be an IPv4 or IPv6 network": {
        "addressGroups": {"pods": ["ten"]}
    },
    "secureTagBindings['node-1'][0] is 'prod': not tagValues/NUMBER": {"secureTagBindings": {"node-1": ["prod"]}},
}


@pytest.mark.parametrize("reason", WRONG_SEEDS)
def test_wrong_seeds(reason: str) -> None:
    """Groups and bindings that could not have been read are refused by the field that is wrong."""
    with pytest.raises(SeedError) as error:
        Api(recording() | WRONG_SEEDS[reason], Remembering())
    assert str(error.value) == reason
