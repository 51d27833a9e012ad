"""A recording and a Terraform plan → the recording as it will be once the plan is applied.

The plan is what `terraform show -json` prints (https://developer.hashicorp.com/terraform/internals/json-format), of the providers google
and google-beta (https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall and its neighbours).
A value that is known after apply only stands in the recording as `{"unavailable": "known after apply"}`, so that what has it cannot be
judged. What decides packets and is not understood here is said, never left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pathcheck.wire.compute import last_part, shown

Raw = dict[str, Any]
UNKNOWN = {"unavailable": "known after apply"}

_FIREWALL = {
    "name": "name",
    "network": "network",
    "priority": "priority",
    "direction": "direction",
    "disabled": "disabled",
    "source_ranges": "sourceRanges",
    "destination_ranges": "destinationRanges",
    "source_tags": "sourceTags",
    "target_tags": "targetTags",
    "source_service_accounts": "sourceServiceAccounts",
    "target_service_accounts": "targetServiceAccounts",
    "allow": "allowed",
    "deny": "denied",
}
_ROUTE = {
    "name": "name",
    "network": "network",
    "dest_range": "destRange",
    "priority": "priority",
    "tags": "tags",
    "next_hop_gateway": "nextHopGateway",
    "next_hop_instance": "nextHopInstance",
    "next_hop_ip": "nextHopIp",
    "next_hop_vpn_tunnel": "nextHopVpnTunnel",
    "next_hop_ilb": "nextHopIlb",
}
# What says nothing about which packets pass.
_SILENT = frozenset(
    [
        "creation_timestamp",
        "deletion_policy",
        "description",
        "effective_labels",
        "enable_logging",
        "id",
        "kind",
        "log_config",
        "params",
        "project",
        "self_link",
        "terraform_labels",
        "timeouts",
    ]
)
# Of these the cloud, or the machines that they make, decide about packets as well.
_DECIDE = (
    "google_compute_firewall",
    "google_compute_network",
    "google_compute_region_network_firewall",
    "google_compute_instance",
    "google_compute_region_instance",
    "google_compute_subnetwork",
    "google_compute_router",
    "google_compute_route",
    "google_compute_vpn",
    "google_compute_ha_vpn",
    "google_compute_interconnect",
    "google_compute_packet_mirroring",
    "google_compute_shared_vpc",
    "google_container_cluster",
    "google_container_node_pool",
    "google_network_security_address_group",
    "google_tags_location_tag_binding",
    "google_tags_tag_binding",
)
_HARMLESS = frozenset(
    {"google_compute_instance_iam_member", "google_compute_network_endpoint", "google_compute_instance_settings"}
)


class NotAPlan(ValueError):  # noqa: N818 - it reads as what it says
    """The file is no plan that can be read; the message names the field."""


def changed(recording: Mapping[str, object], plan: Mapping[str, object]) -> tuple[Raw, tuple[str, ...]]:
    """The recording after the plan, and a sentence for each resource that decides packets and is not understood.

    Raises NotAPlan.
    """
    version = str(plan.get("format_version", ""))
    if version.partition(".")[0] not in ("0", "1") or not version:
        raise NotAPlan(
            f"format_version: is {plan.get('format_version')!r}, expected 1.x: terraform show -json prints it"
        )
    changes = plan.get("resource_changes") or []
    if not isinstance(changes, list):
        raise NotAPlan("resource_changes: must be a list")
    after: Raw = copy.deepcopy(dict(recording))
    configured = _configured(plan)
    untold: list[str] = []
    for index, each in enumerate(changes):
        change = each.get("change") if isinstance(each, dict) else None
        if not isinstance(change, dict) or not isinstance(change.get("actions"), list):
            raise NotAPlan(f"resource_changes[{index}].change.actions: must be a list")
        kind, address = str(each.get("type")), shown(each.get("address"))
        actions = set(change["actions"]) - {"no-op", "read"}
        if not actions or each.get("mode") == "data":
            continue
        try:
            why = _applied(kind, change, configured.get(_bare(address)), after)
        except (AttributeError, KeyError, TypeError):
            raise NotAPlan(f"{address}: this, or what it changes in the recording, is not made of objects") from None
        if why:
            untold.append(f"{address}: {why}")
    return after, tuple(untold)


def _applied(kind: str, change: Mapping[str, Any], config: Mapping[str, Any] | None, after: Raw) -> str:
    """This change is made in the recording; why not, where it cannot be."""
    before, now = change.get("before"), change.get("after")
    unknown = change.get("after_unknown") or {}
    if "forget" in change["actions"]:
        return ""
    if not _recorded((now or before or {}).get("project"), after):
        return ""
    apply = _KINDS.get(kind)
    if apply is None:
        decides = kind.startswith(_DECIDE) and kind not in _HARMLESS
        return f"{kind} decides about packets and is not understood here" if decides else ""
    return apply(before, _planned(now, unknown, config) if now is not None else None, after)


def _recorded(project: object, recording: Raw) -> bool:
    """Whether it may be about the recorded machines: by their project, or by that which owns their networks. Names are a project's own."""
    if not isinstance(project, str) or project == recording.get("project"):
        return True
    nics = [nic for m in recording.get("instances") or [] for nic in m.get("networkInterfaces") or []]
    return any(f"projects/{project}/" in str(nic.get("network")) for nic in nics)


