"""Names and addresses of the lab, and everything that is derived from them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
import yaml

from e2e.lab import cluster, network, nodes
from e2e.lab.topology import (
    API_PORT,
    CONTROL_PLANE,
    DNS_SERVICE,
    MOST_NODES,
    PODS,
    SERVICES,
    SUBNET,
    asked_topology,
    topology,
)


def test_the_first_three_nodes_are_the_storys() -> None:
    """node-1 and node-2 have the story's addresses and pod ranges, and zones are taken in turn."""
    assert [(node.name, str(node.address), str(node.pods), node.provider_id) for node in topology(3).nodes] == [
        ("node-1", "10.142.15.205", "10.24.9.0/24", "gce://august-period-234610/us-east1-b/node-1"),
        ("node-2", "10.142.15.206", "10.24.12.0/24", "gce://august-period-234610/us-east1-c/node-2"),
        ("node-3", "10.142.15.207", "10.24.13.0/24", "gce://august-period-234610/us-east1-d/node-3"),
    ]


def test_no_two_machines_of_the_largest_lab_share_anything() -> None:
    """With the most nodes, addresses differ and lie in the subnet, pod ranges lie in the cluster's and do not overlap."""
    lab = topology(MOST_NODES)
    addresses = [machine.address for machine in lab.on_the_network]
    assert len(set(addresses)) == len(addresses)
    assert all(node.address in SUBNET for node in lab.nodes)
    assert all(node.pods.subnet_of(PODS) for node in lab.nodes)
    assert all(node.pods.subnet_of(IPv4Network(nodes.POD_RANGES_IN_USE)) for node in lab.nodes)
    ranges = [*(node.pods for node in lab.nodes), SERVICES]
    assert not any(one.overlaps(other) for one, other in combinations(ranges, 2))
    # IFNAMSIZ, linux/if.h
    assert all(len(machine.router_interface) < 16 for machine in lab.on_the_network)


@pytest.mark.parametrize("asked", ["0", "41", "three", "-1"])
def test_a_number_of_nodes_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """LAB_NODES out of range or no number is an error that names the variable and the value."""
    monkeypatch.setenv("LAB_NODES", asked)
    with pytest.raises(ValueError, match=f"LAB_NODES must be 1 to 40, not '?{asked}"):
        asked_topology()


def test_without_a_number_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """LAB_NODES unset asks for no size, so that a lab of any size is left alone; set, it asks for that size."""
    monkeypatch.delenv("LAB_NODES", raising=False)
    assert asked_topology() is None
    monkeypatch.setenv("LAB_NODES", "5")
    assert asked_topology() == topology(5)


def test_an_unknown_machine_is_an_error_that_lists_the_known() -> None:
    """A machine's name that is not in the lab is refused with the names that are."""
    with pytest.raises(ValueError, match=r"no machine 'node-9' in the lab; there are cp, node-1, node-2"):
        topology(2).booted_machine("node-9")


def test_kube_dns_has_the_topologys_addresses() -> None:
    """The manifest's Service address, node and API server are those of the topology."""
    objects = {item["kind"]: item for item in yaml.safe_load_all(cluster.KUBE_DNS.read_text())}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    variables = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
    assert IPv4Address(objects["Service"]["spec"]["clusterIP"]) == DNS_SERVICE
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": topology(3).dns_node.name}
    assert variables == {"KUBERNETES_SERVICE_HOST": str(CONTROL_PLANE), "KUBERNETES_SERVICE_PORT": str(API_PORT)}


def test_the_nodes_object_is_as_a_cloud_completes_it() -> None:
    """A Node carries provider id, pod range, zone, region, pool, type and hostname."""
    assert cluster.node_object(topology(2).nodes[1]) == {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "node-2",
            "labels": {
                "kubernetes.io/hostname": "node-2",
                "node.kubernetes.io/instance-type": "e2-medium",
                "topology.kubernetes.io/region": "us-east1",
                "topology.kubernetes.io/zone": "us-east1-c",
                "cloud.google.com/gke-nodepool": "worker-micro",
            },
        },
        "spec": {
            "providerID": "gce://august-period-234610/us-east1-c/node-2",
            "podCIDR": "10.24.12.0/24",
            "podCIDRs": ["10.24.12.0/24"],
        },
    }


def test_every_packet_between_machines_passes_the_router() -> None:
    """A node has a host address and no route but to the router, which routes the node's pods to it."""
    node = topology(2).nodes[1]
    assert network.machine_side(node) == [
        "link set lo up",
        "link set eth0 mtu 1460 up",
        "addr add 10.142.15.206/32 dev eth0",
        "route add 10.142.0.1/32 dev eth0",
        "route add default via 10.142.0.1 dev eth0",
    ]
    assert network.router_side(node) == [
        "link add v-node-2 type veth peer name eth0 netns lab-node-2",
        "link set v-node-2 mtu 1460 up",
        "route add 10.142.15.206/32 dev v-node-2",
        "route add 10.24.12.0/24 via 10.142.15.206 dev v-node-2 onlink",
    ]
