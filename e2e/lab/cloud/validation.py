"""What a firewall rule may be, and how the API stores it.

Fields and rules: https://docs.cloud.google.com/compute/docs/reference/rest/v1/firewalls and
https://docs.cloud.google.com/firewall/docs/firewalls; limits per rule: https://docs.cloud.google.com/firewall/quotas.
Where the text of an error is public it is the API's (regex of names, protocols, CIDR ranges, malformed URL, ports,
list sizes); the other sentences are ours, after the same pattern: the field first, then its value, then why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network

from e2e.lab.cloud.errors import ApiError, invalid, required, too_large
from e2e.lab.cloud.store import Json, Store, path_of

NAME = "(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"
NAMED_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all")
WITH_PORTS = ("tcp", "udp", "sctp", "6", "17", "132")

_OUTPUT_ONLY = ("kind", "id", "creationTimestamp", "selfLink")
_LISTS_OF_TEXT = {
    "sourceRanges": 5000,
    "destinationRanges": 5000,
    "sourceTags": 30,
    "targetTags": 70,
    "sourceServiceAccounts": 10,
    "targetServiceAccounts": 10,
}
_TYPES: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("name", "description", "network", "direction", *_OUTPUT_ONLY), (str, "a string")),
    **dict.fromkeys(("allowed", "denied", *_LISTS_OF_TEXT), (list, "a list")),
    **dict.fromkeys(("logConfig", "params"), (dict, "an object")),
    "priority": (int, "an integer"),
    "disabled": (bool, "a boolean"),
}
# Service accounts and tags see different things of an instance and cannot meet in one rule.
_EXCLUSIVE = tuple(
    (a, t) for a in ("sourceServiceAccounts", "targetServiceAccounts") for t in ("sourceTags", "targetTags")
)


def check_fields(body: object) -> Json:
    """The body of a mutation as an object in which every field is known and has its type.

    Raises:
        ApiError: 400 naming the field.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "parseError", "Invalid JSON payload received. Root element must be a message.")
    for field, value in body.items():
        if field not in _TYPES:
            raise ApiError(
                400,
                "badRequest",
                f"Invalid JSON payload received. Unknown name \"{field}\" at 'resource': Cannot find field.",
            )
        expected, words = _TYPES[field]
        wrong = not isinstance(value, expected) or (expected is int and isinstance(value, bool))
        if value is not None and wrong:
            raise invalid(f"resource.{field}", value, f"Must be {words}.")
    return body


def stored(body: Json, store: Store) -> Json:
    """The rule as the API keeps it, with its defaults, without what only the server may set.

    Args:
        body: as `check_fields` gives it; None stands for absent.
        store: where the network must be.

    Raises:
        ApiError: 400 or 413 naming the field.
    """
    given = {
        field: value
        for field, value in body.items()
        if value not in (None, []) and field not in (*_OUTPUT_ONLY, "params")
    }
    rule: Json = {
        "name": _name(given),
        "description": given.get("description", ""),
        "network": store.link(_network(given, store)),
        "priority": _priority(given.get("priority", 1000)),
        "direction": _direction(given.get("direction", "INGRESS")),
        "disabled": given.get("disabled", False),
        "logConfig": _log_config(given.get("logConfig", {})),
        **_entries(given),
    }
    for field, most in _LISTS_OF_TEXT.items():
        if field in given:
            rule[field] = _texts(field, given[field], most)
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


def _name(given: Json) -> str:
    name = given.get("name")
    if name is None:
        raise required("resource.name")
    if not re.fullmatch(NAME, name):
        raise invalid("resource.name", name, f"Must be a match of regex '{NAME}'")
    return str(name)


def _network(given: Json, store: Store) -> str:
    network = given.get("network", "global/networks/default")
    path = path_of(network)
    if not re.fullmatch(rf"global/networks/{NAME}", path):
        raise invalid("resource.network", network, "The URL is malformed.")
    if "projects/" in network and f"projects/{store.project}/" not in network:
        raise invalid("resource.network", network, "Cross-project references for this resource type are not allowed.")
    if store.get(path) is None:
        raise invalid("resource.network", network, "The referenced network resource cannot be found.")
    return path


