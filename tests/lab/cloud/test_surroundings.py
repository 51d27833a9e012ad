"""Routes and network tags through the real clients: what rules and paths depend on."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from google.cloud import compute_v1

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, NODE_TAG, PROJECT, ROOT


def test_routes(emulator: Serving) -> None:
    """A static route to an instance is deleted and made again; one to nobody, or a second, is refused."""
    client = emulator.client(compute_v1.RoutesClient)
    client.delete_unary(project=PROJECT, route="to-node-1-pods")
    with pytest.raises(NotFound):
        client.get(project=PROJECT, route="to-node-1-pods")
    hop = f"{ROOT}/zones/us-east1-b/instances/node-1"
    route = compute_v1.Route(name="again", network=DEFAULT, dest_range="10.24.9.0/24", next_hop_instance=hop)
    client.insert_unary(project=PROJECT, route_resource=route)
    made = client.get(project=PROJECT, route="again")
    assert (made.dest_range, made.next_hop_instance, made.priority) == ("10.24.9.0/24", hop, 1000)
    with pytest.raises(Conflict):
        client.insert_unary(project=PROJECT, route_resource=route)
    route.name, route.next_hop_instance = "nowhere", hop + "x"
    with pytest.raises(BadRequest, match="The referenced instance resource cannot be found"):
        client.insert_unary(project=PROJECT, route_resource=route)


def test_tags(emulator: Serving) -> None:
    """An instance's tags are replaced by who knows their fingerprint, and rules are enforced anew."""
    client = emulator.client(compute_v1.InstancesClient)
    place = {"project": PROJECT, "zone": "us-east1-b", "instance": "node-1"}
    before = len(emulator.enforcer.given)
    client.set_tags_unary(**place, tags_resource=compute_v1.Tags(items=["web"]))
    tags = client.get(**place).tags
    assert (list(tags.items), len(emulator.enforcer.given)) == (["web"], before + 1)
    with pytest.raises(PreconditionFailed):
        client.set_tags_unary(**place, tags_resource=compute_v1.Tags(items=[NODE_TAG]))
    again = compute_v1.Tags(items=[NODE_TAG], fingerprint=tags.fingerprint)
    client.set_tags_unary(**place, tags_resource=again)
    assert list(client.get(**place).tags.items) == [NODE_TAG]
