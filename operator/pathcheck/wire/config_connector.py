"""A fix → objects of Config Connector (https://cloud.google.com/config-connector/docs/reference/resource-docs/compute/computefirewall).

Rules of global network policies are ComputeNetworkFirewallPolicyRule (v1alpha1,
https://github.com/GoogleCloudPlatform/k8s-config-connector/tree/master/crds); for those of regional ones there is no kind.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pathcheck.model.fixes import Change, Fix
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action
from pathcheck.wire.rule_words import is_regional, owner_of, ranges_of, traffic_of

_GROUP = "compute.cnrm.cloud.google.com"


def manifests(fix: Fix) -> str:
    """One YAML document a change. Applied to a rule that exists, it takes that rule over and leaves other fields as they are."""
    return "---\n".join(_document(change, fix) for change in fix.changes)


def _document(change: Change, fix: Fix) -> str:
    rule = change.after
    if is_regional(rule):
        return f"# Config Connector has no kind for rules of a regional network firewall policy ({rule.policy})\n"
    manifest = _policy_rule(rule, fix) if rule.policy else _firewall(rule, fix)
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


def _firewall(rule: Rule, fix: Fix) -> dict[str, Any]:
    project, network = owner_of(rule, fix)
    sources, destinations = ranges_of(rule)
    entries = [{"protocol": p} | ({"ports": ports} if ports else {}) for p, ports in traffic_of(rule).items()]
    spec = {
        "networkRef": {"external": f"projects/{project}/global/networks/{network}"},
        "direction": rule.direction.upper(),
        "priority": rule.priority,
        "disabled": rule.disabled,
        "sourceRanges": sources,
        "sourceTags": sorted(rule.remote_tags),
        "sourceServiceAccounts": [{"external": a} for a in sorted(rule.remote_service_accounts)],
        "destinationRanges": destinations,
        "targetTags": sorted(rule.target_tags),
        "targetServiceAccounts": [{"external": a} for a in sorted(rule.target_service_accounts)],
        "allow" if rule.action is Action.ALLOW else "deny": entries,
    }
    metadata = {"name": rule.name, "annotations": {"cnrm.cloud.google.com/project-id": project}}
    return _manifest("v1beta1", "ComputeFirewall", metadata, spec)


def _policy_rule(rule: Rule, fix: Fix) -> dict[str, Any]:
    sources, destinations = ranges_of(rule)
    match = {
        "srcIpRanges": sources,
        "srcSecureTags": [{"name": tag} for tag in sorted(rule.remote_secure_tags)],
        "destIpRanges": destinations,
        "layer4Configs": [
            {"ipProtocol": p} | ({"ports": ports} if ports else {}) for p, ports in traffic_of(rule).items()
        ],
    }
    spec = {
        "projectRef": {"external": owner_of(rule, fix)[0]},
        "firewallPolicyRef": {"external": rule.policy},
        "resourceID": str(rule.priority),
        "direction": rule.direction.upper(),
        "action": rule.action.value,
        "disabled": rule.disabled,
        "match": _filled(match),
        "targetSecureTags": [{"name": tag} for tag in sorted(rule.target_secure_tags)],
        "targetServiceAccountRefs": [{"external": a} for a in sorted(rule.target_service_accounts)],
    }
    # Objects of Kubernetes are named as RFC 1123 says, whatever the policy is called.
    name = re.sub(r"[^a-z0-9]+", "-", f"{rule.policy}-{rule.priority}".lower()).strip("-")
    return _manifest("v1alpha1", "ComputeNetworkFirewallPolicyRule", {"name": name}, spec)


def _manifest(version: str, kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{_GROUP}/{version}", "kind": kind, "metadata": metadata, "spec": _filled(spec)}


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value != []}
