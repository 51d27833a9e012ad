"""A pod range to which no route leads: the firewall is not blamed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import install
from e2e.engine import asking, cloud
from e2e.engine.wires import PODS
from e2e.faults import levers
from e2e.watching import Change, Watch, is_true

NAME = "to-one-node"
SECONDS = 30


@pytest.fixture
def target(watch: Watch) -> Iterator[str]:
    """A node to which a check leads that is True, and on which the operator does not run."""
    node = next(name for name in ("node-3", "node-2") if name != levers.operator_node())
    body = {"apiVersion": "pathcheck.dev/v1alpha1", "kind": "PathCheck", "metadata": {"name": NAME}}
    ends: dict[str, Any] = {"from": {"nodes": {"selector": {}}}, "to": {"nodes": {"names": [node]}}}
    spec = ends | {"traffic": [{"protocol": "UDP", "port": 4789}]}
    install.kubectl("apply", "-f", "-", given=json.dumps(body | {"spec": spec}))
    watch.wait_for(NAME, "True", is_true, 60)
    yield node
    install.kubectl("delete", "pathcheck", NAME)


def _is_routeless(change: Change) -> bool:
    return change.upheld()[1] == "NoRouteToPodRange"


def test_a_deleted_pod_route(target: str, watch: Watch, tmp_path: Path) -> None:
    """The finding names range and machine, no firewall rule and no fix; it is unknown, for the node's own probe is cut off as well.

    With the route back the check is True.
    """
    node, other = asking.NODES[target], next(name for name in asking.NODES if name != target)
    with cloud.without_route(target) as deleted:
        change = watch.wait_for(NAME, "without a route", _is_routeless, SECONDS, deleted)
        assert change.upheld()[0] != "True"
        (finding,) = change.findings
        assert f"packets to {node.pods} do not reach {target}" in finding["sentence"]
        assert (finding["rule"], finding["fix"]) == (f"route:missing:{node.pods}", "")
        assert "firewall" not in finding["sentence"]
        words = ("--from", PODS[other], "--to", f"{PODS[target]}@{target}", "udp/4789")
        offline = asking.predict(asking.recording(), tmp_path, *words)
        assert [obstacle["stage"] for obstacle in offline["obstacles"]] == ["route"]
    watch.wait_for(NAME, "True", is_true, SECONDS, time.time())
