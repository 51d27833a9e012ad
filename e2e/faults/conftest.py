"""The story's three PathChecks, green before each fault, and a truth that is held against everything published meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import compute, install
from e2e.faults.levers import EMULATOR, call
from e2e.truth import Truth
from e2e.watching import Watch, is_true

NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")


@pytest.fixture(scope="package")
def installed(lab: dict[str, str]) -> dict[str, str]:
    """PathCheck on the lab; the environment of its shell."""
    compute.restore_story()
    install.install()
    return lab


@pytest.fixture
def watch(installed: dict[str, str]) -> Iterator[Watch]:
    """All PathChecks as they change, the story's three True to begin with; the story's rules, and nobody's faults, at the end."""
    with Watch(installed) as watch:
        install.apply_examples()
        for name in NAMES:
            watch.wait_for(name, "True", is_true, within=60)
        yield watch
    call("DELETE", f"{EMULATOR}/lab/faults")
    compute.restore_story()


@pytest.fixture
def truth(watch: Watch) -> Iterator[Truth]:
    """Whatever the test does, no wrong verdict was published meanwhile."""
    truth = Truth(watch, NAMES)
    yield truth
    assert truth.lies() == []
