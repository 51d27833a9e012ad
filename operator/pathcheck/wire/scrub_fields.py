"""What the value of one field becomes, by what it is: a name, a path, a range, one of the API's own words, a list or an object of these.

The law of this file: what is not known here does not get through. A value that is not what its field should hold becomes another one of
the same type that is no such thing either, so that whoever reads the scrubbed field has the same trouble with it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_network
from typing import Any

from pathcheck.model.flows import PROTOCOL_NUMBERS, Range
from pathcheck.wire.numbered_names import numbered
from pathcheck.wire.permuted_addresses import Permutation

# What the reader asks for (docs/gke.md grants them): all that is left of a sentence that says why something could not be read.
PERMISSIONS = (
    "compute.instances.list",
    "compute.firewalls.list",
    "compute.networks.getRegionEffectiveFirewalls",
    "compute.networks.list",
    "compute.routes.list",
    "compute.subnetworks.list",
    "compute.instances.listEffectiveTags",
    "networksecurity.addressGroups.get",
)
# Names of these forms are Google's: https://cloud.google.com/compute/docs/regions-zones
_REGION = re.compile(
    r"(africa|asia|australia|europe|me|northamerica|southamerica|us)-(north|south|east|west|central){1,2}[0-9]{1,2}|global"
)
_LETTER_OF_ZONE = re.compile(r"(ai[0-9])?[a-z]")
_PORTS = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
# What stands before a name in a path, and the kind of that name.
_HOLDERS = {
    "projects": "project",
    "organizations": "organization",
    "folders": "folder",
    "zones": "zone",
    "regions": "region",
    "locations": "region",
    "networks": "network",
    "subnetworks": "subnetwork",
    "instances": "instance",
    "addressGroups": "group",
    "gateways": "gateway",
    "hubs": "hub",
    "vpnTunnels": "vpn-tunnel",
    "forwardingRules": "forwarding-rule",
    "interconnectAttachments": "attachment",
}
_OF_PATHS = frozenset(["https:", "networksecurity.googleapis.com", "compute", "v1", "global"])
# Where digits alone are no name but a number, of which targetResources cannot tell whose it is.
_MAYBE_NUMBERS = frozenset(["project", "organization", "folder", "network", "path"])


class Words:
    """What names and addresses become. Until `settle` they only are taken note of, for it depends on what else there is."""

    def __init__(self) -> None:
        self._settled = False
        self._met: dict[str, set[str]] = defaultdict(set)
        self._ranges: set[Range] = set()
        self.names: Mapping[str, Mapping[str, str]] = {}
        self.addresses = Permutation(b"")

    def settle(self, key: bytes) -> None:
        """All has been met; `key` is that of the permutation."""
        self._settled = True
        self.names = {kind: numbered(kind, met) for kind, met in self._met.items()}
        self.addresses = Permutation(key, self._ranges)

    def name(self, kind: str, text: str) -> str:
        """The word for a name of this kind."""
        if text and self._settled:
            return self.names[kind][text]
        if text:
            self._met[kind].add(text)
        return text

    def part(self, kind: str, text: str) -> str:
        """The same for a name in a path."""
        if kind == "zone":
            # Where a subnetwork does not say the region, the zone does.
            region, dash, letter = text.rpartition("-")
            known = _LETTER_OF_ZONE.fullmatch(letter)
            return (
                self.part("region", region) + dash + (letter if known else self.name("zone", letter).replace("-", ""))
            )
        if kind == "region" and _REGION.fullmatch(text):
            return text
        return self.name("number" if text.isdigit() and kind in _MAYBE_NUMBERS else kind, text)

    def range(self, range_: Range) -> Range:
        """What the range becomes."""
        if self._settled:
            return self.addresses.range(range_)
        self._ranges.add(range_)
        return range_


Shape = Callable[[Any, Words], Any]
"""What a value becomes; total, whatever JSON it is."""


def blank(value: Any, words: Words) -> Any:
    """What is left of a value that is not what it should be: its type, and whether it is true or false."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return words.name("text", value)
    if isinstance(value, Mapping):
        if value.keys() == {"unavailable"}:  # the field says itself why nobody knows it
            return {"unavailable": reason(value["unavailable"], words)}
        return {"unknown": None} if value else {}
    if isinstance(value, list):
        return [None] if value else []
    return type(value)(-1) if value else value


