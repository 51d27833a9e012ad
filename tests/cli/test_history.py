"""`pathcheck history` and `pathcheck diff`: what became of the firewall, kept in a cluster or in two recordings."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from pathcheck.cli.main import app
from pathcheck.core.changes.differ import differ
from pathcheck.core.checks.recount import summary, who
from pathcheck.model.drift import Affected, Attribution, Entry, FirewallChange
from pathcheck.wire.firewall_changes import manifest_of
from pathcheck.wire.firewall_rules import firewall_of
from tests.builders import seconds

ROOT = Path(__file__).parents[2]
BEFORE, AFTER = ROOT / "docs/story/before.json", ROOT / "docs/story/outage.json"
PAGE = (ROOT / "docs" / "history.md").read_text()
AGENT = "google-cloud-sdk gcloud/528.0.0 command/gcloud.compute.firewall-rules.delete"


def shown_on_the_page(name: str) -> list[str]:
    """The lines of a block that a page claims to be printed."""
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)```\n<!-- /{name} -->", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1).splitlines()


def the_deletion() -> FirewallChange:
    """The story's, with its author."""
    before, after = (firewall_of(json.loads(path.read_text())) for path in (BEFORE, AFTER))
    difference = differ(before, after)
    (edit,) = difference.edits
    call = Entry("1", seconds(3), "dana@example.com", "v1.compute.firewalls.delete", edit.resource, "gcloud", AGENT)
    return FirewallChange(
        1,
        before.revision,
        after.revision,
        seconds(0),
        seconds(5),
        replace(difference, edits=(replace(edit, by=(call,)),)),
        (Affected("pod-range-coverage", 30, 0), Affected("kube-dns", 4, 0)),
        Attribution.COMPLETE,
    )


def listed(tmp_path: Path, *changes: FirewallChange) -> Path:
    """As kubectl prints them."""
    items = [manifest_of(change, "pathcheck-system", who(change), summary(change)) for change in changes]
    file = tmp_path / "changes.json"
    file.write_text(json.dumps({"kind": "List", "items": items}))
    return file


def run(*words: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output.splitlines()


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """docs/history.md, and README.md, have the story's change as `pathcheck history` tells it, and the same of its two recordings."""
    assert run("history", "-f", str(listed(tmp_path, the_deletion()))) == (0, shown_on_the_page("history"))
    assert run("diff", str(BEFORE), str(AFTER)) == (1, shown_on_the_page("diff"))
    assert "\n".join(f"    {line}" for line in shown_on_the_page("history")) in (ROOT / "README.md").read_text()


def test_the_latest_is_first_and_one_checks_history_is_its_own(tmp_path: Path) -> None:
    """A change that does not flip it is not told."""
    change = the_deletion()
    other = replace(change, number=2, noticed=seconds(60), affected=(Affected("web", 0, 1),))
    file = str(listed(tmp_path, change, other))
    said = json.loads(CliRunner().invoke(app, ["history", "-f", file, "-o", "json"]).output)
    assert [c["number"] for c in said["changes"]] == [2, 1]
    assert [line for line in run("history", "web", "-f", file)[1] if "flips" in line] == [
        "  flips flows of web (1 as expected again), by the rules"
    ]
    assert run("history", "nobody", "-f", file) == (0, ["no change of the firewall is known that flips nobody"])


def test_scripts_are_told_everything(tmp_path: Path) -> None:
    """Names and values as the page promises them."""
    said = json.loads(
        CliRunner().invoke(app, ["history", "-f", str(listed(tmp_path, the_deletion())), "-o", "json"]).output
    )
    (change,) = said["changes"]
    (edit,) = change["edits"]
    assert edit["by"] == [
        {
            "principal": "dana@example.com",
            "time": "2026-01-26T12:00:03+00:00",
            "method": "v1.compute.firewalls.delete",
            "tool": "gcloud",
            "agent": AGENT,
        }
    ]
    kept = {key: change[key] for key in ("number", "noticed", "notBefore", "who", "attribution", "checks")}
    assert kept == {
        "number": 1,
        "noticed": "2026-01-26T12:00:05+00:00",
        "notBefore": "2026-01-26T12:00:00+00:00",
        "who": "dana@example.com",
        "attribution": "Complete",
        "checks": [
            {"name": "pod-range-coverage", "worse": 30, "better": 0},
            {"name": "kube-dns", "worse": 4, "better": 0},
        ],
    }


def test_nobody_known_is_said_with_the_reason(tmp_path: Path) -> None:
    """In the head of the change, and why in its last line."""
    change = the_deletion()
    edits = tuple(replace(edit, by=()) for edit in change.difference.edits)
    missing = replace(
        change,
        difference=replace(change.difference, edits=edits),
        attribution=Attribution.MISSING,
        why="the audit log has no entry for it, 15 minutes later",
    )
    lines = run("history", "-f", str(listed(tmp_path, missing)))[1]
    assert (lines[0], lines[-1]) == (
        "1  2026-01-26 12:00:05 UTC  by whom is not known",
        "  the audit log has no entry for it, 15 minutes later",
    )


def test_what_cannot_be_read_is_said_beside_what_can(tmp_path: Path) -> None:
    """One object that a newer version wrote does not hide the others."""
    file = listed(tmp_path, the_deletion())
    body: dict[str, Any] = json.loads(file.read_text())
    body["items"].append({"kind": "FirewallChange", "metadata": {"name": "000002-x"}, "number": 2})
    file.write_text(json.dumps(body))
    code, lines = run("history", "-f", str(file))
    assert (code, lines[0][:1], lines[-1].startswith("could not be read: 000002-x")) == (0, "1", True)


def test_without_file_and_cluster_it_is_a_question_that_cannot_be_answered(tmp_path: Path, monkeypatch: Any) -> None:
    """The kubeconfig is named, and the way out."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    code, lines = run("history")
    assert (code, lines[0].startswith("pathcheck history: no usable kubeconfig: ")) == (2, True)
    assert lines[0].endswith("; or say --filename FILE")


def test_two_recordings_of_one_firewall_do_not_differ() -> None:
    """Nothing is printed but that."""
    assert run("diff", str(BEFORE), str(BEFORE)) == (0, ["nothing differs that decides packets"])


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    """By its place in the command."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    expected = f"pathcheck diff: AFTER: {wrong}: format: is None, expected 'pathcheck-recording/1'"
    assert run("diff", str(BEFORE), str(wrong)) == (2, [expected])
