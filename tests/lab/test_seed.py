"""What the Compute Engine emulator is told at the start."""

from __future__ import annotations

from typing import Any

from e2e.lab.seed import recording
from e2e.lab.topology import topology


def _seed(nodes: int = 3) -> dict[str, Any]:
    return dict(recording(topology(nodes)))


def test_the_rules_are_the_storys() -> None:
    """Names, priorities, sources and protocols are those that gcloud listed before the deletion; all enabled, inbound."""
    rules = [
        (
            rule["name"],
            rule["priority"],
            rule["sourceRanges"],
            [":".join([entry["IPProtocol"], *entry.get("ports", [])]) for entry in rule["allowed"]],
        )
        for rule in _seed()["firewalls"]
    ]
    assert rules == [
        ("akrobateo-fw-traefik", 1000, ["0.0.0.0/0"], ["tcp:80", "tcp:443"]),
        ("default-allow-icmp", 65534, ["0.0.0.0/0"], ["icmp"]),
        ("default-allow-internal", 65534, ["10.128.0.0/9"], ["tcp:0-65535", "udp:0-65535", "icmp"]),
        ("default-allow-rdp", 65534, ["0.0.0.0/0"], ["tcp:3389"]),
        ("default-allow-ssh", 65534, ["0.0.0.0/0"], ["tcp:22"]),
        ("gke-august-period-234610-all", 1000, ["10.24.0.0/14"], ["udp", "icmp", "esp", "ah", "sctp", "tcp"]),
    ]
    assert {(rule["direction"], rule["disabled"]) for rule in _seed()["firewalls"]} == {("INGRESS", False)}


def test_every_node_is_an_instance_that_forwards_and_a_route_to_its_pods() -> None:
    """Each node has an instance with its address, tag and account, and a static route from its pod range to it."""
    seed = _seed(9)
    routes = {route["nextHopInstance"]: route["destRange"] for route in seed["routes"] if "nextHopInstance" in route}
    for node, instance in zip(topology(9).nodes, seed["instances"], strict=True):
        assert instance["name"] == node.name
        assert instance["zone"].endswith(f"/zones/{node.zone}")
        assert instance["networkInterfaces"][0]["networkIP"] == str(node.address)
        assert instance["canIpForward"] is True
        assert instance["tags"]["items"] == ["gke-august-period-234610-1de60498-node"]
        assert routes[instance["selfLink"]] == str(node.pods)


def test_ids_are_distinct_and_the_same_every_time() -> None:
    """Every resource has an id of its own, an unsigned 64-bit number as a string, equal in every run."""
    seed = _seed(9)
    kinds = ("networks", "subnetworks", "routes", "instances", "firewalls")
    ids = [resource["id"] for kind in kinds for resource in seed[kind]]
    assert len(set(ids)) == len(ids)
    assert all(0 < int(number) < 2**64 for number in ids)
    assert seed == _seed(9)
