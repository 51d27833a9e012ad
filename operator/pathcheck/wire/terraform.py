"""A fix → resources of Terraform's google provider, as `terraform fmt` would leave them.

google_compute_firewall, google_compute_network_firewall_policy_rule and google_compute_region_network_firewall_policy_rule
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall and its neighbours).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pathcheck.model.fixes import Change, Fix
from pathcheck.model.rules import Rule
from pathcheck.model.words import Action
from pathcheck.wire.rule_words import is_regional, owner_of, ranges_of, traffic_of

Value = str | int | bool | Sequence[str]
_INDENT = "  "


def resources(fix: Fix) -> str:
    """One resource a change, with an import block before one that exists already; ends with a line break."""
    return "\n".join(_resource(change, fix) for change in fix.changes)


def _resource(change: Change, fix: Fix) -> str:
    rule = change.after
    kind = _policy_kind(rule) if rule.policy else "google_compute_firewall"
    label = re.sub(r"[^A-Za-z0-9_-]", "_", rule.name)
    label = label if label[:1].isalpha() else f"rule_{label}"
    body = _policy_rule(change, fix) if rule.policy else _firewall(rule, fix)
    text = f"resource {_quoted(kind)} {_quoted(label)} {{\n{body}}}\n"
    if change.before is None:
        return text
    known = "It exists already: fields that are not about packets (description, logging) must be added as they are."
    target = _attributes({"to": "", "id": _id(change, fix)}, _INDENT).replace('""', f"{kind}.{label}")
    return f"# {known}\nimport {{\n{target}}}\n\n{text}"


def _firewall(rule: Rule, fix: Fix) -> str:
    project, network = owner_of(rule, fix)
    sources, destinations = ranges_of(rule)
    attributes: dict[str, Value] = {
        "name": rule.name,
        "project": project,
        "network": network,
        "direction": rule.direction.upper(),
        "priority": rule.priority,
        **({"disabled": True} if rule.disabled else {}),
        "source_ranges": sources,
        "source_tags": sorted(rule.remote_tags),
        "source_service_accounts": sorted(rule.remote_service_accounts),
        "destination_ranges": destinations,
        "target_tags": sorted(rule.target_tags),
        "target_service_accounts": sorted(rule.target_service_accounts),
    }
    name = "allow" if rule.action is Action.ALLOW else "deny"
    blocks = [
        _block(name, {"protocol": protocol, "ports": ports}, _INDENT) for protocol, ports in traffic_of(rule).items()
    ]
    return "\n".join([_attributes(attributes, _INDENT), *blocks])


def _policy_rule(change: Change, fix: Fix) -> str:
    rule = change.after
    sources, destinations = ranges_of(rule)
    attributes: dict[str, Value] = {
        "project": owner_of(rule, fix)[0],
        **({"region": change.region} if is_regional(rule) else {}),
        "firewall_policy": rule.policy,
        "priority": rule.priority,
        "direction": rule.direction.upper(),
        "action": rule.action.value,
        **({"disabled": True} if rule.disabled else {}),
        "target_service_accounts": sorted(rule.target_service_accounts),
    }
    deeper = _INDENT * 2
    parts = [_attributes({"src_ip_ranges": sources, "dest_ip_ranges": destinations}, deeper)]
    parts += [_block("src_secure_tags", {"name": tag}, deeper) for tag in sorted(rule.remote_secure_tags)]
    parts += [
        _block("layer4_configs", {"ip_protocol": protocol, "ports": ports}, deeper)
        for protocol, ports in traffic_of(rule).items()
    ]
    match = f"{_INDENT}match {{\n" + "\n".join(part for part in parts if part) + f"{_INDENT}}}\n"
    tags = [_block("target_secure_tags", {"name": tag}, _INDENT) for tag in sorted(rule.target_secure_tags)]
    return "\n".join([_attributes(attributes, _INDENT), match, *tags])


def _policy_kind(rule: Rule) -> str:
    return f"google_compute_{'region_' if is_regional(rule) else ''}network_firewall_policy_rule"


def _id(change: Change, fix: Fix) -> str:
    rule = change.after
    project = owner_of(rule, fix)[0]
    if not rule.policy:
        return f"projects/{project}/global/firewalls/{rule.name}"
    place = f"regions/{change.region}" if is_regional(rule) else "global"
    return f"projects/{project}/{place}/firewallPolicies/{rule.policy}/{rule.priority}"


# HCL (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md)


def _block(name: str, attributes: Mapping[str, Value], indent: str) -> str:
    return f"{indent}{name} {{\n{_attributes(attributes, indent + _INDENT)}{indent}}}\n"


def _attributes(attributes: Mapping[str, Value], indent: str) -> str:
    """One a line, the equals signs below each other; empty lists are left out."""
    written = {name: value for name, value in attributes.items() if value != []}
    width = max(map(len, written), default=0)
    return "".join(f"{indent}{name:<{width}} = {_value(value)}\n" for name, value in written.items())


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return f"[{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    """A string literal: `${` and `%{` would begin an expression."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + escaped.replace("${", "$${").replace("%{", "%%{") + '"'
