"""A small project in the API's own spelling: two networks, three instances, the story's firewall rules."""

from __future__ import annotations

from typing import Any

PROJECT = "august-period-234610"
ROOT = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
DEFAULT = f"{ROOT}/global/networks/default"
OTHER = f"{ROOT}/global/networks/other"
NODE_TAG = "gke-august-period-234610-1de60498-node"
ACCOUNT = "gke-nodes@august-period-234610.iam.gserviceaccount.com"
REGIONAL_POLICY = {"name": "regional", "type": "NETWORK_REGIONAL", "rules": []}
GLOBAL_POLICY = {"name": "global", "type": "NETWORK", "rules": []}


def rule(name: str, *allowed: str, **fields: Any) -> dict[str, Any]:
    """A rule as it is inserted: `rule("x", "tcp:22", "icmp", priority=900)`; `denied=[...]` instead of allowed works."""
    return {"name": name} | ({"allowed": entries(*allowed)} if allowed else {}) | fields


def entries(*texts: str) -> list[dict[str, Any]]:
    """`tcp:22,80` or `icmp`, each as an entry of `allowed` or `denied`."""
    pairs = (text.partition(":") for text in texts)
    return [{"IPProtocol": protocol} | ({"ports": ports.split(",")} if ports else {}) for protocol, _, ports in pairs]


def instance(
    name: str, address: str, zone: str = "us-east1-b", network: str = DEFAULT, **fields: Any
) -> dict[str, Any]:
    """An instance with one network interface."""
    nic = {"name": "nic0", "network": network, "networkIP": address}
    return {"name": name, "zone": f"{ROOT}/zones/{zone}", "networkInterfaces": [nic]} | fields


def recording(*firewalls: dict[str, Any]) -> dict[str, Any]:
    """The project with these rules, or with the story's."""
    return {
        "format": "pathcheck-recording/1",
        "project": PROJECT,
        "networks": [{"name": "default", "autoCreateSubnetworks": True}, {"name": "other"}],
        "subnetworks": [{"name": "default", "region": f"{ROOT}/regions/us-east1", "ipCidrRange": "10.142.0.0/20"}],
        "routes": [{"name": "to-node-1-pods", "destRange": "10.24.9.0/24"}],
        "instances": [
            instance("node-1", "10.142.15.205", tags={"items": [NODE_TAG]}, serviceAccounts=[{"email": ACCOUNT}]),
            instance("node-2", "10.142.15.206", "us-east1-c", tags={"items": [NODE_TAG]}),
            instance("bastion", "10.200.0.9", network=OTHER),
        ],
        "firewalls": list(firewalls or STORY),
        "effectiveFirewalls": [
            {
                "network": "default",
                "region": "us-east1",
                "answer": {"firewallPolicys": [GLOBAL_POLICY, REGIONAL_POLICY]},
            }
        ],
    }


STORY = (
    rule("default-allow-icmp", "icmp", priority=65534, sourceRanges=["0.0.0.0/0"]),
    rule("default-allow-internal", "tcp:0-65535", "udp:0-65535", "icmp", priority=65534, sourceRanges=["10.128.0.0/9"]),
    rule("default-allow-rdp", "tcp:3389", priority=65534),
    rule("default-allow-ssh", "tcp:22", priority=65534),
    rule("akrobateo-fw-traefik", "tcp:80", "tcp:443"),
    rule("gke-august-period-234610-all", "udp", "icmp", "esp", "ah", "sctp", "tcp", sourceRanges=["10.24.0.0/14"]),
)
