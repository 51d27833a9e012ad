"""One lab for all tests that need a cluster; the tests of the lab itself bring it up and down on their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from e2e import install


@pytest.fixture(scope="session")
def lab() -> Iterator[dict[str, str]]:
    """A usable cluster and the environment of `make lab-shell`; removed when the last test is done."""
    # From nothing: a lab that somebody played with holds other rules, other checks and older images.
    for verb in ("down", "up"):
        subprocess.run([sys.executable, "-m", "e2e.lab", verb], cwd=install.ROOT, check=True)
    yield install.environment()
    subprocess.run([sys.executable, "-m", "e2e.lab", "down"], cwd=install.ROOT, check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that share the lab come last: those of the lab itself take it down."""
    items.sort(key=lambda item: "lab" in getattr(item, "fixturenames", ()))
