"""Who changed the firewall? Edits joined with the entries of the audit log.

The log speaks by the cloud's clock, the readings by the cluster's; how far the two are apart is measured with each question, by the
answer's Date. An entry is an edit's if it is about the same resource, does what was done, lies between the two readings, and is no
earlier edit's. Entries may be late, so that what is missing is asked for again for a while; a wrong name would be worse than none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pathcheck.model.drift import MAX_CALLS, Attribution, Deed, Edit, Entry, FirewallChange

# https://cloud.google.com/logging/docs/audit: entries are mostly there within seconds; nothing is promised.
PATIENCE = timedelta(minutes=15)
# What a reading shows may be some seconds old, and the Date of an answer is cut to whole seconds.
EARLIER = timedelta(seconds=10)
# A reading lasts, and shows what is changed while it does.
LATER = timedelta(seconds=15)

# What methods do, by the kind of resource in their names (https://cloud.google.com/compute/docs/logging/audit-logging).
_PATCHES = frozenset({"patch", "update"})
_VERBS: dict[str, dict[Deed, frozenset[str]]] = {
    "firewalls": {
        Deed.CREATED: frozenset({"insert"}),
        Deed.DELETED: frozenset({"delete"}),
        Deed.CHANGED: _PATCHES | {"insert", "delete"},
    },
    "firewallPolicies": {
        Deed.CREATED: frozenset({"addRule", "cloneRules", "addAssociation", "insert"}) | _PATCHES,
        Deed.DELETED: frozenset({"removeRule", "cloneRules", "removeAssociation", "delete"}) | _PATCHES,
        Deed.CHANGED: frozenset(
            {
                "patchRule",
                "addRule",
                "removeRule",
                "cloneRules",
                "addAssociation",
                "patchAssociation",
                "removeAssociation",
            }
        )
        | _PATCHES,
    },
    "networks": {Deed.CHANGED: _PATCHES | {"addPeering", "removePeering", "updatePeering"}},
    "routes": {
        Deed.CREATED: frozenset({"insert"}),
        Deed.DELETED: frozenset({"delete"}),
        Deed.CHANGED: frozenset({"insert", "delete"}),
    },
    "instances": {Deed.CHANGED: _PATCHES | {"setTags", "setServiceAccount"}},
}


def window(change: FirewallChange, ahead: timedelta) -> tuple[datetime, datetime]:
    """From when to when, by the cloud's clock, which is this much ahead, it can have been made."""
    return change.not_before + ahead - EARLIER, change.noticed + ahead + LATER


def attribute(
    change: FirewallChange,
    entries: Iterable[Entry],
    ahead: timedelta,
    used: Collection[str],
    now: datetime,
    why: str = "",
) -> FirewallChange:
    """The change with whoever made its edits, as far as these entries tell.

    `used` are the ids of entries by which earlier changes are explained. `why` says why the log could not be read, if it could not.
    """
    first, last = window(change, ahead)
    known = [e for e in entries if first <= e.time <= last and e.id not in used]
    edits = tuple(edit if edit.by else replace(edit, by=_made(edit, known)) for edit in change.difference.edits)
    found = replace(change, difference=replace(change.difference, edits=edits))
    missing = [edit for edit in edits if not edit.by]
    if not missing:
        return replace(found, attribution=Attribution.COMPLETE, why="")
    over = now - change.noticed >= PATIENCE
    unlogged = "the audit log has no entry for " + ", ".join(_called(edit) for edit in missing[:3])
    why = why or (f"{unlogged}, {PATIENCE.seconds // 60} minutes later" if over else f"{unlogged} yet")
    return replace(found, attribution=Attribution.MISSING if over else Attribution.PENDING, why=why)


def _made(edit: Edit, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    kind = edit.resource.split("/")[-2]
    verbs = _VERBS.get(kind, {}).get(edit.deed, frozenset())
    mine = [e for e in entries if _is_of(e, edit, kind) and e.method.rpartition(".")[2] in verbs]
    return tuple(sorted(mine, key=lambda e: (e.time, e.id))[-MAX_CALLS:])


def _is_of(entry: Entry, edit: Edit, kind: str) -> bool:
    # regionNetworkFirewallPolicies and its neighbours call their resources firewallPolicies.
    about = entry.method.split(".")[-2] if entry.method.count(".") else ""
    return about.lower().endswith(kind.lower()) and f"/{entry.resource}".endswith(f"/{edit.resource}")


def _called(edit: Edit) -> str:
    return edit.id.partition(":")[2]
