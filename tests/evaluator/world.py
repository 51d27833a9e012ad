"""A small cloud to ask questions of, in the API's spelling: a few machines, whose rules and policies each fact brings along.

| end | what |
|---|---|
| `a` `b` | machines of the network `default`, with tags `web` and `db`, an account and a secure tag each |
| `a-pod` `b-pod` | addresses in their alias ranges; `a6` `b6`: in their IPv6 ranges |
| `c` `c-pod` `c-hop` | a machine to which static routes lead, by its name and by its address |
| `far` | a machine of a network that is peered with `default`; `stranger`: of one that is not |
| `gw` `gw-other` | a machine with an interface in `default` and one in `other` |
| `us` | a machine of `default` in another region |
| `internet` `internet6` | peers outside |
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Json = dict[str, Any]

API = "https://www.googleapis.com/compute/v1/projects/p"
ONE, TWO = "tagValues/1", "tagValues/2"  # the secure tags of `a` and of `b`

ENDS: dict[str, tuple[str, str | None]] = {
    "a": ("10.0.0.1", "a"),
    "a-pod": ("10.4.1.9", "a"),
    "a6": ("fd20:0:0:1::5", "a"),
    "b": ("10.0.0.2", "b"),
    "b-pod": ("10.4.2.9", "b"),
    "b6": ("fd20:0:0:2::5", "b"),
    "c": ("10.0.0.3", "c"),
    "c-pod": ("10.5.3.9", "c"),
    "c-hop": ("10.6.3.9", "c"),
    "far": ("10.9.0.1", "far"),
    "gw": ("10.0.0.9", "gw"),
    "gw-other": ("10.8.0.9", "gw"),
    "gw-elsewhere": ("10.99.0.9", "gw"),
    "stranger": ("10.8.0.1", "stranger"),
    "us": ("10.1.0.1", "us"),
    "nobody": ("10.0.0.77", "nobody"),
    "internet": ("203.0.113.9", None),
    "internet6": ("2001:db8::9", None),
    "metadata": ("169.254.169.254", None),
    "metadata6": ("fd20:ce::254", None),
}


def network(name: str, project: str = "p") -> str:
    """The URL of a network; a URL stays what it is."""
    return name if "/" in name else f"https://www.googleapis.com/compute/v1/projects/{project}/global/networks/{name}"


def nic(number: int, network_name: str, address: str, **more: Any) -> Json:
    return {"name": f"nic{number}", "network": network(network_name), "networkIP": address, **more}


def machine(name: str, *nics: Json, tag: str = "", zone: str = "europe-west1-b") -> Json:
    return {
        "name": name,
        "zone": f"{API}/zones/{zone}",
        "tags": {"items": [tag] if tag else []},
        "serviceAccounts": [{"email": account(name)}],
        "networkInterfaces": list(nics),
    }


def account(name: str) -> str:
    return f"{name}@p.iam.gserviceaccount.com"


def _six(number: int) -> Json:
    return {"ipv6Address": f"fd20:0:0:{number}::", "internalIpv6PrefixLength": 96}


MACHINES = [
    machine("a", nic(0, "default", "10.0.0.1", aliasIpRanges=[{"ipCidrRange": "10.4.1.0/24"}], **_six(1)), tag="web"),
    machine("b", nic(0, "default", "10.0.0.2", aliasIpRanges=[{"ipCidrRange": "10.4.2.0/24"}], **_six(2)), tag="db"),
    machine("c", nic(0, "default", "10.0.0.3"), tag="web"),
    machine("far", nic(0, "far", "10.9.0.1"), tag="web"),
    machine("stranger", nic(0, "other", "10.8.0.1"), tag="web"),
    machine("gw", nic(0, "default", "10.0.0.9"), nic(1, "other", "10.8.0.9")),
    machine("us", nic(0, "default", "10.1.0.1"), zone="us-east1-b"),
]
ROUTES = [
    {"destRange": "10.5.3.0/24", "network": network("default"), "nextHopInstance": f"{API}/zones/europe-west1-b/instances/c"},
    {"destRange": "10.6.3.0/24", "network": network("default"), "nextHopIp": "10.0.0.3"},
]  # fmt: skip
PLACES = [
    ("default", "europe-west1"),
    ("default", "us-east1"),
    ("far", "europe-west1"),
    ("other", "europe-west1"),
]


def world(*rules: Json, policies: list[Json] | None = None, order: str | None = "AFTER", **changes: Any) -> Json:
    """A recording; `policies` are those of `default` in europe-west1, `order` is that of `default`. None takes a key away."""
    default: Json = {
        "name": "default",
        "selfLink": network("default"),
        "peerings": [{"name": "x", "network": network("far"), "state": "ACTIVE"}],
    }
    if order is not None:
        default["networkFirewallPolicyEnforcementOrder"] = f"{order}_CLASSIC_FIREWALL"
    answers: dict[tuple[str, str], Json] = {place: {"firewallPolicys": []} for place in PLACES}
    answers[PLACES[0]] = {"firewallPolicys": policies or []}
    recording = {
        "format": "pathcheck-recording/1",
        "project": "p",
        "networks": [default, {"name": "far"}, {"name": "other"}],
        "subnetworks": [],
        "routes": ROUTES,
        "instances": MACHINES,
        "firewalls": [{**rule, "network": network(rule.get("network", "default"))} for rule in rules],
        "effectiveFirewalls": [{"network": n, "region": r, "answer": answer} for (n, r), answer in answers.items()],
        "addressGroups": {"offices": ["198.51.100.0/24", "10.4.1.0/24"], "networks/none": []},
        "secureTagBindings": {"a": [ONE], "b": [TWO], "c": [ONE], "far": [ONE], "stranger": [ONE]},
    } | changes
    return deepcopy({key: value for key, value in recording.items() if value is not None})


def allow(name: str, traffic: str = "all", **fields: Any) -> Json:
    """A VPC rule for INGRESS that allows `tcp:80,443 udp`; None takes a field away."""
    return _vpc(name, {"allowed": entries("IPProtocol", traffic)}, fields)


def deny(name: str, traffic: str = "all", **fields: Any) -> Json:
    """The same, denying."""
    return _vpc(name, {"denied": entries("IPProtocol", traffic)}, fields)


def _vpc(name: str, action: Json, fields: Json) -> Json:
    rule = {"name": name, "direction": "INGRESS", "priority": 1000} | action | fields
    return {key: value for key, value in rule.items() if value is not None}


def policy(name: str, kind: str, *rules: Json, **fields: Any) -> Json:
    """A policy of an effective answer; `kind` is one of HIERARCHY, SYSTEM_GLOBAL, SYSTEM_REGIONAL, NETWORK, NETWORK_REGIONAL."""
    return {"name": name, "type": kind, "rules": list(rules), **fields}


def step(priority: int, action: str, traffic: str = "all", **fields: Any) -> Json:
    """A policy's rule for INGRESS; `src…` and `dest…` go into its match."""
    match = {key: value for key, value in fields.items() if key.startswith(("src", "dest"))}
    rest = {key: value for key, value in fields.items() if key not in match}
    layer4 = {"layer4Configs": entries("ipProtocol", traffic)}
    return {"priority": priority, "action": action, "direction": "INGRESS", **rest, "match": match | layer4}


def entries(key: str, traffic: str) -> list[Json]:
    """`tcp:80,443 udp` as alternatives; `key` is IPProtocol or ipProtocol."""
    found = []
    for text in traffic.split():
        protocol, _, ports = text.partition(":")
        found.append({key: protocol, **({"ports": ports.split(",")} if ports else {})})
    return found


def flow(text: str) -> Json:
    """`a → b-pod tcp/80`, with `reply` behind it for the packets that come back."""
    source, _, destination, traffic, *state = text.split()
    protocol, _, port = traffic.partition("/")
    return {
        "id": text,
        "src": _end(source),
        "dst": _end(destination),
        "protocol": int(protocol) if protocol.isdigit() else protocol,
        "port": int(port) if port else None,
        "state": "reply-of-allowed" if state else "new",
    }


def _end(text: str) -> Json:
    name, _, nic_name = text.partition(":")
    address, instance = ENDS[name]
    return {"ip": address, **({"instance": instance} if instance else {}), **({"nic": nic_name} if nic_name else {})}
