"""The emulator through the real google-cloud-compute client, over loopback."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.api_core.exceptions import BadRequest, Conflict, InternalServerError, NotFound
from google.cloud import compute_v1

from tests.lab.cloud.conftest import Serving
from tests.lab.cloud.seeds import DEFAULT, NODE_TAG, PROJECT, recording, rule

STORY_NAMES = [
    "akrobateo-fw-traefik",
    "default-allow-icmp",
    "default-allow-internal",
    "default-allow-rdp",
    "default-allow-ssh",
    "gke-august-period-234610-all",
]


def dns_rule() -> compute_v1.Firewall:
    return compute_v1.Firewall(
        name="dns",
        source_ranges=["10.24.0.0/14"],
        target_tags=[NODE_TAG],
        allowed=[compute_v1.Allowed(I_p_protocol="udp", ports=["53"])],
    )


def test_the_story_is_listed(emulator: Serving) -> None:
    """The rules of the seed are listed by name, with the defaults that the API stores."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    found = list(firewalls.list(project=PROJECT))
    assert [each.name for each in found] == STORY_NAMES
    traefik = found[0]
    assert (traefik.priority, traefik.direction, list(traefik.source_ranges)) == (1000, "INGRESS", ["0.0.0.0/0"])
    assert traefik.network == DEFAULT
    assert traefik.id > 0


def test_life_of_a_rule(emulator: Serving) -> None:
    """A rule is inserted, read, patched, replaced and deleted, each time enforced before the operation is answered."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    inserted = firewalls.insert_unary(project=PROJECT, firewall_resource=dns_rule())
    assert (inserted.status, inserted.operation_type, inserted.progress) == (
        compute_v1.Operation.Status.DONE,
        "insert",
        100,
    )
    assert inserted.target_link == f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/firewalls/dns"
    assert emulator.enforcer.given[-1] == sorted([*STORY_NAMES, "dns"])
    created = firewalls.get(project=PROJECT, firewall="dns")
    assert (created.priority, list(created.target_tags), created.id) == (1000, [NODE_TAG], inserted.target_id)

    changes = compute_v1.Firewall(priority=900, disabled=True)
    firewalls.patch_unary(project=PROJECT, firewall="dns", firewall_resource=changes)
    patched = firewalls.get(project=PROJECT, firewall="dns")
    assert (patched.priority, patched.disabled, list(patched.source_ranges)) == (900, True, ["10.24.0.0/14"])

    replacement = compute_v1.Firewall(name="dns", allowed=[compute_v1.Allowed(I_p_protocol="tcp")])
    firewalls.update_unary(project=PROJECT, firewall="dns", firewall_resource=replacement)
    updated = firewalls.get(project=PROJECT, firewall="dns")
    assert (updated.priority, updated.disabled, list(updated.source_ranges)) == (1000, False, ["0.0.0.0/0"])
    assert (updated.id, updated.creation_timestamp) == (created.id, created.creation_timestamp)

    firewalls.delete_unary(project=PROJECT, firewall="dns")
    assert emulator.enforcer.given[-1] == STORY_NAMES
    with pytest.raises(NotFound, match=f"The resource 'projects/{PROJECT}/global/firewalls/dns' was not found"):
        firewalls.get(project=PROJECT, firewall="dns")


def test_operations_that_wait(emulator: Serving) -> None:
    """The client's waiting flow ends at once: the operation is done when it is answered."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    firewalls.insert(project=PROJECT, firewall_resource=dns_rule()).result(timeout=10)
    operation = firewalls.delete(project=PROJECT, firewall="dns")
    operation.result(timeout=10)
    operations = emulator.client(compute_v1.GlobalOperationsClient)
    again = operations.wait(project=PROJECT, operation=operation.name)
    assert (again.status, again.operation_type) == (compute_v1.Operation.Status.DONE, "delete")
    assert len(list(operations.list(project=PROJECT))) == 2
    operations.delete(project=PROJECT, operation=operation.name)
    with pytest.raises(NotFound):
        operations.get(project=PROJECT, operation=operation.name)


def test_refusals(emulator: Serving) -> None:
    """A bad, a second and a missing rule are the client's own exceptions, and nothing is enforced anew."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    before = list(emulator.enforcer.given)
    bad = dns_rule()
    bad.priority = 70000
    with pytest.raises(BadRequest, match=r"'resource\.priority': '70000'"):
        firewalls.insert_unary(project=PROJECT, firewall_resource=bad)
    twice = dns_rule()
    twice.name = "default-allow-ssh"
    with pytest.raises(Conflict, match="already exists"):
        firewalls.insert_unary(project=PROJECT, firewall_resource=twice)
    with pytest.raises(NotFound):
        firewalls.delete_unary(project=PROJECT, firewall="dns")
    with pytest.raises(NotFound, match="The resource 'projects/else' was not found"):
        firewalls.get(project="else", firewall="dns")
    assert emulator.enforcer.given == before


def test_what_cannot_be_enforced_did_not_happen(emulator: Serving) -> None:
    """When the packet filter refuses, the client gets the reason as 500 and the rule is as it was."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    emulator.enforcer.refusal = "no such table"
    with pytest.raises(InternalServerError, match="could not be put in force: no such table"):
        firewalls.insert_unary(project=PROJECT, firewall_resource=dns_rule())
    with pytest.raises(InternalServerError):
        firewalls.delete_unary(project=PROJECT, firewall="default-allow-ssh")
    assert [each.name for each in firewalls.list(project=PROJECT)] == STORY_NAMES