def _firewall(before: Raw | None, now: Raw | None, after: Raw) -> str:
    new = _renamed(now, _FIREWALL) if now is not None else None
    if new is not None:
        for key in ("allowed", "denied"):
            if isinstance(new.get(key), list):
                new[key] = [{"IPProtocol": e.get("protocol"), "ports": e.get("ports") or []} for e in new[key]]
                if not new[key]:
                    del new[key]
    names = {thing["name"] for thing in (before, new) if thing is not None and isinstance(thing.get("name"), str)}
    answers = [e["answer"] for e in after.get("effectiveFirewalls") or [] if isinstance(e.get("answer"), dict)]
    for holder in (after, *answers):
        if isinstance(holder.get("firewalls"), list):
            holder["firewalls"] = [r for r in holder["firewalls"] if r.get("name") not in names]
    if new is not None:
        after.setdefault("firewalls", []).append(new)
    return ""


def _route(before: Raw | None, now: Raw | None, after: Raw) -> str:
    new = _renamed(now, _ROUTE) if now is not None else None
    if new is not None and UNKNOWN in new.values():
        field = next(key for key, value in new.items() if value == UNKNOWN)
        return f"{field} is known after apply, so where this route leads is not known"
    names = {thing.get("name") for thing in (before, new) if thing is not None}
    after["routes"] = [r for r in after.get("routes") or [] if r.get("name") not in names]
    if new is not None:
        new.pop("next_hop_instance_zone", None)
        new.pop("next_hop_network", None)
        after["routes"].append(new)
    return ""


def _instance(before: Raw | None, now: Raw | None, after: Raw) -> str:
    """Tags, service accounts and forwarding of a machine that is recorded; it is taken to keep its addresses."""
    found = [
        m
        for m in after.get("instances") or []
        if before is not None
        and m.get("name") == before.get("name")
        and last_part(m.get("zone")) == last_part(before.get("zone") or m.get("zone"))
    ]
    if now is None:
        after["instances"] = [m for m in after.get("instances") or [] if m not in found]
        return ""
    if not found:
        return "is a machine that the recording does not have; record it once it exists"
    if before is not None and before.get("network_interface") != now.get("network_interface"):
        return "its network_interface changes, which is not understood here"
    for machine in found:
        machine["tags"] = {"items": now.get("tags") or []}
        machine["canIpForward"] = now.get("can_ip_forward") or False
        accounts = now.get("service_account") or []
        machine["serviceAccounts"] = accounts if accounts == UNKNOWN else [{"email": a.get("email")} for a in accounts]
    return ""


def _network(before: Raw | None, now: Raw | None, after: Raw) -> str:
    if now is None or before is None:
        return ""  # no machine of the recording is in a network that is new, nor in one that can be deleted
    order = now.get("network_firewall_policy_enforcement_order")
    for network in after.get("networks") or []:
        if network.get("name") == before.get("name") and order:
            network["networkFirewallPolicyEnforcementOrder"] = order
    return ""


_POLICY_RULES = {
    "google_compute_firewall_policy_rule": "HIERARCHY",
    "google_compute_network_firewall_policy_rule": "NETWORK",
    "google_compute_region_network_firewall_policy_rule": "NETWORK_REGIONAL",
}
# The provider's older name for what the API calls a network type.
_SCOPES = {"src_network_scope": "srcNetworkType", "dest_network_scope": "destNetworkType"}
_OF_RULE = ("priority", "action", "direction", "disabled", "target_service_accounts", "target_resources", "target_type")


def _policy_rule(type_: str) -> Callable[[Raw | None, Raw | None, Raw], str]:
    """A rule of a policy that applies to recorded machines: in every answer that shows the policy."""

    def apply(before: Raw | None, now: Raw | None, after: Raw) -> str:
        values = [thing for thing in (before, now) if thing is not None]
        policies = {last_part(thing.get("firewall_policy")) for thing in values}
        regions = {last_part(thing.get("region")) for thing in values}
        shown_in = [
            policy
            for entry in after.get("effectiveFirewalls") or []
            if type_ != "NETWORK_REGIONAL" or last_part(entry.get("region")) in regions
            for policy in (entry.get("answer") or {}).get("firewallPolicys") or []
            if policy.get("type") == type_ and policy.get("name") in policies
        ]
        if not shown_in or len(policies) > 1 or any(thing.get("priority") == UNKNOWN for thing in values):
            return "its firewall policy, or its place in it, is not in the recording"
        gone = {thing.get("priority") for thing in values}
        for policy in shown_in:
            policy["rules"] = [r for r in policy.get("rules") or [] if r.get("priority") not in gone]
            if now is not None:
                policy["rules"].append(_rule(now))
        return ""

    return apply


