"""Who is in the lab and under which name and address: data and its derivations, no deeds.

The names are those of the story that the project tells: project august-period-234610, network `default`, node-2 at
10.142.15.206. Everything else in the lab (interfaces, certificates, node objects, the Compute Engine seed) is derived
from here, so that two parts cannot disagree about an address.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

PROJECT = "august-period-234610"
NETWORK = "default"
REGION = "us-east1"
ZONES = ("us-east1-b", "us-east1-c", "us-east1-d")
NODE_TAG = f"gke-{PROJECT}-1de60498-node"
NODE_SERVICE_ACCOUNT = f"gke-nodes@{PROJECT}.iam.gserviceaccount.com"

SUBNET = IPv4Network("10.142.0.0/20")
ROUTER = IPv4Address("10.142.0.1")
CONTROL_PLANE = IPv4Address("10.142.15.200")
# A cloud's API answers from outside the network. TEST-NET-2 (RFC 5737) can be nobody's real address.
OUTSIDE = IPv4Address("198.51.100.10")
PODS = IPv4Network("10.24.0.0/14")
SERVICES = IPv4Network("10.27.240.0/20")
API_SERVICE = IPv4Address("10.27.240.1")
DNS_SERVICE = IPv4Address("10.27.240.10")
# Google Cloud's default MTU.
MTU = 1460
# On 443 as on GKE: the story's rules let tcp/443 through even after the outage, so pods keep reaching the API server.
API_PORT = 443

LOCAL_API_PORT = 16443
LOCAL_COMPUTE_PORT = 8787
OUTSIDE_COMPUTE_PORT = 80

NAMESPACE_PREFIX = "lab-"
INTERFACE_PREFIX = "v-"
ROUTER_NAMESPACE = f"{NAMESPACE_PREFIX}vpc"

MOST_NODES = 40
USUAL_NODES = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine on the network: a network namespace with one interface, whose packets all pass the router."""

    name: str
    address: IPv4Address

    @property
    def namespace(self) -> str:
        return NAMESPACE_PREFIX + self.name

    @property
    def router_interface(self) -> str:
        """The router's end of the wire to this machine."""
        return INTERFACE_PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Node(Machine):
    """A machine that is a Kubernetes node, and a Compute Engine instance in the emulator's eyes."""

    zone: str
    pool: str
    pods: IPv4Network

    @property
    def provider_id(self) -> str:
        return f"gce://{PROJECT}/{self.zone}/{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that GKE puts on a node and that checks select by."""
        return {
            "kubernetes.io/hostname": self.name,
            "node.kubernetes.io/instance-type": "e2-medium",
            "topology.kubernetes.io/region": REGION,
            "topology.kubernetes.io/zone": self.zone,
            "cloud.google.com/gke-nodepool": self.pool,
        }


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole lab for a number of nodes."""

    nodes: tuple[Node, ...]
    control_plane: Machine = Machine("cp", CONTROL_PLANE)
    outside: Machine = Machine("ext", OUTSIDE)

    @property
    def on_the_network(self) -> tuple[Machine, ...]:
        return (self.control_plane, self.outside, *self.nodes)

    @property
    def booted(self) -> tuple[Machine, ...]:
        """The machines that run programs of their own; the outside world is only an address."""
        return (self.control_plane, *self.nodes)

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (ROUTER_NAMESPACE, *(machine.namespace for machine in self.on_the_network))

    @property
    def dns_node(self) -> Node:
        """Where CoreDNS runs: node-1, as in the story."""
        return self.nodes[0]

    def booted_machine(self, name: str) -> Machine:
        """The booted machine of that name.

        Raises:
            ValueError: there is none; the message lists the names.
        """
        for machine in self.booted:
            if machine.name == name:
                return machine
        raise ValueError(f"no machine {name!r} in the lab; there are {', '.join(m.name for m in self.booted)}")


def topology(nodes: int) -> Topology:
    """The lab with node-1 … node-`nodes`.

    Raises:
        ValueError: `nodes` is not in 1 … MOST_NODES.
    """
    if not 1 <= nodes <= MOST_NODES:
        raise ValueError(f"LAB_NODES must be 1 to {MOST_NODES}, not {nodes}")
    return Topology(tuple(_node(number) for number in range(1, nodes + 1)))


def asked_topology() -> Topology | None:
    """The lab that the environment asks for by LAB_NODES; None if it is unset.

    Raises:
        ValueError: LAB_NODES is not a number in 1 … MOST_NODES.
    """
    asked = os.environ.get("LAB_NODES")
    if not asked:
        return None
    if not asked.isdecimal():
        raise ValueError(f"LAB_NODES must be 1 to {MOST_NODES}, not {asked!r}")
    return topology(int(asked))


def _node(number: int) -> Node:
    # The story's nodes have the pod ranges 10.24.9.0/24 and 10.24.12.0/24; further nodes follow upwards.
    third_octet = {1: 9, 2: 12}.get(number, 10 + number)
    return Node(
        name=f"node-{number}",
        address=CONTROL_PLANE + 4 + number,
        zone=ZONES[(number - 1) % len(ZONES)],
        pool="default-pool" if number == 1 else "worker-micro",
        pods=IPv4Network(f"10.24.{third_octet}.0/24"),
    )
