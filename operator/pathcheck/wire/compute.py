"""How the Compute API spells things: names within URLs, and lists and objects that may be absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any


class Unreadable(ValueError):  # noqa: N818 - it reads as what it says
    """One field of one thing is not what it should be; the message names the field."""


def shown(text: object) -> str:
    """A text as it may be printed: what a terminal would obey, or could not show, is spelt out."""
    return str(text) if str(text).isprintable() else repr(str(text))


def last_part(url: object) -> str:
    """The last segment of a URL, which is the name of what it leads to."""
    return str(url or "").rpartition("/")[2]


def network_name(url: str, project: str) -> str:
    """The network's name; one of another project (Shared VPC) keeps its path, for names are unique within a project only."""
    parts = url.split("/")
    if "projects" in parts[:-1]:
        owner = parts[parts.index("projects") + 1]
        if owner != project:
            return f"projects/{owner}/global/networks/{parts[-1]}"
    return parts[-1]


def network_owner(name: str, project: str) -> tuple[str, str]:
    """The other direction of `network_name`: the project that owns the network, and its name there."""
    parts = name.split("/")
    return (parts[1], parts[-1]) if parts[0] == "projects" and len(parts) > 1 else (project, name)


def network_meant(text: str, project: str, used: Collection[str]) -> str:
    """The network's name where it may be written by its last part only: the owner's, where the machines' interfaces leave no doubt.

    Recordings may name a Shared VPC's network like one of their own project; as such nothing would use it. `used` are the names of
    the networks in which interfaces are.
    """
    name = network_name(text, project)
    if "projects/" in text or not name or name in used:
        return name
    others = [other for other in used if other.endswith(f"/{name}")]
    return others[0] if len(others) == 1 else name


def region_name(subnetwork: object) -> str:
    """The region in a subnetwork's URL."""
    parts = str(subnetwork or "").split("/")
    return parts[parts.index("regions") + 1] if "regions" in parts[:-1] else ""


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """An object; an absent one is empty.

    Raises Unreadable.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Unreadable(f"{what}: must be an object")
    return value


def items(holder: Mapping[str, Any], key: str) -> Sequence[object]:
    """A list in an object; an absent one is empty.

    Raises Unreadable.
    """
    value = holder.get(key) or []
    if not isinstance(value, list):
        raise Unreadable(f"{key}: must be a list")
    return value


def texts(value: object, what: str) -> list[str]:
    """A list of texts; an absent one is empty.

    Raises Unreadable.
    """
    found = value or []
    if not isinstance(found, list) or not all(isinstance(text, str) and text.isprintable() for text in found):
        raise Unreadable(f"{what}: must be a list of texts that can be printed")
    return found


class NotARecording(ValueError):  # noqa: N818 - it reads as what it says
    """The file as a whole cannot be used; the message names the field."""


def listed_in(recording: Mapping[str, object], key: str, required: bool = True) -> Sequence[object]:
    """One of a recording's own lists; raises NotARecording where it is no list, or missing though required."""
    value = recording.get(key, None if required else [])
    if not isinstance(value, list):
        raise NotARecording(f"{key}: {'is missing' if value is None else 'must be a list'}")
    return value
