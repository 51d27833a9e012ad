"""What a rule of a firewall policy may be, and how the API stores it.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/networkFirewallPolicies (FirewallPolicyRule) and
https://docs.cloud.google.com/firewall/docs/firewall-policies-rule-details. What cannot be put on packets here is refused
with a sentence that says so, for an emulator that took it would lie about what it lets through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from e2e.lab.cloud import fields
from e2e.lab.cloud.errors import ApiError, invalid, required
from e2e.lab.cloud.store import Json

LAST_PRIORITY = 2147483647
ACTIONS = ("allow", "deny", "goto_next", "apply_security_profile_group")

_OUTPUT_ONLY = ("kind", "ruleTupleCount")
_TYPES: fields.Types = {
    **dict.fromkeys(("action", "description", "direction", "kind", "ruleName", "securityProfileGroup"), str),
    **dict.fromkeys(("disabled", "enableLogging", "tlsInspect"), bool),
    **dict.fromkeys(("targetForwardingRules", "targetResources", "targetSecureTags", "targetServiceAccounts"), list),
    **dict.fromkeys(("priority", "ruleTupleCount"), int),
    "match": dict,
    "targetType": str,
}
_SIDES = ("src", "dest")
_NOWHERE = (
    *(f"{side}{what}" for side in _SIDES for what in ("Fqdns", "RegionCodes", "ThreatIntelligences")),
    *(f"{side}{what}" for side in _SIDES for what in ("NetworkType", "NetworkContext")),
    "srcNetworks",
)
_MATCH_TYPES: fields.Types = {
    **dict.fromkeys(("srcIpRanges", "destIpRanges", "srcAddressGroups", "destAddressGroups"), list),
    **dict.fromkeys(("srcSecureTags", "layer4Configs"), list),
    **{field: str if "NetworkType" in field or "NetworkContext" in field else list for field in _NOWHERE},
}
# Of the side that a direction's packets come from or go to, everything may be said; of the rule's own side, ranges only.
_OWN_SIDE_ONLY_RANGES = {
    "INGRESS": ("destAddressGroups", "destFqdns", "destRegionCodes", "destThreatIntelligences"),
    "EGRESS": ("srcAddressGroups", "srcSecureTags", "srcFqdns", "srcRegionCodes", "srcThreatIntelligences"),
}


def check_fields(body: object) -> Json:
    """The body of a mutation as an object in which every field is known and has its type.

    Raises:
        ApiError: 400 naming the field.
    """
    rule = fields.typed(body, _TYPES)
    if rule.get("match") is not None:
        fields.typed(rule["match"], _MATCH_TYPES, "resource.match")
    return rule


def stored(body: Json, groups: Collection[str], *, hierarchical: bool) -> Json:
    """The rule as the API keeps it, without what only the server may set.

    Args:
        body: as `check_fields` gives it; None stands for absent.
        groups: the names of the address groups that there are.
        hierarchical: whether it is to be in an organization's policy.

    Raises:
        ApiError: 400 or 413 naming the field, also for what cannot be put on packets here.
    """
    given = fields.given(body, *_OUTPUT_ONLY)
    if "priority" not in given:
        raise required("resource.priority")
    if "action" not in given:
        raise required("resource.action")
    action = fields.one_of("resource.action", given["action"], ACTIONS)
    if action == "apply_security_profile_group":
        raise _unenforceable("resource.action", action)
    if action == "goto_next" and given.get("enableLogging"):
        raise invalid("resource.enableLogging", True, "Logging cannot be enabled on goto_next rules.")
    for field in ("securityProfileGroup", "tlsInspect"):
        if given.get(field):
            raise invalid(f"resource.{field}", given[field], "Only for rules that apply a security profile group.")
    direction = fields.one_of("resource.direction", given.get("direction", "INGRESS"), ("INGRESS", "EGRESS"))
    match = _match(given.get("match", {}), direction, groups)
    return {
        "kind": "compute#firewallPolicyRule",
        "priority": fields.between("resource.priority", given["priority"], 0, LAST_PRIORITY),
        "action": action,
        "direction": direction,
        "match": match,
        **{field: given[field] for field in ("description", "ruleName") if field in given},
        "disabled": given.get("disabled", False),
        "enableLogging": given.get("enableLogging", False),
        **_targets(given, hierarchical=hierarchical),
        "ruleTupleCount": sum(len(listed) for listed in match.values()),
    }


def default_rules() -> list[Json]:
    """The four rules that end every policy and decide nothing
    (https://docs.cloud.google.com/firewall/docs/firewall-policies#default-rules)."""
    return [
        {
            "kind": "compute#firewallPolicyRule",
            "priority": LAST_PRIORITY - distance,
            "action": "goto_next",
            "direction": direction,
            "match": {ranges: [everywhere], "layer4Configs": [{"ipProtocol": "all"}]},
            "description": f"default {direction.lower()} rule{family}",
            "enableLogging": False,
            "ruleTupleCount": 2,
        }
        for distance, direction, ranges, everywhere, family in (
            (3, "EGRESS", "destIpRanges", "::/0", " ipv6"),
            (2, "INGRESS", "srcIpRanges", "::/0", " ipv6"),
            (1, "EGRESS", "destIpRanges", "0.0.0.0/0", ""),
            (0, "INGRESS", "srcIpRanges", "0.0.0.0/0", ""),
        )
    ]


def group_name(reference: str, groups: Collection[str]) -> str | None:
    """Under which name there is the address group that a rule calls so: in full, else by the last part of its path."""
    return next((name for name in (reference, reference.rpartition("/")[2]) if name in groups), None)


def _match(match: Json, direction: str, groups: Collection[str]) -> Json:
    place = "resource.match"
    given = fields.given(match)
    for field in _NOWHERE:
        if field in given:
            raise _unenforceable(f"{place}.{field}", given[field])
    for field in _OWN_SIDE_ONLY_RANGES[direction]:
        if field in given:
            raise invalid(f"{place}.{field}", given[field][0], f"Cannot be specified for {direction} rules.")
    if "layer4Configs" not in given:
        raise required(f"{place}.layer4Configs")

    def group(field: str, reference: str) -> str:
        if not re.search(r"(?:^|/)(?:projects|organizations)/[^/]+/locations/[^/]+/addressGroups/[^/]+$", reference):
            raise invalid(field, reference, "The URL is malformed.")
        if group_name(reference, groups) is None:
            raise invalid(field, reference, "The referenced address group resource cannot be found.")
        return reference

    lists: Mapping[str, tuple[int, Callable[[str, str], str]]] = {
        "srcIpRanges": (5000, fields.cidr),
        "destIpRanges": (5000, fields.cidr),
        "srcAddressGroups": (10, group),
        "destAddressGroups": (10, group),
    }
    checked: Json = {
        field: fields.texts(f"{place}.{field}", given[field], most, check)
        for field, (most, check) in lists.items()
        if field in given
    }
    if "srcSecureTags" in given:
        checked["srcSecureTags"] = _secure_tags(f"{place}.srcSecureTags", given["srcSecureTags"])
    checked["layer4Configs"] = [
        fields.protocol_entry(f"{place}.layer4Configs[{index}]", entry, "ipProtocol")
        for index, entry in enumerate(given["layer4Configs"])
    ]
    return checked


def _targets(given: Json, *, hierarchical: bool) -> Json:
    targets: Json = {}
    if "targetForwardingRules" in given:
        raise _unenforceable("resource.targetForwardingRules", given["targetForwardingRules"][0])
    if "targetType" in given:
        known = ("INSTANCES", "INTERNAL_MANAGED_LB")
        targets["targetType"] = fields.one_of("resource.targetType", given["targetType"], known)
    if "targetResources" in given:
        if not hierarchical:
            raise invalid("resource.targetResources", given["targetResources"][0], "Only for hierarchical policies.")
        targets["targetResources"] = fields.texts("resource.targetResources", given["targetResources"], 256, _network)
    if "targetServiceAccounts" in given and "targetSecureTags" in given:
        why = "Cannot be used at the same time as targetServiceAccounts."
        raise invalid("resource.targetSecureTags", given["targetSecureTags"][0], why)
    if "targetServiceAccounts" in given:
        accounts = given["targetServiceAccounts"]
        targets["targetServiceAccounts"] = fields.texts("resource.targetServiceAccounts", accounts, 10, fields.account)
    if "targetSecureTags" in given:
        targets["targetSecureTags"] = _secure_tags("resource.targetSecureTags", given["targetSecureTags"])
    return targets


def _secure_tags(field: str, tags: list[object]) -> list[Json]:
    """Tag values by their permanent names; whether one is in effect, the server says."""
    found = []
    for index, tag in enumerate(tags):
        place = f"{field}[{index}]"
        value = str(fields.typed(tag, {"name": str, "state": str}, place).get("name") or "")
        if not re.fullmatch(r"tagValues/[0-9]+", value):
            raise invalid(f"{place}.name", value, "Must be the permanent name of a tag value, tagValues/NUMBER.")
        found.append({"name": value, "state": "EFFECTIVE"})
    return found


def _network(field: str, link: str) -> str:
    if not re.search(rf"(?:^|/)projects/[^/]+/global/networks/{fields.NAME}$", link):
        raise invalid(field, link, "The URL is malformed.")
    return link


def _unenforceable(field: str, value: object) -> ApiError:
    return invalid(field, value, "The emulator cannot put this on packets, and takes it from its seed only.")
