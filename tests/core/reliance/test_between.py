"""What hangs on each rule between the machines of a recording, by every kind of traffic."""

from __future__ import annotations

from pathcheck.core.reliance.between import between
from pathcheck.model.words import Prediction
from tests.recordings import entry, firewall, rule


def test_every_machine_sends_every_kind_to_every_other() -> None:
    """Three nodes' own addresses and pods: 24 pairs on two machines, by udp/53 and by other udp."""
    fw = firewall(rule("dns", allowed=[entry("udp", "53")]), rule("pods", sourceRanges=["10.24.0.0/14"]))
    found = between(fw)
    assert (found.flows, found.why) == (24 * 2, "")
    flips = {load.rule.name: load.flips for load in found.loads}
    permitted = Prediction.PERMITTED, Prediction.BLOCKED
    # Of udp/53 from pods either rule may go.
    assert flips == {"dns": {permitted: 12}, "pods": {permitted: 12}}


def test_what_would_take_too_long_is_not_counted() -> None:
    """It is said, and never taken for nothing."""
    fw = firewall(rule("dns", allowed=[entry("udp", "53")]))
    found = between(fw, most=1)
    assert (found.loads, found.flows) == ((), 0)
    assert found.why == "rules part the machines and their traffic into too many kinds"
