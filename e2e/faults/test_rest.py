"""Nothing is broken but probe pods, over and over: not one wrong verdict."""

from __future__ import annotations

import os
import random
import time

import pytest

from e2e import install
from e2e.faults import levers
from e2e.truth import Truth
from e2e.watching import Watch, is_true

MINUTES = float(os.environ.get("PATHCHECK_REST_MINUTES", "3"))


@pytest.mark.timeout(MINUTES * 60 + 300)
def test_at_rest_with_a_probe_pod_deleted_every_minute(watch: Watch, truth: Truth) -> None:
    """PATHCHECK_REST_MINUTES (3) long: each time all checks are True again within 30 s, and False never."""
    began, dice = time.time(), random.Random(0)
    for minute in range(int(MINUTES)):
        node = dice.choice(["node-1", "node-2", "node-3"])
        deleted = time.time()
        install.kubectl("delete", "pod", "-n", install.NAMESPACE, levers.probe_pods()[node]["metadata"]["name"])
        for name in truth.names:
            watch.wait_for(name, "True again", is_true, within=30, after=deleted)
        time.sleep(max(0.0, began + 60 * (minute + 1) - time.time()))
    assert truth.lies() == []