def _rule(values: Raw) -> Raw:
    named = {_camel(key): values[key] for key in _OF_RULE if values.get(key) is not None}
    known = {*_OF_RULE, *_SILENT, "match", "target_secure_tags", "firewall_policy", "region", "rule_name"}
    known |= {"rule_tuple_count", "security_profile_group", "tls_inspect"}
    odd = {key: value for key, value in values.items() if key not in known and value not in (None, [], "", False)}
    match = values.get("match")
    block = match[0] if isinstance(match, list) and match else match
    if isinstance(block, dict) and block != UNKNOWN:
        block = {_SCOPES.get(k, _camel(k)): _deeper(k, v) for k, v in block.items() if v not in (None, "", [])}
    tags = values.get("target_secure_tags")
    return {**named, **odd, "match": block, **({"targetSecureTags": _deeper("tags", tags)} if tags else {})}


def _deeper(key: str, value: Any) -> Any:
    """Blocks within: protocols with ports, and secure tags, whose state is the API's to say."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return value
    if key == "layer4_configs":
        return [{_camel(k): v for k, v in each.items() if v is not None} for each in value]
    return [{k: v for k, v in each.items() if v not in (None, "", UNKNOWN) or k == "name"} for each in value]


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


_KINDS: dict[str, Callable[[Raw | None, Raw | None, Raw], str]] = {
    "google_compute_firewall": _firewall,
    "google_compute_route": _route,
    "google_compute_instance": _instance,
    "google_compute_network": _network,
    **{kind: _policy_rule(type_) for kind, type_ in _POLICY_RULES.items()},
}


def _planned(value: Raw, unknown: object, config: Mapping[str, Any] | None) -> Raw:
    """What will be, with what is not known yet; what nobody wrote is the API's default, which a recording leaves out."""
    merged = {key: _merged(v, unknown.get(key) if isinstance(unknown, dict) else None) for key, v in value.items()}
    for key, flag in unknown.items() if isinstance(unknown, dict) else ():
        if flag is True and (config is None or key in config):
            merged[key] = UNKNOWN
        elif flag is True:
            merged.pop(key, None)
    return merged


def _merged(value: Any, unknown: object) -> Any:
    if unknown is True or (isinstance(unknown, list) and any(u is True for u in unknown)):
        return UNKNOWN
    if isinstance(value, list) and isinstance(unknown, list):
        pairs = zip(value, [*unknown, *[None] * len(value)], strict=False)
        return [_merged(v, u) for v, u in pairs]
    if isinstance(value, dict) and isinstance(unknown, dict):
        return {**value, **{key: _merged(value.get(key), u) for key, u in unknown.items() if u}}
    return value


def _renamed(values: Raw, names: Mapping[str, str]) -> Raw:
    """As the API spells it. What has no name here keeps its own, and is then unknown to the reader as well."""
    return {
        names.get(key, key): value
        for key, value in values.items()
        if key not in _SILENT and value is not None and (key in names or value not in ([], "", False, UNKNOWN))
    }


def _configured(plan: Mapping[str, object]) -> dict[str, Mapping[str, Any]]:
    """By address without indices, which attributes are written in each resource."""
    configuration = plan.get("configuration")
    root = configuration.get("root_module") if isinstance(configuration, dict) else None
    found: dict[str, Mapping[str, Any]] = {}
    _collect(root, "", found)
    return found


def _collect(module: object, prefix: str, found: dict[str, Mapping[str, Any]]) -> None:
    if not isinstance(module, dict):
        return
    resources: Iterable[Any] = module.get("resources") or []
    for resource in resources:
        if isinstance(resource, dict):
            found[f"{prefix}{resource.get('address')}"] = resource.get("expressions") or {}
    calls = module.get("module_calls")
    for name, call in calls.items() if isinstance(calls, dict) else ():
        _collect(call.get("module") if isinstance(call, dict) else None, f"{prefix}module.{name}.", found)


def _bare(address: str) -> str:
    """Without the indices of count and for_each."""
    bare, depth = "", 0
    for char in address:
        depth += char == "["
        bare += char if depth == 0 else ""
        depth -= char == "]"
    return bare
