"""Names become numbered words that sort as the names do."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.wire.numbered_names import STAY, numbered

kinds = st.sampled_from([*STAY, "project", "instance"])
texts = st.text(min_size=1, max_size=12) | st.from_regex(r"(default|gke|http)-[a-z0-9-]{0,12}", fullmatch=True)


@given(kinds, st.lists(texts, max_size=12), st.data())
def test_words_sort_as_the_names_do(kind: str, names: list[str], data: st.DataObject) -> None:
    """Google's own stay, printable ones stay printable, and between all of them the order is the same."""
    names += data.draw(st.lists(st.sampled_from(sorted(STAY.get(kind, {"x"}))), max_size=8))
    found = numbered(kind, names)
    printable = sorted(name for name in found if name.isprintable())
    assert [found[name] for name in printable] == sorted(found[name] for name in printable)
    assert len(set(found.values())) == len(found) == len(set(names))
    assert all(word.isprintable() == name.isprintable() for name, word in found.items())
    assert all(found[name] == name for name in STAY.get(kind, frozenset()) & found.keys())


@given(kinds, st.sets(texts, max_size=12))
def test_words_of_words_are_the_same_words(kind: str, names: set[str]) -> None:
    """Whatever was scrubbed once is not renamed again."""
    words = set(numbered(kind, names).values())
    assert numbered(kind, words) == {word: word for word in words}


@pytest.mark.parametrize("kind", STAY)
def test_there_is_a_word_for_every_gap_between_googles_own(kind: str) -> None:
    """Before, between and behind any two of them."""
    for before, after in combinations(sorted(STAY[kind]), 2):
        names = ["", before, f"{before} ", after, f"{after} "]
        found = [numbered(kind, names)[name] for name in names]
        assert found == sorted(found)


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("rule", "gke-my-cluster-1a2b3c4d-all", "rule-1-gke-all"),
        ("rule", "gke-my-cluster-1a2b3c4d-exkubelet", "rule-1-gke-exkubelet"),
        ("rule", "gke-august-period-234610-all", "rule-1-gke-all"),
        ("rule", "gke-my-cluster-1a2b3c4d-mine", "rule-1"),
        ("rule", "k8s-fw-a5f2c", "rule-1-k8s-fw"),
        ("rule", "k8s-fw-l7--9d8e7f6a", "rule-1-k8s-fw-l7"),
        ("rule", "k8s-9d8e7f6a-node-http-hc", "rule-1-k8s-node-http-hc"),
        ("rule", "k8s2-9d8e7f6a-shop-front-x1", "rule-1-k8s2"),
        ("rule", "default-allow-ssh", "default-allow-ssh"),
        ("rule", "default-allow-sshd", "rule-1"),
        ("tag", "gke-my-cluster-1a2b3c4d-node", "tag-1-gke-node"),
        ("tag", "http-server", "http-server"),
        ("account", "123456789012-compute@developer.gserviceaccount.com", "account-1-default-compute"),
        ("account", "me@example.com", "account-1"),
        ("number", "123456789012", "1"),
    ],
)
def test_a_name_tells_what_it_is_and_not_whose(kind: str, name: str, word: str) -> None:
    """Of the names that Google makes the telling end is kept."""
    assert numbered(kind, [name]) == {name: word}


def test_numbers_are_as_wide_as_the_last() -> None:
    """So that 2 stands before 10."""
    found = numbered("tag", [f"t{number:02}" for number in range(12)])
    assert [found["t00"], found["t11"]] == ["tag-01", "tag-12"]
