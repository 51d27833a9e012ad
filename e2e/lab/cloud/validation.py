"""What a VPC firewall rule may be, and how the API stores it.

Fields and rules: https://docs.cloud.google.com/compute/docs/reference/rest/v1/firewalls and
https://docs.cloud.google.com/firewall/docs/firewalls; limits per rule: https://docs.cloud.google.com/firewall/quotas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network

from e2e.lab.cloud import fields
from e2e.lab.cloud.errors import ApiError, invalid
from e2e.lab.cloud.store import Json, Store

_OUTPUT_ONLY = ("kind", "id", "creationTimestamp", "selfLink")
_LISTS: Mapping[str, tuple[int, Callable[[str, str], str]]] = {
    "sourceRanges": (5000, fields.cidr),
    "destinationRanges": (5000, fields.cidr),
    "sourceTags": (30, fields.name),
    "targetTags": (70, fields.name),
    "sourceServiceAccounts": (10, fields.account),
    "targetServiceAccounts": (10, fields.account),
}
_TYPES: fields.Types = {
    **dict.fromkeys(("name", "description", "network", "direction", *_OUTPUT_ONLY), str),
    **dict.fromkeys(("allowed", "denied", *_LISTS), list),
    **dict.fromkeys(("logConfig", "params"), dict),
    "priority": int,
    "disabled": bool,
}
_METADATA = ("INCLUDE_ALL_METADATA", "EXCLUDE_ALL_METADATA")
# Service accounts and tags see different things of an instance and cannot meet in one rule.
_EXCLUSIVE = tuple(
    (a, t) for a in ("sourceServiceAccounts", "targetServiceAccounts") for t in ("sourceTags", "targetTags")
)


def check_fields(body: object) -> Json:
    """The body of a mutation as an object in which every field is known and has its type.

    Raises:
        ApiError: 400 naming the field.
    """
    return fields.typed(body, _TYPES)


def stored(body: Json, store: Store) -> Json:
    """The rule as the API keeps it, with its defaults, without what only the server may set.

    Args:
        body: as `check_fields` gives it; None stands for absent.
        store: where the network must be.

    Raises:
        ApiError: 400 or 413 naming the field.
    """
    given = fields.given(body, *_OUTPUT_ONLY, "params")
    network = fields.network("resource.network", given.get("network", "global/networks/default"), store)
    rule: Json = {
        "name": fields.name("resource.name", given.get("name")),
        "description": given.get("description", ""),
        "network": store.link(network),
        "priority": fields.between("resource.priority", given.get("priority", 1000), 0, 65535),
        "direction": fields.one_of("resource.direction", given.get("direction", "INGRESS"), ("INGRESS", "EGRESS")),
        "disabled": given.get("disabled", False),
        "logConfig": _log_config(given.get("logConfig", {})),
        **_entries(given),
    }
    for field, (most, check) in _LISTS.items():
        if field in given:
            rule[field] = fields.texts(f"resource.{field}", given[field], most, check)
    _check_sides(rule)
    # "If not specified, 0.0.0.0/0": stored, so that every reader sees what is matched.
    if rule["direction"] == "INGRESS" and not rule.keys() & {"sourceRanges", "sourceTags", "sourceServiceAccounts"}:
        rule["sourceRanges"] = ["0.0.0.0/0"]
    if rule["direction"] == "EGRESS" and "destinationRanges" not in rule:
        rule["destinationRanges"] = ["0.0.0.0/0"]
    _check_families(rule)
    return rule


def check_unchanged(before: Json, after: Json) -> None:
    """Refuses what an update may not change: "name, network, the action on match, and the direction of traffic"
    (https://docs.cloud.google.com/firewall/docs/using-firewalls#modify-firewall-rule).

    Raises:
        ApiError: 400 naming the field.
    """
    for field in ("name", "network", "direction"):
        if before[field] != after[field]:
            raise invalid(f"resource.{field}", after[field], f"The {field} of a firewall rule cannot be changed.")
    was, action = ("allowed", "denied") if "allowed" in before else ("denied", "allowed")
    if was not in after:
        raise invalid(f"resource.{action}", "", "The action of a firewall rule cannot be changed.")


def _log_config(config: Json) -> Json:
    for field, value in config.items():
        if field not in ("enable", "metadata"):
            raise invalid("resource.logConfig", field, "Unknown field.")
        if field == "enable" and not isinstance(value, bool):
            raise invalid("resource.logConfig.enable", value, "Must be a boolean.")
        if field == "metadata":
            fields.one_of("resource.logConfig.metadata", value, _METADATA)
    return {"enable": False, **config}


def _entries(given: Json) -> Json:
    """The one of `allowed` and `denied` that is there."""
    if "allowed" in given and "denied" in given:
        raise invalid("resource.denied", "", "Only one of allowed and denied may be specified.")
    action = "denied" if "denied" in given else "allowed"
    if action not in given:
        raise ApiError(
            400, "required", "Required field 'resource.allowed' not specified: one of allowed or denied must be."
        )
    return {
        action: [
            fields.protocol_entry(f"resource.{action}[{index}]", entry, "IPProtocol")
            for index, entry in enumerate(given[action])
        ]
    }


def _check_sides(rule: Json) -> None:
    for accounts, tags in _EXCLUSIVE:
        if accounts in rule and tags in rule:
            raise invalid(f"resource.{accounts}", rule[accounts][0], f"Cannot be used at the same time as {tags}.")
    if rule["direction"] == "EGRESS":
        for field in ("sourceTags", "sourceServiceAccounts"):
            if field in rule:
                raise invalid(f"resource.{field}", rule[field][0], "Cannot be specified for EGRESS rules.")


def _check_families(rule: Json) -> None:
    """ "A firewall rule can contain either IPv4 or IPv6 ranges, but not both"."""
    ranges = {
        f"{field}[{index}]": text
        for field in ("sourceRanges", "destinationRanges")
        for index, text in enumerate(rule.get(field, []))
    }
    if len({ip_network(text).version for text in ranges.values()}) > 1:
        field, text = next((field, text) for field, text in ranges.items() if ip_network(text).version == 6)
        raise invalid(f"resource.{field}", text, "A rule can contain either IPv4 or IPv6 ranges, but not both.")
