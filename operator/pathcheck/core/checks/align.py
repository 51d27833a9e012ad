"""Do the observation and the prediction speak of the same time?

A firewall recording is a photograph. Packets that died at 12:00:05 are not explained by rules read at 12:00:02, and an answer seen
before a rule was deleted does not contradict the deletion. Where the two do not overlap, the prediction becomes undetermined with
that reason, and a new reading is asked for; the verdict follows the observation meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import Seen
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.words import Expectation, Observation, Prediction

_ARRIVED = frozenset({Observation.REACHED, Observation.REFUSED})
# A rule change reaches the packets before or after the reading that shows it; Google documents no bound, seconds are usual.
SETTLING = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Aligned:
    """The explanation as far as it may be used here.

    `outdated`: a newer reading is wanted. `settling`: the rules changed less than a round ago, or
    are being read for the first time; `ahead` is then what they foretell of packets that are still as expected.
    """

    explanation: Explanation
    outdated: bool = False
    settling: bool = False
    ahead: Explanation | None = None


def align(explanation: Explanation, seen: Seen, check: PathCheck, firewall: Firewall, now: datetime) -> Aligned:
    """What of this prediction may be held against this observation."""
    if seen.since is None or firewall.last_read is None or firewall.first_read is None:
        return Aligned(explanation)
    if explanation.prediction is Prediction.UNDETERMINED:
        return Aligned(explanation, outdated=firewall.last_read < seen.since)
    if seen.observation is Observation.UNMEASURED:
        return Aligned(explanation)
    arrived = seen.observation in _ARRIVED
    violated = arrived != (check.expectation is Expectation.REACHABLE)
    # What no route delivers does not arrive, whatever rules would permit.
    lost = any(obstacle.reason is not None for obstacle in explanation.obstacles)
    agrees = arrived == (explanation.prediction is Prediction.PERMITTED) or (lost and not arrived)
    if (violated or not agrees) and firewall.last_read < seen.since:
        # Only a reading made since it began can explain a violation, or be contradicted by what is seen.
        # When, not how long before: flows that broke one after another share the cause, and its sentence.
        why = f"the firewall was last read at {firewall.last_read:%H:%M:%S} UTC, before this began"
        return Aligned(_undetermined(why), outdated=True)
    # Believe a contradiction only when a whole round fits behind the rules' last change: a transition is reported at once, but not
    # before its round is over.
    patience = timedelta(milliseconds=2 * check.cadence.timeout_milliseconds) + SETTLING
    if not agrees and now - firewall.first_read < timedelta(seconds=check.cadence.interval_seconds) + patience:
        settled = _undetermined("the firewall's rules changed less than a round ago")
        return Aligned(settled, settling=True, ahead=None if violated else explanation)
    return Aligned(explanation)


def _undetermined(why: str) -> Explanation:
    return Explanation(Prediction.UNDETERMINED, why=why)
