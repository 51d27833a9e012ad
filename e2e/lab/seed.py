"""What the Compute Engine emulator knows at the start: the lab's topology and the story's rules, in the API's spelling.

The answer has the form of a recording (`pathcheck-recording/1`): each list as the v1 API's list method would answer it,
https://cloud.google.com/compute/docs/reference/rest/v1. Pod ranges are static routes to the nodes, as in a
routes-based GKE cluster; their addresses are therefore no part of any instance's interface.
"""

from __future__ import annotations

import hashlib

from e2e.lab.topology import (
    MTU,
    NETWORK,
    NODE_SERVICE_ACCOUNT,
    NODE_TAG,
    PODS,
    PROJECT,
    REGION,
    ROUTER,
    SUBNET,
    Node,
    Topology,
)

API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
CREATED = "2019-03-14T02:26:33.000-07:00"
NETWORK_LINK = f"{API}/global/networks/{NETWORK}"
SUBNET_LINK = f"{API}/regions/{REGION}/subnetworks/{NETWORK}"

ANYWHERE = "0.0.0.0/0"
EVERY_PORT = ("0-65535",)
# name, priority, source range, (protocol, ports) as `gcloud compute firewall-rules list` showed them before the deletion
RULES: tuple[tuple[str, int, str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    ("akrobateo-fw-traefik", 1000, ANYWHERE, (("tcp", ("80",)), ("tcp", ("443",)))),
    ("default-allow-icmp", 65534, ANYWHERE, (("icmp", ()),)),
    ("default-allow-internal", 65534, "10.128.0.0/9", (("tcp", EVERY_PORT), ("udp", EVERY_PORT), ("icmp", ()))),
    ("default-allow-rdp", 65534, ANYWHERE, (("tcp", ("3389",)),)),
    ("default-allow-ssh", 65534, ANYWHERE, (("tcp", ("22",)),)),
    (
        f"gke-{PROJECT}-all",
        1000,
        str(PODS),
        tuple((protocol, ()) for protocol in ("udp", "icmp", "esp", "ah", "sctp", "tcp")),
    ),
)
# What firewall policies may speak of, for the tests that make some; the story's network has none.
ELSEWHERE: dict[str, object] = {
    "addressGroups": {"quarantine": ["10.24.13.0/24"]},
    "secureTagBindings": {"node-1": ["tagValues/7"]},
}


def recording(topology: Topology) -> dict[str, object]:
    """The recording from which the emulator starts. The network has no firewall policies."""
    return {
        "format": "pathcheck-recording/1",
        "project": PROJECT,
        "networks": [_network()],
        "subnetworks": [_subnetwork()],
        "routes": [*_general_routes(), *(_pod_route(node) for node in topology.nodes)],
        "instances": [_instance(node) for node in topology.nodes],
        "firewalls": [_firewall(*rule) for rule in RULES],
        "effectiveFirewalls": [],
        "addressGroups": {},
        "secureTagBindings": {},
    }


def _resource(kind: str, path: str, **fields: object) -> dict[str, object]:
    link = f"{API}/{path}"
    # The API's ids are unsigned 64-bit numbers written as strings; from the link, so that two seeds are the same.
    number = int.from_bytes(hashlib.sha256(link.encode()).digest()[:8]) >> 1
    common = {"kind": f"compute#{kind}", "id": str(number), "creationTimestamp": CREATED}
    return {**common, "name": path.rpartition("/")[2], **fields, "selfLink": link}


def _network() -> dict[str, object]:
    return _resource(
        "network",
        f"global/networks/{NETWORK}",
        description="Default network for the project",
        autoCreateSubnetworks=True,
        subnetworks=[SUBNET_LINK],
        routingConfig={"routingMode": "REGIONAL"},
        mtu=MTU,
        networkFirewallPolicyEnforcementOrder="AFTER_CLASSIC_FIREWALL",
    )


def _subnetwork() -> dict[str, object]:
    return _resource(
        "subnetwork",
        f"regions/{REGION}/subnetworks/{NETWORK}",
        network=NETWORK_LINK,
        region=f"{API}/regions/{REGION}",
        ipCidrRange=str(SUBNET),
        gatewayAddress=str(ROUTER),
        privateIpGoogleAccess=False,
        purpose="PRIVATE",
        stackType="IPV4_ONLY",
    )


def _general_routes() -> list[dict[str, object]]:
    return [
        _resource(
            "route",
            "global/routes/default-route-r-1de60498",
            description=f"Default local route to the subnetwork {SUBNET}.",
            network=NETWORK_LINK,
            destRange=str(SUBNET),
            priority=0,
            nextHopNetwork=NETWORK_LINK,
            routeType="SUBNET",
        ),
        _resource(
            "route",
            "global/routes/default-route-1de60498",
            description="Default route to the Internet.",
            network=NETWORK_LINK,
            destRange=ANYWHERE,
            priority=1000,
            nextHopGateway=f"{API}/global/gateways/default-internet-gateway",
            routeType="STATIC",
        ),
    ]


def _pod_route(node: Node) -> dict[str, object]:
    return _resource(
        "route",
        f"global/routes/gke-{PROJECT}-1de60498-{node.name}",
        description="k8s-node-route",
        network=NETWORK_LINK,
        destRange=str(node.pods),
        priority=1000,
        nextHopInstance=_instance_link(node),
        routeType="STATIC",
    )


def _instance_link(node: Node) -> str:
    return f"{API}/zones/{node.zone}/instances/{node.name}"


def _instance(node: Node) -> dict[str, object]:
    zone = f"{API}/zones/{node.zone}"
    return _resource(
        "instance",
        f"zones/{node.zone}/instances/{node.name}",
        zone=zone,
        machineType=f"{zone}/machineTypes/e2-medium",
        status="RUNNING",
        # A node forwards its pods' packets.
        canIpForward=True,
        tags={"items": [NODE_TAG], "fingerprint": "42WmSpB8rSM="},
        serviceAccounts=[{"email": NODE_SERVICE_ACCOUNT, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        networkInterfaces=[
            {
                "kind": "compute#networkInterface",
                "name": "nic0",
                "network": NETWORK_LINK,
                "subnetwork": SUBNET_LINK,
                "networkIP": str(node.address),
                "stackType": "IPV4_ONLY",
            }
        ],
    )


def _firewall(
    name: str, priority: int, source: str, allowed: tuple[tuple[str, tuple[str, ...]], ...]
) -> dict[str, object]:
    return _resource(
        "firewall",
        f"global/firewalls/{name}",
        description="",
        network=NETWORK_LINK,
        priority=priority,
        sourceRanges=[source],
        allowed=[
            {"IPProtocol": protocol, "ports": list(ports)} if ports else {"IPProtocol": protocol}
            for protocol, ports in allowed
        ],
        direction="INGRESS",
        logConfig={"enable": False},
        disabled=False,
    )
