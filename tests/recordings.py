"""Small recordings for tests, in the API's spelling: the story's three nodes and whatever rules a test needs."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import l4

Raw = dict[str, Any]

PROJECT = "august-period-234610"
NODE_TAG = f"gke-{PROJECT}-1de60498-node"
NODE_ACCOUNT = f"gke-nodes@{PROJECT}.iam.gserviceaccount.com"
_API = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
_NODES = {
    "node-1": ("10.142.15.205", "10.24.9.0/24"),
    "node-2": ("10.142.15.206", "10.24.12.0/24"),
    "node-3": ("10.142.15.207", "10.24.13.0/24"),
}


def entry(protocol: str, *ports: str) -> Raw:
    """One alternative of `allowed` or `denied`."""
    return {"IPProtocol": protocol, **({"ports": list(ports)} if ports else {})}


def rule(name: str, network: str = "default", **changes: Any) -> Raw:
    """Admits udp from everywhere to everyone, unless said otherwise; None takes a field away."""
    fields: Raw = {
        "name": name,
        "network": f"{_API}/global/networks/{network}",
        "priority": 1000,
        "direction": "INGRESS",
    }
    fields |= {"disabled": False, **({} if "denied" in changes else {"allowed": [entry("udp")]})}
    if changes.get("direction", "INGRESS") == "INGRESS":
        fields["sourceRanges"] = ["0.0.0.0/0"]
    return {key: value for key, value in (fields | changes).items() if value is not None}


def machine(name: str, address: str, extra: list[Raw] | None = None, **changes: Any) -> Raw:
    """An instance in the network `default`; `extra` are further interfaces, their networks by name."""
    nics = [{"name": "nic0", "network": "default", "networkIP": address}, *(extra or [])]
    interfaces = [
        {"name": f"nic{i}", **nic, "network": f"{_API}/global/networks/{nic['network']}"} for i, nic in enumerate(nics)
    ]
    return {
        "name": name,
        "zone": f"{_API}/zones/us-east1-b",
        "tags": {"items": [NODE_TAG]},
        "serviceAccounts": [{"email": NODE_ACCOUNT}],
        "networkInterfaces": interfaces,
    } | changes


def recording(
    *rules: Raw, policies: list[Raw] | None = None, order: str = "AFTER_CLASSIC_FIREWALL", **changes: Any
) -> Raw:
    """The story's nodes with these rules."""
    return {
        "format": "pathcheck-recording/1",
        "project": PROJECT,
        "networks": [{"name": "default", "networkFirewallPolicyEnforcementOrder": order}],
        "subnetworks": [],
        "routes": [
            {"name": f"to-{name}", "destRange": pods, "nextHopInstance": f"{_API}/zones/us-east1-b/instances/{name}"}
            for name, (_, pods) in _NODES.items()
        ],
        "instances": [machine(name, address) for name, (address, _) in _NODES.items()],
        "firewalls": list(rules),
        "effectiveFirewalls": [
            {"network": "default", "region": "us-east1", "answer": {"firewallPolicys": policies or []}}
        ],
        "addressGroups": {},
        "secureTagBindings": {},
    } | changes


def firewall(*rules: Raw, **changes: Any) -> Firewall:
    """The same, translated."""
    return firewall_of(recording(*rules, **changes))


def asked(source: str, destination: str, traffic: str) -> Flow:
    """`ADDRESS[@INSTANCE]` twice, and `udp/53`."""
    return Flow(_end(source), _end(destination), l4(traffic))


def _end(text: str) -> Endpoint:
    address, _, instance = text.partition("@")
    return Endpoint(ip_address(address), instance=instance or None)
