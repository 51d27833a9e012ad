"""What became of the firewall between two readings, and which checks does it flip?"""

from __future__ import annotations

from datetime import datetime

from pathcheck.core.changes.affect import affect
from pathcheck.core.changes.compare import Comparison
from pathcheck.core.changes.differ import differ
from pathcheck.core.decide import on_the_wire_of
from pathcheck.model.drift import MAX_CHECKS, FirewallChange
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Snapshot


def drift(
    snapshot: Snapshot, before: Firewall, after: Firewall, number: int, not_before: datetime, noticed: datetime
) -> FirewallChange | None:
    """The change, not attributed yet; None where no packet can meet anything else.

    Both readings are comparable (wire/kept.py). `not_before` is when the last reading began that shows `before`, `noticed` the first
    that shows `after`.
    """
    difference = differ(before, after)
    if not difference.edits:
        return None
    ranges = tuple(r for node in snapshot.nodes.values() for r in node.pod_ranges)
    comparison = Comparison(before, after)
    found = (
        affect(check.name, check.expectation, on_the_wire_of(snapshot, check), ranges, comparison)
        for _, check in sorted(snapshot.checks.items())
    )
    affected = [each for each in found if each is not None]
    affected.sort(key=lambda each: -each.worse)
    return FirewallChange(
        number=number,
        before=before.revision,
        after=after.revision,
        not_before=not_before,
        noticed=noticed,
        difference=difference,
        affected=tuple(affected[:MAX_CHECKS]),
    )