def test_pages(emulator: Serving) -> None:
    """Pages of two give every rule once, in order, also when one is deleted between them."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    pages = firewalls.list(request={"project": PROJECT, "max_results": 2}).pages
    first = next(pages)
    firewalls.delete_unary(project=PROJECT, firewall=STORY_NAMES[1])
    rest = [each.name for page in pages for each in page.items]
    assert [[each.name for each in first.items], rest] == [STORY_NAMES[:2], STORY_NAMES[2:]]


def test_list_parameters(emulator: Serving) -> None:
    """Lists are filtered and ordered as asked, and refuse what they do not know."""
    firewalls = emulator.client(compute_v1.FirewallsClient)
    firewalls.insert_unary(project=PROJECT, firewall_resource=dns_rule())

    def names(**parameters: object) -> list[str]:
        return [each.name for each in firewalls.list(request={"project": PROJECT, **parameters})]

    assert names(filter="name eq default-.*s.*") == ["default-allow-ssh"]
    assert names(order_by="creationTimestamp desc", max_results=3)[0] == "dns"
    assert len(names(order_by="creationTimestamp desc", max_results=3)) == 7
    for wrong in ({"filter": "name"}, {"order_by": "priority"}, {"max_results": 501}, {"page_token": "x"}):
        with pytest.raises(BadRequest, match="Invalid value for field"):
            names(**wrong)


def test_instances(emulator: Serving) -> None:
    """Instances are read one by one, by zone and aggregated, zones without any say so."""
    instances = emulator.client(compute_v1.InstancesClient)
    one = instances.get(project=PROJECT, zone="us-east1-b", instance="node-1")
    assert (one.network_interfaces[0].network_i_p, list(one.tags.items)) == ("10.142.15.205", [NODE_TAG])
    assert [each.name for each in instances.list(project=PROJECT, zone="us-east1-c")] == ["node-2"]
    aggregated = instances.aggregated_list(request={"project": PROJECT, "filter": "name = node-2"})
    found = {scope: ([each.name for each in part.instances], part.warning.code) for scope, part in aggregated}
    assert found == {"zones/us-east1-b": ([], "NO_RESULTS_ON_PAGE"), "zones/us-east1-c": (["node-2"], "")}
    with pytest.raises(NotFound, match=f"projects/{PROJECT}/zones/mars"):
        instances.list(project=PROJECT, zone="mars")


def test_networks_subnetworks_and_routes(emulator: Serving) -> None:
    """Networks, subnetworks and routes are those of the seed."""
    networks = emulator.client(compute_v1.NetworksClient)
    assert [each.name for each in networks.list(project=PROJECT)] == ["default", "other"]
    assert networks.get(project=PROJECT, network="default").self_link == DEFAULT
    subnetworks = emulator.client(compute_v1.SubnetworksClient)
    assert subnetworks.get(project=PROJECT, region="us-east1", subnetwork="default").ip_cidr_range == "10.142.0.0/20"
    scopes = [scope for scope, part in subnetworks.aggregated_list(project=PROJECT) if part.subnetworks]
    assert scopes == ["regions/us-east1"]
    routes = emulator.client(compute_v1.RoutesClient)
    assert [each.dest_range for each in routes.list(project=PROJECT)] == ["10.24.9.0/24"]


def test_effective_firewalls(serve: Callable[..., Serving]) -> None:
    """Effective firewalls are the network's rules as they are now, with the policies of the seed for that place."""
    emulator = serve(
        recording(
            rule("everywhere", "tcp"),
            rule("web-only", "tcp", targetTags=["web"]),
            rule("nodes-only", "tcp", targetTags=[NODE_TAG], disabled=True),
            rule("elsewhere", "tcp", network="global/networks/other"),
        )
    )
    regional = emulator.client(compute_v1.RegionNetworkFirewallPoliciesClient)
    answer = regional.get_effective_firewalls(project=PROJECT, region="us-east1", network=DEFAULT)
    assert [each.name for each in answer.firewalls] == ["everywhere", "nodes-only", "web-only"]
    assert [each.name for each in answer.firewall_policys] == ["global", "regional"]
    networks = emulator.client(compute_v1.NetworksClient)
    project_wide = networks.get_effective_firewalls(project=PROJECT, network="default")
    assert [each.name for each in project_wide.firewall_policys] == ["global"]
    instances = emulator.client(compute_v1.InstancesClient)
    place = {"project": PROJECT, "zone": "us-east1-b", "instance": "node-1"}
    of_node = instances.get_effective_firewalls(**place, network_interface="nic0")
    assert [each.name for each in of_node.firewalls] == ["everywhere", "nodes-only"]
    with pytest.raises(BadRequest, match="'networkInterface': 'nic1'"):
        instances.get_effective_firewalls(**place, network_interface="nic1")
