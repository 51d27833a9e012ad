"""How the Terraform provider spells rules and routes, and how the Compute API does.

Its resources have the API's fields in another case
(https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall and its neighbours); the few that are
called otherwise are listed here. What has no name here keeps its own, and is then unknown to the reader of the recording as well: it
could narrow the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathcheck.wire.terraform_resources import UNKNOWN

Raw = dict[str, Any]

# What says nothing about which packets pass.
_SILENT = frozenset(
    [
        "creation_timestamp",
        "deletion_policy",
        "description",
        "enable_logging",
        "firewall_policy",
        "id",
        "kind",
        "log_config",
        "params",
        "project",
        "region",
        "rule_name",
        "rule_tuple_count",
        "security_profile_group",
        "self_link",
        "timeouts",
        "tls_inspect",
    ]
)
_FIREWALL = {"allow": "allowed", "deny": "denied"}
# …_with_rules has its blocks in the singular; a scope is the older name of what the API calls a type.
_POLICY_RULE = {
    "layer4_config": "layer4Configs",
    "src_secure_tag": "srcSecureTags",
    "target_secure_tag": "targetSecureTags",
    "src_network_scope": "srcNetworkType",
    "dest_network_scope": "destNetworkType",
}
_ROUTE = ("name", "network", "dest_range", "priority", "tags")
_HOPS = ("next_hop_gateway", "next_hop_instance", "next_hop_ip", "next_hop_vpn_tunnel", "next_hop_ilb")


def firewall_rule(values: Raw) -> Raw:
    """A google_compute_firewall → an item of firewalls.list."""
    rule = _spelt(values, _FIREWALL)
    for key in _FIREWALL.values():
        if isinstance(rule.get(key), list):
            rule[key] = [_spelt(entry, {"protocol": "IPProtocol"}) for entry in rule[key]]
    return rule


def policy_rule(values: Raw) -> Raw:
    """A rule of any of the resources that have some → a FirewallPolicyRule. Where no direction is written, it is INGRESS."""
    rule: Raw = {"direction": "INGRESS"} | _with_blocks(values)
    match = rule.get("match")
    return rule | {"match": _with_blocks(match[0]) if isinstance(match, list) and match else match}


def route(values: Raw) -> Raw:
    """A google_compute_route → an item of routes.list. What the cloud says of a route itself is not known of a new one."""
    found = {_camel(key): values[key] for key in (*_ROUTE, *_HOPS) if _says(values.get(key))}
    instance, zone = found.get("nextHopInstance"), values.get("next_hop_instance_zone")
    if isinstance(instance, str) and "/" not in instance and isinstance(zone, str):
        found["nextHopInstance"] = f"zones/{zone}/instances/{instance}"
    return found


def _spelt(values: Raw, names: Mapping[str, str] | None = None) -> Raw:
    """In the API's case, without what it leaves out."""
    names = names or {}
    return {
        names.get(key) or _camel(key): value for key, value in values.items() if key not in _SILENT and _says(value)
    }


def _with_blocks(values: Raw) -> Raw:
    """The fields of a policy's rule, or of its match, with the blocks in them."""
    found = _spelt(values, _POLICY_RULE)
    for key, block in (("targetSecureTags", _secure_tag), ("srcSecureTags", _secure_tag), ("layer4Configs", _spelt)):
        if isinstance(found.get(key), list):
            found[key] = [block(each) for each in found[key]]
    return found


def _says(value: object) -> bool:
    """Whether it is more than what the API leaves out; 0 is."""
    return value is not None and value is not False and value not in ("", [])


def _secure_tag(tag: Raw) -> Raw:
    """Its state is the API's to say; until it does, it is in effect."""
    return {key: value for key, value in tag.items() if _says(value) and (key != "state" or value != UNKNOWN)}


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)
