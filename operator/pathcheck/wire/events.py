"""`Announcement` → events.k8s.io/v1 Event (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/)."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import Announcement
from pathcheck.wire.schema import API_VERSION

CONTROLLER = f"{API_VERSION.partition('/')[0]}/operator"
# Events about cluster-scoped objects live there; the API server refuses any other namespace.
NAMESPACE = "default"
NOTE_BYTES = 1024


def event_of(check: PathCheck, announcement: Announcement, instance: str, now: datetime) -> dict[str, Any]:
    """The Event. Its name follows from the announcement's key: written twice, the second is a conflict and not a second Event."""
    digest = sha256(f"{check.uid} {announcement.key}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{check.name[:200]}.{digest}", "namespace": NAMESPACE},
        # A MicroTime: refused without its six digits.
        "eventTime": now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "action": announcement.action,
        "reason": announcement.reason.value,
        "note": _cut(announcement.note),
        "type": "Warning" if announcement.warning else "Normal",
        "regarding": {"apiVersion": API_VERSION, "kind": "PathCheck", "name": check.name, "uid": check.uid},
    }


def _cut(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= NOTE_BYTES:
        return note
    return encoded[: NOTE_BYTES - len("…".encode())].decode(errors="ignore") + "…"
