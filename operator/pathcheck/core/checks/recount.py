"""How is a change of the firewall told, to whom, and when?

At once where it is known who made it; else after a moment's patience without a name, and once more when the name is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from pathcheck.model.drift import Difference, Edit, FirewallChange
from pathcheck.model.findings import LastChange

# The audit log mostly has its entry within this; an Event without a name would be the one that people read.
PATIENCE = timedelta(seconds=10)
_MOST_EDITS = 3
_MOST_LINES = 4


def last_change(
    check: str, changes: Iterable[FirewallChange], known: LastChange | None, now: datetime
) -> LastChange | None:
    """The latest change that flips this check and can be told by now; the one `known` already where none is later."""
    mine = [(c, flips) for c in changes if (flips := c.flips(check)) is not None and may_be_told(c, now)]
    if not mine:
        return known
    latest, flips = max(mine, key=lambda pair: (pair[0].noticed, pair[0].number))
    noticed = latest.noticed.replace(microsecond=0)  # as a status holds it
    if known is not None and known.noticed > noticed:
        return known
    return LastChange(latest.number, noticed, who(latest), sentence(latest), flips.worse, flips.better)


def may_be_told(change: FirewallChange, now: datetime) -> bool:
    """Whether to wait no longer for a name."""
    return change.settled or now - change.noticed >= PATIENCE


def waits(check: str, changes: Iterable[FirewallChange], now: datetime) -> bool:
    """Whether there is something that this check will be told in a moment."""
    return any(c.flips(check) is not None and not may_be_told(c, now) for c in changes)


def who(change: FirewallChange) -> str:
    """Everybody who had a hand in it, "" where nobody is known."""
    return ", ".join(dict.fromkeys(e.by[-1].principal for e in change.difference.edits if e.by))


def sentence(change: FirewallChange) -> str:
    """`NAME deleted (admitted …) by WHO at WHEN with TOOL: … → …: no longer permitted`."""
    unknown = f" (by whom is not known: {change.why})" if change.why else ""
    effects = "; ".join(lines(change.difference, _MOST_LINES))
    return f"{_few(change.difference, edited)}{unknown}{': ' if effects else ''}{effects}"


def summary(change: FirewallChange) -> str:
    """`NAME deleted (admitted …)`: the edits in a line."""
    return _few(change.difference, lambda edit: edit.sentence)


def _few(difference: Difference, said: Callable[[Edit], str]) -> str:
    """The first edits, and how many more there are."""
    more = len(difference.edits) - _MOST_EDITS + difference.edits_beyond
    return "; ".join([*map(said, difference.edits[:_MOST_EDITS]), *([f"{more} more edits"] if more > 0 else [])])


def edited(edit: Edit) -> str:
    """One edit, with whoever made it."""
    if not edit.by:
        return edit.sentence
    call = edit.by[-1]
    earlier = len(edit.by) - 1
    times = f" (and {earlier} earlier call{'s' if earlier > 1 else ''} on it)" if earlier else ""
    return f"{edit.sentence} by {call.principal} at {call.time:%Y-%m-%d %H:%M:%S} UTC with {call.tool or call.method}{times}"


def lines(difference: Difference, most: int = 1_000) -> Sequence[str]:
    """What it closes, then what it opens; how many there are beyond the first."""
    if difference.untold:
        return [f"what that closes and opens is not told: {difference.untold}"]
    every = [*difference.closes, *difference.opens]
    beyond = difference.beyond + max(len(every) - most, 0)
    return [*every[:most], *([f"and {beyond} more of the kind"] if beyond else [])]


def flips(worse: int, better: int) -> str:
    """`4 flows are as expected no longer, by the rules`."""
    said = [f"{_flows(worse)} as expected no longer"] if worse else []
    said += [f"{_flows(better)} as expected again"] if better else []
    return f"{' and '.join(said)}, by the rules"


def _flows(count: int) -> str:
    return f"{count} flows are" if count > 1 else "1 flow is"