def reason(value: Any, words: Words) -> Any:
    """Of a sentence, which may name anything, the permission that is missing."""
    if not value or not isinstance(value, str):
        return blank(value, words)
    missing = next((p for p in PERMISSIONS if re.search(rf"\b{re.escape(p)}\b", value)), None)
    return f"missing permission {missing}" if missing else "the reason is scrubbed"


def kept_if(holds: Callable[[Any], object]) -> Shape:
    """A value that says nothing about anybody, where this holds."""
    return lambda value, words: value if holds(value) else blank(value, words)


def one_of(*own: str) -> Shape:
    """One of the API's own words."""
    return kept_if(lambda value: isinstance(value, str) and value in own)


def number(last: int) -> Shape:
    """A number within 0-`last`."""
    return kept_if(lambda value: isinstance(value, int) and 0 <= value <= last)


def name(kind: str) -> Shape:
    """A name of this kind."""
    return lambda value, words: words.name(kind, value) if isinstance(value, str) else blank(value, words)


def name_unless(pattern: str, kind: str) -> Shape:
    """A name of this kind, or a text of a form that nobody's names have."""
    otherwise = name(kind)
    return lambda value, words: (
        value if isinstance(value, str) and re.fullmatch(pattern, value) else otherwise(value, words)
    )


def path(kind: str, whole: bool = False) -> Shape:
    """A URL or the end of one, be it the bare name of this kind.

    It then begins with the project, unless things are told apart by the `whole` of it.
    """

    def of(value: Any, words: Words) -> Any:
        if not isinstance(value, str) or not value.isprintable():
            return blank(value, words)
        *before, last = value.split("/")
        if "projects" in before and not whole:
            before = before[before.index("projects") :]
        found, held = [], ""
        for part in before:
            own = not held and (part in _OF_PATHS or part in _HOLDERS)
            found.append(part if own else words.part(held or "path", part))
            held = _HOLDERS.get(part, "") if own else ""
        return "/".join([*found, words.part(kind, last)])

    return of


def range_(value: Any, words: Words) -> Any:
    """An address or a range; of a range with host bits, which say nothing, the network."""
    try:
        if not isinstance(value, str):
            raise ValueError
        found = words.range(ip_network(value, strict=False))
    except ValueError:
        return blank(value, words)
    return str(found) if "/" in value else str(found.network_address)


def _is_protocol(value: Any) -> object:
    return isinstance(value, str) and (
        value.lower() in PROTOCOL_NUMBERS or value.lower() == "all" or re.fullmatch(r"[0-9]{1,3}", value)
    )


def traffic(protocol: str) -> Shape:
    """Protocols, under this key, with their ports."""
    ports = listed(kept_if(lambda value: _PORTS.fullmatch(str(value))))
    return listed(fields({protocol: kept_if(_is_protocol), "ports": ports}, silent=()))


def listed(shape: Shape) -> Shape:
    """A list of these."""
    return lambda value, words: (
        [shape(item, words) for item in value] if isinstance(value, list) else blank(value, words)
    )


def keyed(key_shape: Shape, shape: Shape) -> Shape:
    """An object whose keys are names."""
    return lambda value, words: (
        {key_shape(key, words): shape(item, words) for key, item in value.items()}
        if isinstance(value, Mapping)
        else blank(value, words)
    )


def fields(known: Mapping[str, Shape], silent: Collection[str] | None = None) -> Shape:
    """An object of which these fields are known.

    Others are dropped. With `silent`, only these are dropped: whoever reads the object stumbles over any other, and still shall.
    """

    def of(value: Any, words: Words) -> Any:
        if not isinstance(value, Mapping):
            return blank(value, words)
        found = {}
        for key, item in value.items():
            if key in known:
                found[key] = known[key](item, words)
            elif silent is not None and key not in silent:
                found[words.name("unknown", key)] = None
        return found

    return of
