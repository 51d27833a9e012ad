"""What several resources' fields have in common: types, names, protocols with ports, address ranges, service accounts.

Where the text of an error is public it is the API's (regex of names, protocols, CIDR ranges, ports, list sizes); the
other sentences are ours, after the same pattern: the field first, then its value, then why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network

from e2e.lab.cloud.errors import ApiError, invalid, required, too_large
from e2e.lab.cloud.store import Json, Store, path_of

NAME = "(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"
NAMED_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all")
WITH_PORTS = ("tcp", "udp", "sctp", "6", "17", "132")

Types = Mapping[str, type]
_WORDS = {str: "a string", list: "a list", dict: "an object", int: "an integer", bool: "a boolean"}


def typed(body: object, types: Types, place: str = "resource") -> Json:
    """The body, or a part of it, as an object in which every field is known and has its type; None stands for absent.

    Raises:
        ApiError: 400 naming the field.
    """
    if not isinstance(body, dict):
        if place == "resource":
            raise ApiError(400, "parseError", "Invalid JSON payload received. Root element must be a message.")
        raise invalid(place, body, "Must be an object.")
    for field, value in body.items():
        if field not in types:
            raise ApiError(
                400,
                "badRequest",
                f"Invalid JSON payload received. Unknown name \"{field}\" at '{place}': Cannot find field.",
            )
        expected = types[field]
        wrong = not isinstance(value, expected) or (expected is int and isinstance(value, bool))
        if value is not None and wrong:
            raise invalid(f"{place}.{field}", value, f"Must be {_WORDS[expected]}.")
    return body


def given(body: Json, *unless: str) -> Json:
    """The fields that say something: null and empty lists mean absent; without those that only the server sets."""
    return {field: value for field, value in body.items() if value not in (None, []) and field not in unless}


def name(field: str, text: object) -> str:
    """A name after RFC 1035.

    Raises:
        ApiError: 400.
    """
    if text is None:
        raise required(field)
    if not re.fullmatch(NAME, str(text)):
        raise invalid(field, text, f"Must be a match of regex '{NAME}'")
    return str(text)


def one_of(field: str, text: str, known: Sequence[str]) -> str:
    """A word of a closed list.

    Raises:
        ApiError: 400.
    """
    if text not in known:
        words = ", ".join(f'"{word}"' for word in known)
        raise invalid(field, text, f"Must be one of [{words}]")
    return text


def between(field: str, number: int, least: int, most: int) -> int:
    """A number within bounds, both included.

    Raises:
        ApiError: 400.
    """
    if number < least:
        raise invalid(field, number, f"Must be greater than or equal to {least}")
    if number > most:
        raise invalid(field, number, f"Must be less than or equal to {most}")
    return number


def network(field: str, link: str, store: Store) -> str:
    """The path of a network of this project, from its full or partial URL.

    Raises:
        ApiError: 400.
    """
    path = path_of(link)
    if not re.fullmatch(rf"global/networks/{NAME}", path):
        raise invalid(field, link, "The URL is malformed.")
    if "projects/" in link and f"projects/{store.project}/" not in link:
        raise invalid(field, link, "Cross-project references for this resource type are not allowed.")
    if store.get(path) is None:
        raise invalid(field, link, "The referenced network resource cannot be found.")
    return path


def texts(field: str, values: Sequence[object], most: int, check: Callable[[str, str], str]) -> list[str]:
    """A list's elements, each checked.

    Raises:
        ApiError: 413 for a list beyond its limit, 400 naming the element.
    """
    if len(values) > most:
        raise too_large(field, most, len(values))
    return [check(f"{field}[{index}]", str(value)) for index, value in enumerate(values)]


def cidr(field: str, text: str) -> str:
    """An address range, or one address. Bits outside the mask are refused by the API too.

    Raises:
        ApiError: 400.
    """
    try:
        ip_network(text)
    except ValueError as error:
        raise invalid(field, text, "Must be a valid CIDR address range.") from error
    return text


def account(field: str, text: str) -> str:
    """The email address of a service account.

    Raises:
        ApiError: 400.
    """
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise invalid(field, text, "Must be the email address of a service account.")
    return text


def protocol_entry(field: str, entry: object, key: str) -> Json:
    """A protocol with its ports: `{"IPProtocol": "tcp", "ports"?: ["80-90"]}`, with `key` as the protocol's name.

    Raises:
        ApiError: 400 naming the field.
    """
    if not isinstance(entry, dict):
        raise invalid(field, entry, "Must be an object.")
    typed(entry, dict.fromkeys((key, "ports"), object), field)
    protocol = str(entry.get(key) or "").lower()
    if not protocol:
        raise required(f"{field}.{key}")
    if protocol not in NAMED_PROTOCOLS and not (protocol.isascii() and protocol.isdigit() and int(protocol) <= 255):
        names = ", ".join(f'"{known}"' for known in NAMED_PROTOCOLS)
        raise invalid(
            f"{field}.{key}", protocol, f"Must be one of [{names}] or an IP protocol number between 0 and 255"
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
    checked = [_port(f"{field}.ports[{index}]", port) for index, port in enumerate(ports)]
    return {key: protocol} | ({"ports": checked} if checked else {})


def _port(field: str, text: object) -> str:
    low, dash, high = str(text).partition("-")
    bounds = [low, high] if dash else [low]
    if not all(re.fullmatch(r"[0-9]{1,5}", bound) and int(bound) <= 65535 for bound in bounds):
        raise invalid(field, text, "Must be a port or a range of ports between 0 and 65535.")
    if dash and int(low) > int(high):
        raise invalid(field, text, "The first port of a range must not be greater than the last.")
    return str(text)
