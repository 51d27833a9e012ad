"""The firewall as it was when it was last compared, kept in a Secret: an operator that restarts knows what changed meanwhile.

A Secret because a recording tells a network's whole layout; it holds no credentials. The recording is compressed, since the API server
takes a MiB (https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data).
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pathcheck.wire.audit import moment_of

SECRET = "pathcheck-firewall"
# Of a Secret's MiB, base64 not counted.
LARGEST = 1_000_000
_RECORDING, _NUMBER, _READ, _REVISION = "recording", "number", "read", "revision"
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """`number` is that of the change that led here, 0 for the first reading ever; `read` is when the last reading of it began.

    `packed` is the recording, empty where it is too large to be kept.
    """

    number: int
    revision: str
    read: datetime
    packed: bytes


def pack(recording: Mapping[str, Any]) -> bytes:
    """Compressed."""
    return zlib.compress(json.dumps(recording, separators=(",", ":"), sort_keys=True).encode())


def unpack(packed: bytes) -> Raw:
    """The recording. Raises ValueError for what `pack` did not make."""
    try:
        found = json.loads(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    return found


def secret_of(kept: Kept, namespace: str) -> dict[str, Any]:
    """The body of a server-side apply."""
    values = {
        _NUMBER: str(kept.number).encode(),
        _REVISION: kept.revision.encode(),
        _READ: kept.read.isoformat().encode(),
        _RECORDING: kept.packed if len(kept.packed) <= LARGEST else b"",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "data": {key: b64encode(value).decode() for key, value in values.items()},
    }


def kept_of(body: Mapping[str, Any]) -> Kept | None:
    """None where nothing was ever kept, or what is there cannot be read: then the next reading is the first."""
    data = body.get("data") or {}
    try:
        values = {key: b64decode(data[key]) for key in (_NUMBER, _REVISION, _READ, _RECORDING)}
        read = moment_of(values[_READ].decode())
        if read is None:
            return None
        if values[_RECORDING]:
            unpack(values[_RECORDING])
        return Kept(int(values[_NUMBER]), values[_REVISION].decode(), read, values[_RECORDING])
    except (KeyError, TypeError, ValueError):
        return None


def comparable(before: Raw, after: Raw) -> tuple[Raw, Raw]:
    """Both with the same lists read: what only one of two readings has could not be told from what came or went.

    What the later one could not read is taken to be as it was, and what the earlier one could not, to have been as it is.
    """
    old, new = dict(before), dict(after)
    for one, other in ((old, before), (new, after)):
        one["unavailable"] = dict(other.get("unavailable") or {})
    missing = {"old": set(old["unavailable"]), "new": set(new["unavailable"])}
    for key in missing["new"] - missing["old"]:
        _filled(new, old, key)
    for key in missing["old"] - missing["new"]:
        _filled(old, new, key)
    _answers(old, new)
    for one in (old, new):
        if not one["unavailable"]:
            del one["unavailable"]
    return old, new


def _filled(lacking: Raw, having: Raw, key: str) -> None:
    del lacking["unavailable"][key]
    if key in having:
        lacking[key] = having[key]
    else:
        lacking.pop(key, None)


def _answers(old: Raw, new: Raw) -> None:
    """The same for the answers about each network and region: one is asked for as soon as a machine is there."""
    if isinstance(old.get("effectiveFirewalls"), list) and isinstance(new.get("effectiveFirewalls"), list):
        was, now = ({_scope(e): e for e in one["effectiveFirewalls"] if isinstance(e, dict)} for one in (old, new))
        old["effectiveFirewalls"] = _completed(was, now)
        new["effectiveFirewalls"] = _completed(now, was)


def _completed(own: Mapping[tuple[str, str], Raw], other: Mapping[tuple[str, str], Raw]) -> list[Raw]:
    answered = {scope: entry for scope, entry in other.items() if "answer" in entry}
    return [e if "answer" in e else answered.get(scope, e) for scope, e in own.items()] + [
        e for scope, e in answered.items() if scope not in own
    ]


def _scope(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("network")), str(entry.get("region"))
