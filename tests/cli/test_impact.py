"""`pathcheck impact`: the rules by what hangs on them, and those that could go."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import firewalls
from pathcheck.cli.main import app
from tests.recordings import Raw, entry, recording, rule

ROOT = Path(__file__).parents[2]
GOLDENS = ROOT / "tests" / "goldens"
STORY = ROOT / "docs" / "story" / "before.json"
CHECKS = ROOT / "manifests" / "checks"
GKE_ALL = "gke-august-period-234610-all"


def told(file: Path, checks: Path = CHECKS) -> str:
    """The text."""
    result = CliRunner().invoke(app, ["impact", "--recording", str(file), "-f", str(checks)])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def said(file: Path, checks: Path = CHECKS) -> dict[str, Any]:
    """The same for scripts."""
    result = CliRunner().invoke(app, ["impact", "--recording", str(file), "-f", str(checks), "-o", "json"])
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording that the test writes."""
    return tmp_path / "recording.json"


def written(path: Path, *rules: Raw, **changes: Any) -> Path:
    path.write_text(json.dumps(recording(*rules, **changes)))
    return path


def test_the_story_hangs_on_one_rule() -> None:
    """Six pairs with five protocols; icmp has a rule of its own as well. The others are needed by packets that no check asks about."""
    assert told(STORY).splitlines() == [
        f"      30 flows  {GKE_ALL}: pod-range-coverage (30)",
        "nothing hangs on 5 more, though some packet is predicted otherwise without each of them: default-allow-internal (12),"
        " akrobateo-fw-traefik, default-allow-icmp, default-allow-rdp, default-allow-ssh",
        "  in brackets: of 144 flows between the machines of the recording",
    ]
    assert said(STORY)["rules"][0] == {
        "rule": f"firewall:{GKE_ALL}",
        "flows": 30,
        "checks": {"pod-range-coverage": 30},
        "standing": "needed",
        "by": [],
        "why": "",
        "machineFlows": 24,
    }


def test_rules_that_could_go_are_told_apart(file: Path) -> None:
    """Shadowed, redundant, without machines, without packets, and of which nobody can tell."""
    written(
        file,
        rule("pods", allowed=[entry("all")], sourceRanges=["10.24.0.0/14"]),
        rule("late", priority=1001, sourceRanges=["10.24.12.0/24"]),
        rule("deny", priority=2000, denied=[entry("tcp")]),
        rule("elsewhere", targetTags=["gone"]),
        rule("nobody", sourceRanges=None, sourceTags=["gone"]),
        rule("odd", priority=3000, colour="red"),
        rule("behind", priority=4000),
    )
    assert told(file).splitlines() == [
        "      30 flows  pods: pod-range-coverage (30)",
        "1 is shadowed: what is asked before it decides every packet that it matches",
        "  by pods: late",
        "1 is redundant: it could go, and every packet would come to the same",
        "  implied-deny-ingress would decide instead: deny",
        "1 matches no packet of this recording, where nobody has what it names as the other end: nobody",
        "1 applies to no machine of this recording: elsewhere",
        "? cannot tell whether odd could go: colour: is not known to this version",
        "? cannot tell whether behind could go: firewall:odd cannot be judged",
        "  could not be read: odd: colour: is not known to this version",
    ]


def test_a_cluster_with_two_hundred_rules(tmp_path: Path) -> None:
    """A screen or two: the printed answer is the golden one; `make goldens` renews it."""
    dice = random.Random(200)
    file, checks = tmp_path / "recording.json", tmp_path / "checks.json"
    file.write_text(json.dumps(firewalls.cluster(firewalls.KINDS[0], dice)))
    checks.write_text(json.dumps({"kind": "List", "items": firewalls.checks(50, dice)}))
    out, golden = told(file, checks), GOLDENS / "impact-200.txt"
    if os.environ.get("PATHCHECK_RENEW_GOLDENS"):
        golden.write_text(out)
    assert out == golden.read_text()
