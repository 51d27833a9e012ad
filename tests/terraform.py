"""Terraform plans for tests, as `terraform show -json` prints them.

Written by hand after https://developer.hashicorp.com/terraform/internals/json-format (1.2) and the provider's pages
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall and its neighbours); no plan of a real
project is among them. Unknown values stand where Terraform puts them: true in `after_unknown`, and left out, or null in a list, of `after`.
"""

from __future__ import annotations

import re
from typing import Any

from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Explanation
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.terraform_plan import changed
from tests.recordings import PROJECT, Raw, asked

# A packet from a pod of node-2 to a pod of node-1 of tests/recordings.py.
FLOW = asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53")


def reference(*names: str) -> Raw:
    """An expression with these references, each followed by what it implies, as Terraform prints them."""
    found: list[str] = []
    for name in names:
        parts = re.findall(r"[\w-]+(?:\[[^\]]*\])?", name)
        least = 3 if parts[0] == "data" else 2
        found += [".".join(parts[:length]) for length in range(len(parts), least - 1, -1)]
        bare = re.sub(r"\[[^\]]*\]", "", found[-1])
        found += [bare] if bare != found[-1] else []
    return {"references": found}


def change(
    address: str,
    actions: str,
    before: Any = None,
    after: Any = None,
    unknown: Raw | None = None,
    **more: Any,
) -> Raw:
    """One entry of resource_changes; `actions` as "create" or "delete create"."""
    kind, name = re.sub(r"\[[^\]]*\]", "", address).split(".")[-2:]
    mode = "data" if "data." in address else "managed"
    body = {"actions": actions.split(), "before": before, "after": after, "after_unknown": unknown or {}}
    entry = {"address": address, "mode": mode, "type": kind, "name": name, "change": body}
    return entry | {"provider_name": "registry.terraform.io/hashicorp/google"} | more


def written(address: str, **more: Any) -> Raw:
    """One resource of the configuration; what is no expression yet is a constant, or blocks."""
    kind, name = address.split(".")[-2:]
    meta: Raw = {
        key: more.pop(key) for key in ("for_each_expression", "count_expression", "provider_config_key") if key in more
    }
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "expressions": _expressions(more),
        **meta,
    }


def _expressions(values: Raw) -> Raw:
    return {key: _expression(value) for key, value in values.items()}


def _expression(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() <= {"references", "constant_value"}:
        return value
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return [_expressions(each) for each in value]
    return {"constant_value": value}


def plan(*changes: Raw, root: Raw | None = None, state: list[Raw] | None = None, **more: Any) -> Raw:
    """A plan; without `root`, whatever is there of each resource after it is written in the configuration, and nothing else is."""
    if root is None:
        after = {re.sub(r"\[[^\]]*\]", "", c["address"]): c["change"]["after"] or {} for c in changes}
        root = {"resources": [written(address, **values) for address, values in after.items()]}
    prior: Raw = {"format_version": "1.0", "values": {"root_module": {"resources": state}}}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        **({"prior_state": prior} if state else {}),
        "configuration": {"root_module": root},
    } | more


def in_state(address: str, **values: Any) -> Raw:
    """One resource of prior_state."""
    kind, name = address.split(".")[-2:]
    mode = "data" if "data." in address else "managed"
    return {"address": address, "mode": mode, "type": kind, "name": name, "values": values}


def told(recording: Raw, planned: Raw) -> tuple[str, ...]:
    """What cannot be told."""
    return changed(recording, planned)[1]


def explained(recording: Raw, planned: Raw) -> Explanation:
    """FLOW, after the plan."""
    return predict(FLOW, firewall_of(changed(recording, planned)[0]))


def decided(recording: Raw, planned: Raw) -> tuple[str, ...]:
    """Who decides FLOW after the plan."""
    return explained(recording, planned).decided_by


# Attributes as the provider keeps them. Names and ids are of tests/recordings.py.


def firewall(name: str = "dns", **changes: Any) -> Raw:
    """A google_compute_firewall that admits udp/53 from all pods."""
    values: Raw = {
        "name": name,
        "project": PROJECT,
        "network": "default",
        "priority": 1000,
        "direction": "INGRESS",
        "disabled": None,
        "allow": [{"protocol": "udp", "ports": ["53"]}],
        "deny": [],
        "description": None,
        "source_ranges": ["10.24.0.0/14"],
        "source_tags": None,
        "source_service_accounts": None,
        "target_tags": None,
        "target_service_accounts": None,
        "log_config": [],
        "params": [],
        "timeouts": None,
    }
    return values | changes


def policy_rule(priority: int = 10, **changes: Any) -> Raw:
    """A rule of a network policy `guard` that denies udp from all pods."""
    match = {
        "src_ip_ranges": ["10.24.0.0/14"],
        "dest_ip_ranges": None,
        "src_secure_tags": [],
        "layer4_configs": [{"ip_protocol": "udp", "ports": None}],
    }
    values: Raw = {
        "firewall_policy": "guard",
        "project": PROJECT,
        "priority": priority,
        "action": "deny",
        "direction": "INGRESS",
        "disabled": None,
        "description": None,
        "enable_logging": None,
        "match": [match],
        "target_secure_tags": [],
        "target_service_accounts": None,
        "tls_inspect": None,
    }
    return values | changes


def policy(name: str = "guard", **changes: Any) -> Raw:
    """A google_compute_network_firewall_policy."""
    return {"name": name, "project": PROJECT, "description": None, "timeouts": None} | changes


def association(name: str = "guards", **changes: Any) -> Raw:
    """A google_compute_network_firewall_policy_association of `guard` with the network of the nodes."""
    target = f"projects/{PROJECT}/global/networks/default"
    return {"name": name, "project": PROJECT, "firewall_policy": "guard", "attachment_target": target} | changes
