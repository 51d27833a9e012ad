"""wire/events.py."""

from __future__ import annotations

from pathcheck.model.findings import Announcement
from pathcheck.model.words import Reason
from pathcheck.wire.events import event_of
from tests.builders import NOON, check

VIOLATED = Announcement("Upheld False 12:00", True, Reason.BLOCKED_BY_FIREWALL, "Measure", "2 of 6 flows violated")


def test_event() -> None:
    """An announcement becomes an Event about the PathCheck, in `default`, with the microseconds that the API server insists on."""
    event = event_of(check(), VIOLATED, "pathcheck-operator-x", NOON)
    name = event["metadata"].pop("name")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "default"},
        "eventTime": "2026-01-26T12:00:00.000000Z",
        "reportingController": "pathcheck.dev/operator",
        "reportingInstance": "pathcheck-operator-x",
        "action": "Measure",
        "reason": "BlockedByFirewall",
        "note": "2 of 6 flows violated",
        "type": "Warning",
        "regarding": {
            "apiVersion": "pathcheck.dev/v1alpha1",
            "kind": "PathCheck",
            "name": "kube-dns",
            "uid": "uid-kube-dns",
        },
    }
    assert name.startswith("kube-dns.")


def test_same_name() -> None:
    """The same transition has the same name whenever it is written; another one, or that of a new check of this name, has not."""
    first = event_of(check(), VIOLATED, "a", NOON)["metadata"]["name"]
    again = event_of(check(generation=2), VIOLATED, "b", NOON)["metadata"]["name"]
    other = event_of(check(), Announcement("Upheld True", False, Reason.UPHELD, "Measure", ""), "a", NOON)
    reborn = event_of(check(uid="another"), VIOLATED, "a", NOON)
    assert again == first
    assert len({first, other["metadata"]["name"], reborn["metadata"]["name"]}) == 3


def test_long_note() -> None:
    """A note never exceeds the API's 1024 bytes, and is never cut within a character."""
    note = event_of(check(), Announcement("k", True, Reason.UPHELD, "Measure", "→" * 1000), "a", NOON)["note"]
    assert note == "→" * 340 + "…"
    assert len(note.encode()) <= 1024
