"""What the tests of the probe share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pathcheck.probe.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A real one, whose sockets are closed at the end."""
    loop = Loop()
    yield loop
    loop.end()
