"""crds/ is what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathcheck.wire.crds import DEFINITIONS, text

CRDS = Path(__file__).parents[2] / "crds"


@pytest.mark.parametrize("plural", sorted(DEFINITIONS))
def test_committed(plural: str) -> None:
    """The committed definition equals the generated one; `make crds` renews it."""
    assert (CRDS / f"{plural}.yaml").read_text() == text(plural)


def test_nothing_else() -> None:
    """No definition lies there that no model stands behind."""
    assert {p.stem for p in CRDS.glob("*.yaml")} - {"kustomization"} == set(DEFINITIONS)
