"""Do the observation and the prediction speak of the same time?

A firewall recording is a photograph. Packets that died at 12:00:05 are not explained by rules read at 12:00:02, and an answer seen
before a rule was deleted does not contradict the deletion. Where the two do not overlap, the prediction becomes undetermined with
that reason, and a new reading is asked for; the verdict follows the observation meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pathcheck.model.checks import PathCheck
from pathcheck.model.findings import Seen
from pathcheck.model.firewall import Explanation, Firewall
from pathcheck.model.words import Expectation, Observation, Prediction

_ARRIVED = frozenset({Observation.REACHED, Observation.REFUSED})
# A rule change reaches the packets before or after the reading that shows it; Google documents no bound, seconds are usual.
SETTLING = timedelta(seconds=5)


def align(
    explanation: Explanation, seen: Seen, check: PathCheck, firewall: Firewall, now: datetime
) -> tuple[Explanation, bool]:
    """The explanation as far as it may be used here, and whether a newer reading of the firewall is wanted."""
    if seen.since is None or firewall.last_read is None or firewall.first_read is None:
        return explanation, False
    if explanation.prediction is Prediction.UNDETERMINED:
        return explanation, firewall.last_read < seen.since
    arrived = seen.observation in _ARRIVED
    if seen.observation is Observation.UNMEASURED:
        return explanation, False
    if arrived != (check.expectation is Expectation.REACHABLE):
        # A violation: only a reading made since it began can explain it.
        if firewall.last_read >= seen.since:
            return explanation, False
        age = round((seen.since - firewall.last_read).total_seconds(), 1)
        return _undetermined(f"the firewall was last read {age} s before this began"), True
    agrees = arrived == (explanation.prediction is Prediction.PERMITTED)
    # As expected, yet predicted otherwise: believe the contradiction only when a whole round fits behind the rules' last change,
    # since a transition is reported at once but not before its round is over.
    round_length = timedelta(
        seconds=check.cadence.interval_seconds, milliseconds=2 * check.cadence.timeout_milliseconds
    )
    if not agrees and now - firewall.first_read < round_length + SETTLING:
        return _undetermined("the firewall's rules changed less than a round ago"), False
    return explanation, False


def _undetermined(why: str) -> Explanation:
    return replace(Explanation(Prediction.UNDETERMINED), why=why)
