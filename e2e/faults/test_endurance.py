"""For a long time, with probe pods dying all along: not one wrong verdict, and always a fresh one."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping

import pytest

from e2e import install
from e2e.faults import levers
from e2e.faults.conftest import NAMES
from e2e.truth import Truth
from e2e.watching import Change, Watch, is_true, violated

MINUTES = int(os.environ.get("PATHCHECK_ENDURANCE_MINUTES", "2"))
LONG = pytest.mark.timeout(MINUTES * 60 + 300)

Whole = Mapping[str, Callable[[Change], bool]]


def endure(watch: Watch, expected: Whole) -> None:
    """Each minute a probe pod dies, and within 30 s all checks say what they must, completely."""
    began, dice = time.time(), random.Random(0)
    for minute in range(MINUTES):
        node = dice.choice(["node-1", "node-2", "node-3"])
        deleted = time.time()
        install.kubectl("delete", "pod", "-n", install.NAMESPACE, levers.probe_pods()[node]["metadata"]["name"])
        for name, holds in expected.items():
            watch.wait_for(name, "as it must be again", holds, within=30, after=deleted)
        # That nothing else is said in the rest of the minute has no condition to wait for; the truth is held against it.
        time.sleep(max(0.0, began + 60 * (minute + 1) - time.time()))


@LONG
def test_at_rest_nothing_is_ever_violated(watch: Watch, truth: Truth) -> None:
    """PATHCHECK_ENDURANCE_MINUTES (2) long."""
    endure(watch, dict.fromkeys(NAMES, is_true))
    assert truth.lies() == []


@LONG
def test_an_outage_is_still_measured_when_everybody_has_become_used_to_it(watch: Watch, truth: Truth) -> None:
    """As long: what is broken stays violated, down to the last flow, the rest stays upheld, and the recovery is seen at once."""
    truth.broken("kube-dns", "pod-to-pod")
    deleted = levers.delete_rule()
    broken: Whole = {"kube-dns": violated(4), "pod-to-pod": violated(12)}
    for name, complete in broken.items():
        watch.wait_for(name, "complete", complete, within=30, after=deleted)
    endure(watch, {**broken, "web-and-ping": is_true})
    restored = levers.restore_rule()
    truth.whole("kube-dns", "pod-to-pod")
    for name in broken:
        watch.wait_for(name, "True", is_true, within=20, after=restored)
