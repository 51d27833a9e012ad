"""A rule set as calls to the Compute Engine API: what was there before goes, what is asked for comes."""

from __future__ import annotations

from typing import Any

from e2e.network_of import ask
from e2e.packets.machines import EAST, PROJECT, WEST
from e2e.packets.policy_sets import Policy, RuleSet

_ROOT = "/compute/v1"
_HERE = f"{_ROOT}/projects/{PROJECT}"
_FIREWALLS = f"{_HERE}/global/firewalls"
_OF_NODES = f"{_ROOT}/locations/global/firewallPolicies"
_NODES = ("organizations/1", "folders/2", "folders/3")
_PARENTS = [
    f"{_HERE}/global/firewallPolicies",
    *(f"{_HERE}/regions/{region}/firewallPolicies" for region in (EAST, WEST)),
]


def hold(endpoint: str, wanted: RuleSet) -> None:
    """Has exactly these rules, policies and orders in force."""
    _clear(endpoint)
    for network, order in wanted.orders.items():
        ask(endpoint, "PATCH", f"{_HERE}/{network}", {"networkFirewallPolicyEnforcementOrder": order})
    for rule in wanted.rules:
        ask(endpoint, "POST", _FIREWALLS, rule)
    for policy in wanted.policies:
        _associate(endpoint, policy)


def _associate(endpoint: str, policy: Policy) -> None:
    association: dict[str, Any] = {"name": policy.name}
    if policy.node:
        body = {"shortName": policy.name, "rules": policy.rules}
        made = ask(endpoint, "POST", f"{_OF_NODES}?parentId={policy.node}", body)
        path = f"{_OF_NODES}/{made['targetId']}"
        association |= {"attachmentTarget": policy.node}
    else:
        parent = _PARENTS[0] if not policy.region else f"{_HERE}/regions/{policy.region}/firewallPolicies"
        ask(endpoint, "POST", parent, {"name": policy.name, "rules": policy.rules})
        path = f"{parent}/{policy.name}"
        association |= {"attachmentTarget": policy.network, "priority": policy.priority}
    ask(endpoint, "POST", f"{path}/addAssociation", association)


def _clear(endpoint: str) -> None:
    for left in ask(endpoint, "GET", _FIREWALLS).get("items", []):
        ask(endpoint, "DELETE", f"{_FIREWALLS}/{left['name']}")
    lists = [(parent, "") for parent in _PARENTS] + [(_OF_NODES, f"?parentId={node}") for node in _NODES]
    for parent, query in lists:
        for left in ask(endpoint, "GET", parent + query).get("items", []):
            path = f"{parent}/{left['name']}"
            for association in left["associations"]:
                ask(endpoint, "POST", f"{path}/removeAssociation?name={association['name']}")
            ask(endpoint, "DELETE", path)
