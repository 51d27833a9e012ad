"""A node's image store is linked, not copied, but for what containerd writes."""

from __future__ import annotations

from pathlib import Path

from e2e.lab.store import BLOBS, DATABASES, SNAPSHOTS, link


def test_a_node_shares_layers_and_owns_its_databases(tmp_path: Path) -> None:
    """What the node writes to its databases or adds to its layers is not seen in the store; what the store holds is there."""
    store, node = tmp_path / "store", tmp_path / "node"
    for database in DATABASES:
        (store / database).parent.mkdir(parents=True, exist_ok=True)
        (store / database).write_text("filled")
    (store / BLOBS).mkdir(parents=True)
    (store / BLOBS / "abc").write_text("layer")
    (store / SNAPSHOTS / "1" / "fs" / "bin").mkdir(parents=True)
    (store / SNAPSHOTS / "1" / "fs" / "bin" / "tool").write_text("tool")
    link(store, node)
    for database in DATABASES:
        (node / database).write_text("changed")
    (node / SNAPSHOTS / "2").mkdir()
    assert [(store / database).read_text() for database in DATABASES] == ["filled", "filled"]
    assert [entry.name for entry in (store / SNAPSHOTS).iterdir()] == ["1"]
    assert (node / BLOBS / "abc").read_text() == "layer"
    assert (node / SNAPSHOTS / "1" / "fs" / "bin" / "tool").read_text() == "tool"
