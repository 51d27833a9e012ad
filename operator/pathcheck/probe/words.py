"""What can be observed, and moments as text. The spelling is that of the PathProbe's status."""

from __future__ import annotations

import sys
import time

REACHED = "reached"
REJECTED = "rejected"
REFUSED = "refused"
UNMEASURED = "unmeasured"
SILENT = "silent"

# What a round comes to when its attempts differ, the first of these that occurred. An own trouble in one attempt is worth more
# than silence in the others: silence counts only when every attempt was made and waited for.
BY_WEIGHT = (REACHED, REJECTED, REFUSED, UNMEASURED, SILENT)

# What an attempt or a round comes to: observation, detail, round trip in microseconds if answered.
Outcome = tuple[str, str, int | None]


def moment(seconds: float) -> str:
    """RFC 3339 in UTC with microseconds; all moments have this one shape, so that they compare as text."""
    microseconds = round(seconds * 1_000_000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 1_000_000))
    return f"{whole}.{microseconds % 1_000_000:06d}Z"


def say(text: str) -> None:
    """One line for `kubectl logs`; rare, because nobody reads the logs of a hundred probes."""
    print(moment(time.time()), text, file=sys.stderr, flush=True)