def _priority(priority: int) -> int:
    if priority < 0:
        raise invalid("resource.priority", priority, "Must be greater than or equal to 0")
    if priority > 65535:
        raise invalid("resource.priority", priority, "Must be less than or equal to 65535")
    return priority


def _direction(direction: str) -> str:
    if direction not in ("INGRESS", "EGRESS"):
        raise invalid("resource.direction", direction, 'Must be one of ["INGRESS", "EGRESS"]')
    return direction


def _log_config(config: Json) -> Json:
    for field, value in config.items():
        if field not in ("enable", "metadata"):
            raise invalid("resource.logConfig", field, "Unknown field.")
        if field == "enable" and not isinstance(value, bool):
            raise invalid("resource.logConfig.enable", value, "Must be a boolean.")
        if field == "metadata" and value not in ("INCLUDE_ALL_METADATA", "EXCLUDE_ALL_METADATA"):
            raise invalid(
                "resource.logConfig.metadata", value, 'Must be one of ["INCLUDE_ALL_METADATA", "EXCLUDE_ALL_METADATA"]'
            )
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
    return {action: [_entry(f"resource.{action}[{index}]", entry) for index, entry in enumerate(given[action])]}


def _entry(field: str, entry: object) -> Json:
    if not isinstance(entry, dict):
        raise invalid(field, entry, "Must be an object.")
    for key in entry:
        if key not in ("IPProtocol", "ports"):
            raise ApiError(
                400,
                "badRequest",
                f"Invalid JSON payload received. Unknown name \"{key}\" at '{field}': Cannot find field.",
            )
    protocol = str(entry.get("IPProtocol") or "").lower()
    if not protocol:
        raise required(f"{field}.IPProtocol")
    if protocol not in NAMED_PROTOCOLS and not (protocol.isascii() and protocol.isdigit() and int(protocol) <= 255):
        names = ", ".join(f'"{name}"' for name in NAMED_PROTOCOLS)
        raise invalid(
            f"{field}.IPProtocol", protocol, f"Must be one of [{names}] or an IP protocol number between 0 and 255"
        )
    ports = entry.get("ports") or []
    if not isinstance(ports, list):
        raise invalid(f"{field}.ports", ports, "Must be a list.")
    if ports and protocol not in WITH_PORTS:
        raise invalid(
            f"{field}.ports[0]",
            ports[0],
            "Ports may only be specified on rules whose protocol is one of [TCP, UDP, SCTP].",
        )
    return {"IPProtocol": protocol} | (
        {"ports": [_port(f"{field}.ports[{i}]", p) for i, p in enumerate(ports)]} if ports else {}
    )


def _port(field: str, text: object) -> str:
    low, dash, high = str(text).partition("-")
    bounds = [low, high] if dash else [low]
    if not all(re.fullmatch(r"[0-9]{1,5}", bound) and int(bound) <= 65535 for bound in bounds):
        raise invalid(field, text, "Must be a port or a range of ports between 0 and 65535.")
    if dash and int(low) > int(high):
        raise invalid(field, text, "The first port of a range must not be greater than the last.")
    return str(text)


def _texts(field: str, values: list[object], most: int) -> list[str]:
    if len(values) > most:
        raise too_large(f"resource.{field}", most, len(values))
    check = _range if field.endswith("Ranges") else _tag if field.endswith("Tags") else _account
    return [check(f"resource.{field}[{index}]", str(value)) for index, value in enumerate(values)]


def _range(field: str, text: str) -> str:
    try:
        # Bits outside the mask are refused by the API too; a bare address means itself.
        ip_network(text)
    except ValueError as error:
        raise invalid(field, text, "Must be a valid CIDR address range.") from error
    return text


def _tag(field: str, text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise invalid(field, text, f"Must be a match of regex '{NAME}'")
    return text


def _account(field: str, text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise invalid(field, text, "Must be the email address of a service account.")
    return text


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
