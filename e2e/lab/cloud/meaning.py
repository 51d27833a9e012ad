"""What a VPC firewall rule and a policy's rule mean in one place: from the API's resources to clauses.

Documentation: https://docs.cloud.google.com/firewall/docs/firewalls and
https://docs.cloud.google.com/firewall/docs/firewall-policies-rule-details. Sources given as tags or service accounts mean
the primary addresses of the instances that have them, never their alias or routed ranges
(https://docs.cloud.google.com/vpc/docs/alias-ip#firewalls). Secure tags reach as far as networks that are peered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from e2e.lab.cloud.clauses import Clause
from e2e.lab.cloud.interfaces import Interface, Network
from e2e.lab.cloud.policy_rules import group_name
from e2e.lab.cloud.store import Json, path_of
from e2e.lab.cloud.wanted import Place, Wanted

# In a base chain `accept` ends this side's question and the other side is still asked; `return` leaves a policy's chain.
_VERDICTS = {"allow": "accept", "deny": "drop", "goto_next": "return"}


def vpc_clause(rule: Json, local: Sequence[Interface], everybody: Sequence[Interface]) -> Clause:
    """A compute#firewall as the API stores it.

    Args:
        rule: of the network that `local` is in.
        local: the interfaces of the place where it is asked.
        everybody: sources by tag and service account are looked up among these.
    """
    tags, accounts = rule.get("targetTags"), rule.get("targetServiceAccounts")
    entries = rule.get("allowed") or rule["denied"]
    return Clause(
        name=f"firewall:{rule['name']}",
        direction=rule["direction"],
        verdict="accept" if "allowed" in rule else "drop",
        targets=[
            each
            for each in local
            if (tags is None or each.tags & set(tags)) and (accounts is None or each.accounts & set(accounts))
        ],
        sources=_vpc_sources(rule, everybody),
        destinations=_ranges(rule["destinationRanges"]) if "destinationRanges" in rule else None,
        protocols=[(entry["IPProtocol"], entry.get("ports", [])) for entry in entries],
    )


def policy_clause(
    policy: str, rule: Json, place: Place, local: Sequence[Interface], everybody: Sequence[Interface], wanted: Wanted
) -> Clause:
    """A rule of the policy of this name, one that `policy_rules.stored` would take.

    Args:
        policy: its name.
        rule: a compute#firewallPolicyRule.
        place: where it is asked.
        local: the interfaces of that place.
        everybody: sources by secure tag are looked up among these.
        wanted: networks, address groups and the project.
    """
    match = rule["match"]
    reach = {place[0], *_peers(wanted.networks.get(place[0], {}))}
    return Clause(
        name=f"policy:{policy}/{rule['priority']}",
        direction=rule.get("direction", "INGRESS"),
        verdict=_VERDICTS[rule["action"]],
        targets=_policy_targets(rule, place, local, wanted.project),
        sources=_side(match, "src", wanted.groups, [each for each in everybody if each.network in reach]),
        destinations=_side(match, "dest", wanted.groups, []),
        protocols=[(entry["ipProtocol"].lower(), entry.get("ports") or []) for entry in match["layer4Configs"]],
    )


def _vpc_sources(rule: Json, everybody: Sequence[Interface]) -> list[Network] | None:
    """The ranges and the primary addresses behind tags and service accounts together; None if any source matches."""
    fields = {"sourceRanges", "sourceTags", "sourceServiceAccounts"}
    if not rule.keys() & fields:
        return None
    found = _ranges(rule.get("sourceRanges", []))
    tags, accounts = set(rule.get("sourceTags", [])), set(rule.get("sourceServiceAccounts", []))
    for each in everybody:
        same_network = each.network == path_of(rule["network"])
        if same_network and (each.tags & tags or each.accounts & accounts):
            found.extend(each.addresses)
    return found


def _policy_targets(rule: Json, place: Place, local: Sequence[Interface], project: str) -> list[Interface]:
    if rule.get("targetType", "INSTANCES") != "INSTANCES":
        return []
    networks = rule.get("targetResources")
    if networks and f"projects/{project}/{place[0]}" not in {_from_projects(link) for link in networks}:
        return []
    accounts, tags = rule.get("targetServiceAccounts") or [], rule.get("targetSecureTags") or []
    if not accounts and not tags:
        return list(local)
    effective = _effective(tags)
    return [each for each in local if each.accounts & set(accounts) or each.secure_tags & effective]


def _side(
    match: Json, side: str, groups: Mapping[str, Sequence[str]], reachable: Sequence[Interface]
) -> list[Network] | None:
    """The ranges, the groups' ranges and the primary addresses behind secure tags; None if nothing is said of this side."""
    fields = [f"{side}{what}" for what in ("IpRanges", "AddressGroups", "SecureTags")]
    ranges, named, tags = (match.get(field) or [] for field in fields)
    if not ranges and not named and not tags:
        return None
    found = _ranges(ranges)
    for reference in named:
        name = group_name(reference, groups)
        found += _ranges(groups[name]) if name is not None else []
    effective = _effective(tags)
    for each in reachable:
        if each.secure_tags & effective:
            found.extend(each.addresses)
    return found


def _effective(tags: Sequence[Json]) -> set[str]:
    return {tag["name"] for tag in tags if tag.get("state") != "INEFFECTIVE"}


def _peers(network: Json) -> list[str]:
    return [path_of(peer["network"]) for peer in network.get("peerings", []) if peer.get("state") == "ACTIVE"]


def _from_projects(link: str) -> str:
    return "projects/" + link.rpartition("projects/")[2]


def _ranges(texts: Sequence[str]) -> list[Network]:
    return [ip_network(text) for text in texts]
