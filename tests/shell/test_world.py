"""shell/world.py."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.model.cluster import Node
from pathcheck.shell.ports import ENDPOINT_SLICES, NODES, PATH_PROBES, Body
from pathcheck.shell.world import Change, World


def body(name: str = "node-1", version: int = 1, uid: str = "u1", **labels: str) -> Body:
    """A Node."""
    return {"metadata": {"name": name, "uid": uid, "resourceVersion": str(version), "labels": labels}}


@pytest.fixture
def world() -> tuple[World, list[Change]]:
    """A world and what it said has changed."""
    changes: list[Change] = []
    world = World()
    world.on_change = changes.append
    return world, changes


def test_news(world: tuple[World, list[Change]]) -> None:
    """What is new, other and gone is told with before and after; what yields an equal noun is not told."""
    it, changes = world
    it.put(NODES, body(version=1))
    it.put(NODES, body(version=2))
    it.put(NODES, body(version=3, zone="b"))
    it.remove(NODES, body(version=4))
    plain, labelled = Node("node-1", {}, ready=False), Node("node-1", {"zone": "b"}, ready=False)
    assert changes == [Change(NODES, None, plain), Change(NODES, plain, labelled), Change(NODES, labelled, None)]
    assert it.nodes() == {}


def test_older(world: tuple[World, list[Change]]) -> None:
    """What the watch brings late is dropped, also 9 after 10; the same name with another uid is another object."""
    it, changes = world
    it.put(NODES, body(version=10, zone="b"))
    it.put(NODES, body(version=9))
    assert it.nodes() == {"node-1": Node("node-1", {"zone": "b"}, ready=False)}
    it.put(NODES, body(version=3, uid="u2"))
    assert it.nodes() == {"node-1": Node("node-1", {}, ready=False)}
    assert len(changes) == 2


def test_late_deletion(world: tuple[World, list[Change]]) -> None:
    """A deletion that arrives after the successor removes nothing."""
    it, _ = world
    it.put(NODES, body(version=5, uid="u2"))
    it.remove(NODES, body(version=4, uid="u1"))
    assert set(it.nodes()) == {"node-1"}


def test_census(world: tuple[World, list[Change]]) -> None:
    """A census removes what was not there then, and leaves what has been seen since."""
    it, changes = world
    it.put(NODES, body("node-1", 1, "u1"))
    it.put(NODES, body("node-2", 2, "u2"))
    it.put(NODES, body("node-3", 9, "u3"))
    changes.clear()
    it.keep_only(NODES, frozenset({"u1"}), version=5)
    assert set(it.nodes()) == {"node-1", "node-3"}
    assert changes == [Change(NODES, Node("node-2", {}, ready=False), None)]


def test_unreadable(world: tuple[World, list[Change]]) -> None:
    """What cannot be read is not there; it replaces what could be read before."""
    it, _ = world
    metadata: dict[str, Any] = {"name": "node-1", "namespace": "pathcheck-system", "uid": "u", "resourceVersion": "1"}
    it.put(PATH_PROBES, {"metadata": metadata, "spec": {}})
    assert set(it.probes()) == {"node-1"}
    it.put(PATH_PROBES, {"metadata": metadata | {"resourceVersion": "2"}, "spec": {"dials": 7}})
    assert it.probes() == {}


def test_backends(world: tuple[World, list[Change]]) -> None:
    """A Service's backends are those of all its slices; the API servers are those of default/kubernetes."""
    it, _ = world
    for number in (2, 1):
        it.put(
            ENDPOINT_SLICES,
            {
                "metadata": {
                    "namespace": "default",
                    "name": f"kubernetes-{number}",
                    "uid": f"u{number}",
                    "resourceVersion": "1",
                    "labels": {"kubernetes.io/service-name": "kubernetes"},
                },
                "endpoints": [{"addresses": [f"10.142.15.20{number}"]}],
                "ports": [{"name": "https", "protocol": "TCP", "port": 443}],
            },
        )
    assert [str(b.address) for b in it.backends()["default", "kubernetes"]] == ["10.142.15.201", "10.142.15.202"]
    assert it.api_servers() == ("10.142.15.201:443", "10.142.15.202:443")
