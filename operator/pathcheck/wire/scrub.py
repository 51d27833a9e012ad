"""A recording → the same recording without what tells whose it is: every packet meets the same.

Of each object the fields that the evaluator reads are kept, each as what it is, and nothing else. Of what makes a rule one that cannot
be judged the fact is kept and the value is not: an unknown field becomes `unknown-1: null`. So `firewall_of` has the same problems in the
same places. What values become is said by `scrub_fields`, what of it is left to be told in docs/record.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pathcheck.wire import firewall_policies, firewall_rules, policy_rules
from pathcheck.wire.firewall_rules import FORMAT, KEYS, firewall_of
from pathcheck.wire.permuted_addresses import Permutation
from pathcheck.wire.routes import HOP, NO_HOPS
from pathcheck.wire.scrub_fields import (
    Shape,
    Words,
    blank,
    fields,
    kept_if,
    keyed,
    listed,
    name,
    name_unless,
    number,
    one_of,
    path,
    range_,
    reason,
    traffic,
)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """The new recording; what each name became, by kind; and what addresses became."""

    recording: dict[str, Any]
    names: Mapping[str, Mapping[str, str]]
    addresses: Permutation


def scrub(recording: Mapping[str, Any], key: bytes) -> Scrubbed:
    """Deterministic; on the key, of at most 64 bytes, depend the addresses alone.

    Lists stay in their order: the third rule of the one recording is the third of the other.

    Raises NotARecording when firewall_of does.
    """
    firewall_of(recording)
    words = Words()
    _RECORDING(recording, words)
    words.settle(key)
    return Scrubbed(_RECORDING(recording, words), words.names, words.addresses)


_FLAG = kept_if(lambda value: isinstance(value, bool))
_DIRECTION = one_of("INGRESS", "EGRESS")
_NETWORK = path("network")
_RANGES, _TAGS, _ACCOUNTS = listed(range_), listed(name("tag")), listed(name("account"))

# VPC rules

FIREWALL: Mapping[str, Shape] = {
    "name": name("rule"),
    "network": _NETWORK,
    "priority": number(65535),
    "direction": _DIRECTION,
    "disabled": _FLAG,
    "allowed": traffic("IPProtocol"),
    "denied": traffic("IPProtocol"),
    "sourceRanges": _RANGES,
    "destinationRanges": _RANGES,
    "sourceTags": _TAGS,
    "targetTags": _TAGS,
    "sourceServiceAccounts": _ACCOUNTS,
    "targetServiceAccounts": _ACCOUNTS,
}
_FIREWALLS = listed(fields(FIREWALL, firewall_rules.SILENT))

# Firewall policies

_GROUP = path("group", whole=True)
_SECURE_TAG = {"name": name("secure-tag"), "state": one_of("EFFECTIVE", "INEFFECTIVE")}
_SECURE_TAGS = listed(fields(_SECURE_TAG, silent=()))
_NETWORK_TYPE = one_of("INTERNET", "NON_INTERNET", "VPC_NETWORKS", "INTRA_VPC", "UNSPECIFIED")
_SIDE: Mapping[str, Shape] = {
    "IpRanges": _RANGES,
    "AddressGroups": listed(_GROUP),
    "Fqdns": listed(name("domain")),
    "RegionCodes": listed(name_unless("[A-Z]{2}", "country")),
    "ThreatIntelligences": listed(name("threat-list")),
    "NetworkType": _NETWORK_TYPE,
    "NetworkContext": _NETWORK_TYPE,
}
MATCH: Mapping[str, Shape] = {
    **{f"{side}{what}": shape for side in ("src", "dest") for what, shape in _SIDE.items()},
    "srcNetworks": listed(_NETWORK),
    "srcSecureTags": _SECURE_TAGS,
    "layer4Configs": traffic("ipProtocol"),
}
POLICY_RULE: Mapping[str, Shape] = {
    "priority": number(2147483647),
    "action": one_of("allow", "deny", "goto_next", "apply_security_profile_group"),
    "direction": _DIRECTION,
    "disabled": _FLAG,
    "match": fields(MATCH, silent=()),
    "targetResources": listed(_NETWORK),
    "targetServiceAccounts": _ACCOUNTS,
    "targetSecureTags": _SECURE_TAGS,
    "targetType": one_of("INSTANCES", "INTERNAL_MANAGED_LB"),
    "targetForwardingRules": listed(path("forwarding-rule")),
}
POLICY: Mapping[str, Shape] = {
    # Of one kind, for a policy that lacks the one goes by the next.
    **dict.fromkeys(("name", "displayName", "shortName"), name("policy")),
    "type": one_of("HIERARCHY", "SYSTEM_GLOBAL", "SYSTEM_REGIONAL", "NETWORK", "NETWORK_REGIONAL"),
    "priority": number(2147483647),
    "rules": listed(fields(POLICY_RULE, policy_rules.SILENT)),
}
ANSWER: Mapping[str, Shape] = {
    "firewalls": _FIREWALLS,
    "firewallPolicys": listed(fields(POLICY, firewall_policies.SILENT)),
    "kind": blank,
}
_EFFECTIVE = {"network": _NETWORK, "region": path("region"), "unavailable": reason, "answer": fields(ANSWER, silent=())}

# Machines and networks

_INTERFACE: Mapping[str, Shape] = {
    "name": name_unless(r"nic[0-9](\.[0-9]{1,4})?", "nic"),
    "network": _NETWORK,
    "subnetwork": path("subnetwork"),
    "networkIP": range_,
    "ipv6Address": range_,
    "internalIpv6PrefixLength": kept_if(lambda value: re.fullmatch("[0-9]{1,3}", str(value))),
    "aliasIpRanges": listed(fields({"ipCidrRange": range_})),
}
# https://cloud.google.com/compute/docs/instances/instance-lifecycle
_STATUS = one_of(
    "PENDING", "PROVISIONING", "STAGING", "RUNNING", "PENDING_STOP", "STOPPING", "STOPPED", "TERMINATED", "SUSPENDING",
    "SUSPENDED", "REPAIRING", "DEPROVISIONING",
)  # fmt: skip
_INSTANCE: Mapping[str, Shape] = {
    "name": name("instance"),
    "zone": path("zone"),
    "status": _STATUS,
    "canIpForward": _FLAG,
    "tags": fields({"items": _TAGS}),
    "serviceAccounts": listed(fields({"email": name("account")})),
    "networkInterfaces": listed(fields(_INTERFACE)),
}
_VPC: Mapping[str, Shape] = {
    "name": _NETWORK,
    "selfLink": _NETWORK,
    "networkFirewallPolicyEnforcementOrder": one_of("AFTER_CLASSIC_FIREWALL", "BEFORE_CLASSIC_FIREWALL"),
    "peerings": listed(fields({"network": _NETWORK, "state": one_of("ACTIVE", "INACTIVE")})),
}
# Nothing reads them yet; these tell how a network is cut.
_SUBNETWORK: Mapping[str, Shape] = {
    "name": name("subnetwork"),
    "network": _NETWORK,
    "region": path("region"),
    "ipCidrRange": range_,
    "secondaryIpRanges": listed(fields({"rangeName": name("range"), "ipCidrRange": range_})),
}


def _instance_key(key: str, words: Words) -> str:
    """NAME or ZONE/NAME."""
    zone, slash, instance = key.rpartition("/")
    return words.part("zone", zone) + slash + words.name("instance", instance)


# Routes


def _load_balancer(value: Any, words: Words) -> Any:
    """As a next hop, by its address or by its path."""
    either = path("forwarding-rule") if isinstance(value, str) and "/" in value else range_
    return either(value, words)


# https://cloud.google.com/compute/docs/reference/rest/v1/routes
_WARNING = one_of(
    "NEXT_HOP_ADDRESS_NOT_ASSIGNED", "NEXT_HOP_CANNOT_IP_FORWARD", "NEXT_HOP_INSTANCE_HAS_NO_IPV6_INTERFACE",
    "NEXT_HOP_INSTANCE_NOT_FOUND", "NEXT_HOP_INSTANCE_NOT_ON_NETWORK", "NEXT_HOP_NOT_RUNNING",
)  # fmt: skip
_ROUTE: Mapping[str, Shape] = {
    "name": name("route"),
    "network": _NETWORK,
    "destRange": range_,
    "priority": number(4294967295),
    "tags": _TAGS,
    "nextHopGateway": path("gateway"),
    "nextHopHub": path("hub"),
    "nextHopIlb": _load_balancer,
    "nextHopInstance": path("instance"),
    "nextHopInterconnectAttachment": path("attachment"),
    "nextHopIp": range_,
    "nextHopNetwork": _NETWORK,
    "nextHopPeering": name("peering"),
    "nextHopVpnTunnel": path("vpn-tunnel"),
    "routeStatus": one_of("ACTIVE", "DROPPED", "INACTIVE", "PENDING"),
    "warnings": listed(fields({"code": _WARNING})),
}


def _route(value: Any, words: Words) -> Any:
    """A next hop of a kind that is not known stays one."""
    found = fields(_ROUTE)(value, words)
    if isinstance(value, Mapping):
        others = [key for key in value if key.startswith(HOP) and key not in NO_HOPS and key not in _ROUTE]
        found |= {words.name(f"{HOP}Unknown", key): True for key in others if value[key]}
    return found


# The whole


def _list_key(key: str, words: Words) -> str:
    return key if key in KEYS else words.name("unknown", key)


RECORDING: Mapping[str, Shape] = {
    "format": one_of(FORMAT),
    "project": lambda value, words: words.part("project", value),
    "networks": listed(fields(_VPC)),
    "subnetworks": listed(fields(_SUBNETWORK)),
    "routes": listed(_route),
    "instances": listed(fields(_INSTANCE)),
    "firewalls": _FIREWALLS,
    "effectiveFirewalls": listed(fields(_EFFECTIVE)),
    "addressGroups": keyed(_GROUP, _RANGES),
    "secureTagBindings": keyed(_instance_key, listed(name("secure-tag"))),
    "unavailable": keyed(_list_key, reason),
}
_RECORDING = fields(RECORDING, silent=())
