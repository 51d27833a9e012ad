"""Changing what the firewall engine reads besides VPC rules, by google-cloud-compute; all of it undone when its `with` block ends.

Rules are in the API's own spelling.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from e2e import compute
from e2e.faults import levers
from e2e.lab.topology import NETWORK, PODS, PROJECT

NETWORK_URL = f"projects/{PROJECT}/global/networks/{NETWORK}"
ORGANIZATION = "organizations/7"
ROUTES = f"{levers.EMULATOR}/compute/v1/projects/{PROJECT}/global/routes"
DNS = {"srcIpRanges": [str(PODS)], "layer4Configs": [{"ipProtocol": "udp", "ports": ["53"]}]}


@contextmanager
def global_policy(name: str, *rules: Mapping[str, Any]) -> Iterator[float]:
    """A global network firewall policy with these rules, associated with the network; since when."""
    from google.cloud import compute_v1 as v1

    policies = compute.client(v1.NetworkFirewallPoliciesClient)
    policies.insert_unary(project=PROJECT, firewall_policy_resource=v1.FirewallPolicy(name=name))
    here = {"project": PROJECT, "firewall_policy": name}
    try:
        for rule in rules:
            policies.add_rule_unary(**here, firewall_policy_rule_resource=_rule(rule))
        association = v1.FirewallPolicyAssociation(name=name, attachment_target=NETWORK_URL)
        policies.add_association_unary(**here, firewall_policy_association_resource=association)
        try:
            yield time.time()
        finally:
            policies.remove_association_unary(request={**here, "name": name})
    finally:
        policies.delete_unary(**here)


@contextmanager
def hierarchical_policy(short_name: str, *rules: Mapping[str, Any]) -> Iterator[str]:
    """The same of an organization; its number, by which rules are named."""
    from google.cloud import compute_v1 as v1

    policies = compute.client(v1.FirewallPoliciesClient)
    resource = v1.FirewallPolicy(short_name=short_name)
    made = policies.insert_unary(request={"parent_id": ORGANIZATION, "firewall_policy_resource": resource})
    here = {"firewall_policy": made.target_link.rpartition("/")[2]}
    try:
        for rule in rules:
            policies.add_rule_unary(**here, firewall_policy_rule_resource=_rule(rule))
        association = v1.FirewallPolicyAssociation(name=short_name, attachment_target=ORGANIZATION)
        policies.add_association_unary(**here, firewall_policy_association_resource=association)
        try:
            yield here["firewall_policy"]
        finally:
            policies.remove_association_unary(request={**here, "name": short_name})
    finally:
        policies.delete_unary(**here)


@contextmanager
def policies_before_rules() -> Iterator[float]:
    """The network asks its policies before its VPC rules; since when."""
    _order("BEFORE_CLASSIC_FIREWALL")
    try:
        yield time.time()
    finally:
        _order("AFTER_CLASSIC_FIREWALL")


@contextmanager
def without_route(node: str) -> Iterator[float]:
    """The static route to this node's pods is deleted; since when."""
    from google.cloud import compute_v1 as v1

    routes = compute.client(v1.RoutesClient)
    name = f"gke-{PROJECT}-1de60498-{node}"
    route = levers.call("GET", f"{ROUTES}/{name}")
    routes.delete_unary(project=PROJECT, route=name)
    try:
        yield time.time()
    finally:
        wanted = ("name", "description", "network", "destRange", "priority", "nextHopInstance")
        levers.call("POST", ROUTES, {key: route[key] for key in wanted})


@contextmanager
def permission_missing(permission: str) -> Iterator[float]:
    """Every call that needs it is refused, and no other; since when."""
    levers.call("POST", f"{levers.EMULATOR}/lab/faults", {"answer": 403, "permission": permission})
    try:
        yield time.time()
    finally:
        levers.call("DELETE", f"{levers.EMULATOR}/lab/faults")


def _order(order: str) -> None:
    from google.cloud import compute_v1 as v1

    networks = compute.client(v1.NetworksClient)
    resource = v1.Network(network_firewall_policy_enforcement_order=order)
    networks.patch_unary(project=PROJECT, network=NETWORK, network_resource=resource)


def _rule(rule: Mapping[str, Any]) -> Any:
    from google.cloud import compute_v1 as v1

    return v1.FirewallPolicyRule.from_json(json.dumps(rule))
