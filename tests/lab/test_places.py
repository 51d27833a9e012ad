"""The cache: made once, per content, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.lab.places import cache_root, cached, content_key, tree_parts, write


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_something_cached_is_made_once() -> None:
    """The second asking for the same key finds what the first made."""
    made = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "file").write_text("content")

    first, second = cached("thing", "1", make), cached("thing", "1", make)
    assert first == second == cache_root() / "thing-1"
    assert (first / "file").read_text() == "content"
    assert len(made) == 1


def test_what_could_not_be_made_leaves_nothing() -> None:
    """A build that fails half way is not taken for a whole one, and leaves no files."""

    def fail(place: Path) -> None:
        (place / "half").write_text("")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cached("thing", "1", fail)
    assert list(cache_root().iterdir()) == []


def test_a_key_changes_with_names_contents_and_modes(tmp_path: Path) -> None:
    """Renaming, changing or making executable changes the key; moving the whole tree does not."""

    def key(root: Path) -> str:
        return content_key(tree_parts(root, list(root.iterdir())))

    roots = [tmp_path / name for name in ("same", "moved", "renamed", "changed", "executable")]
    for root in roots:
        root.mkdir()
        (root / ("other.go" if root.name == "renamed" else "main.go")).write_text(
            "package x" if root.name == "changed" else "package main"
        )
    (roots[4] / "main.go").chmod(0o755)
    same, moved, *others = (key(root) for root in roots)
    assert same == moved
    assert len({same, *others}) == 4


def test_the_borders_of_parts_count() -> None:
    """Two lists of parts that are the same when strung together have different keys."""
    assert content_key(["ab", "c"]) != content_key(["a", "bc"])


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    """A file has its mode whatever it was before."""
    place = tmp_path / "pki" / "ca.key"
    write(place, "public")
    write(place, "secret", 0o600)
    assert (place.read_text(), oct(place.stat().st_mode & 0o777)) == ("secret", "0o600")
