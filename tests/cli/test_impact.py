"""`pathcheck impact`: the rules by what hangs on them."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pathcheck.cli.main import app

ROOT = Path(__file__).parents[2]
WORDS = ["impact", "--recording", str(ROOT / "docs/story/before.json"), "-f", str(ROOT / "manifests/checks")]


def test_the_story_hangs_on_one_rule() -> None:
    """Six pairs with five protocols; icmp has a rule of its own as well."""
    result = CliRunner().invoke(app, WORDS)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "      30 flows  gke-august-period-234610-all: pod-range-coverage (30)",
            "nothing hangs on akrobateo-fw-traefik, default-allow-icmp, default-allow-internal, default-allow-rdp, default-allow-ssh",
        ],
    )
    said = json.loads(CliRunner().invoke(app, [*WORDS, "-o", "json"]).stdout)
    assert said["rules"][0] == {
        "rule": "firewall:gke-august-period-234610-all",
        "flows": 30,
        "checks": {"pod-range-coverage": 30},
    }
