"""The fields that VPC rules and the rules of firewall policies spell alike: what can be read of them, and what cannot.

What cannot be read is noted with the field's path, and answered with the value that commits to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_network

from pathcheck.model.flows import PROTOCOL_NUMBERS, WITH_PORTS, Range
from pathcheck.model.rules import L4Match, PortRange
from pathcheck.model.words import Direction
from pathcheck.wire.compute import Unreadable, shown


def unavailable(value: object) -> str:
    """Why nobody knows what stands here, where that is all that stands here."""
    return shown(value["unavailable"]) if isinstance(value, Mapping) and value.keys() == {"unavailable"} else ""


class Fields:
    """The fields of one object, at `path` within its rule; what is wrong with them is in `troubles`, one list for the whole rule."""

    def __init__(self, raw: Mapping[str, object], path: str = "", troubles: list[str] | None = None) -> None:
        self.raw = raw
        self.path = path
        self.troubles: list[str] = [] if troubles is None else troubles

    def trouble(self, key: str, why: str) -> None:
        """This field cannot be read; where it says itself why nobody knows it, that is the reason."""
        self.troubles.append(f"{self.path}{key}: {unavailable(self.raw.get(key)) or why}")

    def within(self, key: str) -> Fields:
        """The fields of an object in this one; of none, with nothing to say about them, if it is no object."""
        value = self.raw.get(key)
        if isinstance(value, Mapping) and not unavailable(value):
            return Fields(value, f"{self.path}{key}.", self.troubles)
        self.trouble(key, "is missing" if value is None else "must be an object")
        return Fields({}, f"{self.path}{key}.")

    def known(self, *keys: frozenset[str]) -> None:
        """Every other field is a trouble: it could narrow the rule."""
        unknown = sorted(shown(key) for key in self.raw if not any(key in known for known in keys))
        self.troubles += [f"{self.path}{key}: is not known to this version" for key in unknown]

    def text(self, key: str, otherwise: str = "", needed: bool = False) -> str:
        """A text that can be printed; `otherwise` where it is absent or no such thing."""
        value = self.raw.get(key)
        if isinstance(value, str) and value and value.isprintable():
            return value
        if value is not None or needed:
            self.trouble(key, "is missing" if key not in self.raw else "must be a text that can be printed")
        return otherwise

    def flag(self, key: str) -> bool:
        """A boolean; an absent one is False."""
        value = self.raw.get(key, False)
        if not isinstance(value, bool):
            self.trouble(key, "must be true or false")
        return value is True

    def number(self, key: str, last: int, otherwise: int | None = None) -> int:
        """A number within 0-`last`; `otherwise` where it is absent, 0 where it cannot be read or is absent though needed."""
        value = self.raw.get(key, otherwise)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= last:
            return value
        self.trouble(key, "is missing" if key not in self.raw else f"{value!r} is not within 0-{last}")
        return 0

    def directions(self, otherwise: str | None = None) -> tuple[Direction, ...]:
        """The one direction; both where it cannot be read."""
        value = self.raw.get("direction", otherwise)
        if value in ("INGRESS", "EGRESS"):
            return (Direction.INGRESS if value == "INGRESS" else Direction.EGRESS,)
        self.trouble("direction", "is missing" if value is None else f"{value!r} is neither INGRESS nor EGRESS")
        return tuple(Direction)

    def texts(self, key: str) -> list[str]:
        """A list of texts; an absent one is empty."""
        value = self.raw.get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(text, str) and text and text.isprintable() for text in value):
            return value
        self.trouble(key, "must be a list of texts that can be printed")
        return []

    def ranges(self, key: str) -> tuple[Range, ...]:
        """A list of CIDRs; an absent one is empty."""
        try:
            return tuple(_range(text) for text in self.texts(key))
        except ValueError as why:
            self.trouble(key, str(why))
            return ()

    def l4(self, key: str, protocol_key: str) -> tuple[L4Match, ...]:
        """A list of protocols with their ports; none where not all of it can be read."""
        entries = self.raw.get(key)
        if not isinstance(entries, list):
            self.trouble(key, "is missing" if entries is None else "must be a list")
            return ()
        if not entries:
            self.trouble(key, "at least one is needed")
        found = []
        for entry in entries:
            try:
                found.append(_l4(entry, protocol_key))
            except Unreadable as why:
                self.trouble(key, str(why))
                whole = _whole_protocol(entry, protocol_key)
                if whole is None:
                    return ()
                found.append(whole)
        return tuple(found)


@lru_cache(maxsize=1 << 14)
def _range(text: str) -> Range:
    """Kept, because thousands of rules name the same few ranges and every reading of the cloud is translated anew."""
    # Host bits occur in real lists (8.8.8.8/24); the API compares networks.
    return ip_network(text, strict=False)


def _whole_protocol(entry: object, protocol_key: str) -> L4Match | None:
    """What an entry is about at most, where its protocol at least can be read."""
    try:
        return L4Match(_protocol(str(entry[protocol_key]), protocol_key)) if isinstance(entry, Mapping) else None
    except (KeyError, Unreadable):
        return None


def _l4(entry: object, protocol_key: str) -> L4Match:
    if not isinstance(entry, Mapping) or not isinstance(entry.get(protocol_key), str):
        why = unavailable(entry.get(protocol_key)) if isinstance(entry, Mapping) else ""
        raise Unreadable(f"{protocol_key}: {why}" if why else f"each entry needs {protocol_key}")
    if unknown := set(entry) - {protocol_key, "ports"}:
        raise Unreadable(f"{min(map(shown, unknown))} is not known to this version")
    protocol = _protocol(entry[protocol_key], protocol_key)
    ports = entry.get("ports") or []
    if not isinstance(ports, list):
        raise Unreadable(f"ports: {unavailable(ports)}" if unavailable(ports) else "ports must be a list")
    if ports and protocol not in WITH_PORTS:
        raise Unreadable(f"{entry[protocol_key]} has no ports")
    return L4Match(protocol, tuple(_ports(text) for text in ports))


def _protocol(text: str, key: str) -> int | None:
    name = text.lower()
    if name == "all":
        return None
    if name in PROTOCOL_NUMBERS:
        return PROTOCOL_NUMBERS[name]
    if name.isascii() and name.isdigit() and len(name) <= 3 and int(name) <= 255:
        return int(name)
    raise Unreadable(f"{key} {text!r} is neither a known name nor a number up to 255")


def _ports(text: object) -> PortRange:
    first, dash, last = str(text).partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
        raise Unreadable(f"port {text!r} is neither N nor N-M")
    # Python refuses to read numbers of thousands of digits.
    if len(first) <= 5 and len(last) <= 5:
        ports = PortRange(int(first), int(last if dash else first))
        if ports.first <= ports.last <= 65535:
            return ports
    raise Unreadable(f"ports {text!r} are not within 0-65535")
