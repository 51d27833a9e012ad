"""Which project and which machines nodes mean."""

from __future__ import annotations

from pathcheck.core.ways.scope import scope_of
from pathcheck.model.cluster import Scope
from tests.builders import node
from tests.recordings import PROJECT

NODES = [
    node("node-2", zone="us-east1-b"),
    node("node-1", zone="us-east1-b"),
    node("node-3", zone="us-east1-c", project="another"),
]


def test_the_scope_is_what_the_nodes_say() -> None:
    """Zone and name of each machine, of the project that most are in; none without machines of the cloud."""
    expected = Scope(PROJECT, (("us-east1-b", "node-1"), ("us-east1-b", "node-2")))
    assert scope_of(NODES) == expected
    assert scope_of([node("node-1", instance=None)]) is None


def test_the_project_may_be_given() -> None:
    """Then it is that one, and its machines; none where no node is one of them."""
    assert scope_of(NODES, "another") == Scope("another", (("us-east1-c", "node-3"),))
    assert scope_of(NODES, "nobody's") is None
