"""`pathcheck signature`: what it prints, its exit codes, and how it refuses."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pathcheck.cli.main import app
from tests.recordings import entry, machine, recording, rule

ROOT = Path(__file__).parents[2]
STORY = ROOT / "docs" / "story"
OBSERVED = ("--reached", "icmp,tcp/80,tcp/443", "--silent", "udp/53,tcp/53")
PODS = ("--from", "10.24.12.40", "--to", "10.24.9.31")
BEFORE = ("--recording", str(STORY / "before.json"))
PROBES = ("--probes", str(STORY / "probes.json"))


def typed(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["signature", *words])
    return result.exit_code, result.stdout, result.stderr


def as_object(*words: str) -> dict[str, Any]:
    code, out, _ = typed(*words, "--output", "json")
    return {"code": code, **json.loads(out)}


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types what stands there sees what stands below."""
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "signature.md").read_text()
    shown = re.findall(r"^    pathcheck (signature [^\n]*)\n\n```\n(.*?)```$", page, re.MULTILINE | re.DOTALL)
    assert len(shown) == 4
    for words, printed in shown:
        assert typed(*shlex.split(words)[1:]) == (0, printed, "")


def test_the_operators_sentence_is_that_of_the_story() -> None:
    """The page's quotation is what tests/stories/signature.yaml expects."""
    page = (ROOT / "docs" / "signature.md").read_text()
    quoted = " ".join(line.removeprefix("> ") for line in page.splitlines() if line.startswith("> "))
    assert quoted in (ROOT / "tests" / "stories" / "signature.yaml").read_text()


def test_the_storys_signature_for_scripts() -> None:
    """Every name that the page promises."""
    assert as_object(*OBSERVED, *PODS, *BEFORE) == {
        "code": 0,
        "crossing": ["icmp", "tcp/80", "tcp/443"],
        "silent": ["tcp/53", "udp/53"],
        "mixed": [],
        "explained": True,
        "causes": [{"allows": [["firewall:akrobateo-fw-traefik"], ["firewall:default-allow-icmp"]], "denies": []}],
        "moreCauses": 0,
        "complete": True,
        "smallest": True,
        "unexplained": [],
        "notInForce": ["firewall:gke-august-period-234610-all"],
        "noPodRule": True,
        "perhapsNotInForce": [],
        "candidates": ["firewall:akrobateo-fw-traefik", "firewall:default-allow-icmp"],
        "cannotJudge": [],
        "wouldTellApart": [],
        "rules": "recording",
        "sentence": "only icmp, tcp/80, tcp/443 cross from 10.24.12.40@node-2 to 10.24.9.31@node-1: exactly what akrobateo-fw-traefik "
        "and default-allow-icmp admit; gke-august-period-234610-all is not in force: it would admit tcp/53, udp/53 as well",
        "problems": [],
    }


def test_lists_are_read_by_comma_and_by_repetition() -> None:
    """In any order, each once."""
    words = ("--silent", "tcp/53", "--reached", "tcp/443", "--reached", "icmp, tcp/80", "--silent", "udp/53,tcp/53")
    assert typed(*words) == typed(*OBSERVED)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--reached", "icmp,udp/53"), 0),
        (("--silent", "icmp,udp/53"), 1),
        (("--reached", "tcp/9000", "--silent", "udp/53", *PODS, *BEFORE), 1),
        (OBSERVED, 0),
    ],
)
def test_exit_codes(words: tuple[str, ...], code: int) -> None:
    """Explained or nothing to explain; not explained or nothing crosses."""
    assert typed(*words)[0] == code


def test_what_the_probes_saw_for_scripts() -> None:
    """One object for each pattern, with the pairs of nodes that have it."""
    answer = as_object(*PROBES, *BEFORE)
    (pattern,) = answer["patterns"]
    assert [f"{p['from']} {p['to']}" for p in pattern["paths"]] == [
        f"node-{a} node-{b}" for a in (1, 2, 3) for b in (1, 2, 3) if a != b
    ]
    assert (answer["code"], answer["untold"], pattern["notInForce"]) == (
        0,
        {},
        ["firewall:gke-august-period-234610-all"],
    )
    assert (pattern["crossing"], pattern["silent"]) == (["icmp", "tcp/80", "tcp/443"], ["tcp/53", "udp/53"])


def probes(path: Path, **changes: Any) -> tuple[str, str]:
    """The story's probes, node-3's changed."""
    listed = json.loads((STORY / "probes.json").read_text())
    listed["items"][2]["status"] |= changes
    path.write_text(json.dumps(listed))
    return "--probes", str(path)


def test_a_probe_that_stopped_reporting_tells_nothing(tmp_path: Path) -> None:
    """Neither what it saw counts, nor silence towards it, which it can no longer prove; what it answered before does."""
    words = probes(tmp_path / "p.json", time="2026-01-26T11:50:00Z")
    code, out, _ = typed(*words, *BEFORE)
    lines = out.splitlines()
    assert (code, lines[-1]) == (0, "? node-3: no result of its probe that counts is about another node's pods")
    assert lines[0].startswith("only icmp, tcp/80, tcp/443 cross on node-1 → node-2, node-2 → node-1: exactly what")
    assert (
        "everything that was tried crosses on node-1 → node-3, node-2 → node-3 (icmp, tcp/80, tcp/443): nothing is to be explained"
        in lines
    )


def test_one_probe_alone_tells_nothing(tmp_path: Path) -> None:
    """Whom it dialled nobody knows."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps(json.loads((STORY / "probes.json").read_text())["items"][0]))
    assert typed("--probes", str(path)) == (
        1,
        "? node-1: no result of its probe that counts is about another node's pods\n",
        "",
    )


def test_what_could_not_be_read_is_said(tmp_path: Path) -> None:
    """Beside the answer stands which rule could not be read, by its field."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(recording(rule("a", priority="high", allowed=[entry("all")]))))
    code, out, _ = typed(*OBSERVED, *PODS, "--recording", str(path))
    assert code == 1
    assert "firewall rule a may, but cannot be judged" in out
    assert "  could not be read: a: priority: 'high' is not within 0-65535\n" in out


def test_of_several_networks_one_must_be_meant(tmp_path: Path) -> None:
    """Rules of another network explain nothing."""
    path = tmp_path / "r.json"
    far = machine("far", "10.9.0.1")
    far["networkInterfaces"][0]["network"] = far["networkInterfaces"][0]["network"].replace("default", "far")
    path.write_text(json.dumps(recording(rule("a"), instances=[machine("node-1", "10.142.15.205"), far])))
    assert typed(*OBSERVED, "--recording", str(path)) == (
        2,
        "",
        "pathcheck signature: --to: is needed, for the recording has the networks default, far\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--reached, --silent: say what was tried; or say what the probes saw with --probes"),
        (("--reached", "icmp", "--silent", "icmp"), "--reached, --silent: icmp cannot be both"),
        (("--reached", "icmp", "--silent", "tcp"), "--silent: tcp needs the port that was tried, as in tcp/80"),
        (
            ("--reached", "icmp,", "--silent", "udp/53"),
            "--reached: '' is neither one of icmp, ipip, tcp, udp, gre, esp, ah, icmpv6, sctp nor a number up to 255",
        ),
        (("--reached", "icmp", "--silent", "udp/99999"), "--silent: port '99999' is not within 0-65535"),
        (
            (*PROBES, *PODS),
            "--probes: stands in the place of --reached, --silent, --from, --to; --from, --to is given as well",
        ),
        ((*OBSERVED, "--from", "10.24.12.40@node-2"), "--from: @INSTANCE needs a --recording that has it"),
        (
            (*OBSERVED, *BEFORE, "--to", "10.27.240.10"),
            "--to: no recorded machine has 10.27.240.10, so that no rules are known of it",
        ),
        (
            (*OBSERVED, *BEFORE, "--from", "10.24.9.32", "--to", "10.24.9.31"),
            "--from, --to: both are on node-1: no firewall is between them",
        ),
        (
            (*OBSERVED, "--from", "10.24.9.32", "--to", "fd00::1"),
            "--from, --to: 10.24.9.32 and fd00::1 are of different families",
        ),
        (
            (*OBSERVED, *BEFORE, "--from", "10.24.12.40@node-9"),
            "--from: the recording has no instance 'node-9'; it has node-1, node-2, node-3",
        ),
    ],
)
def test_a_question_that_cannot_be_read(words: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one line that names the option."""
    assert typed(*words) == (2, "", f"pathcheck signature: {message}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "is not a JSON object"),
        ("{}", "items: must be a list, as of kubectl get pathprobes -o json"),
        ('{"items": []}', "no PathProbe has a report"),
        ('{"items": [7]}', "items[0] is no PathProbe"),
        ('{"items": [{"kind": "Pod"}]}', "items[0] is no PathProbe"),
        ('{"items": [{"kind": "PathProbe"}]}', "items[0] is no PathProbe: KeyError('metadata')"),
        (
            '{"items": [{"kind": "PathProbe", "metadata": {"name": "a", "uid": "u"}, "spec": {"dials": 7}}]}',
            "items[0]: spec.dials: Input should be a valid list",
        ),
        ('{"kind": "PathProbe", "metadata": {"name": "a", "uid": "u"}, "spec": {}}', "no PathProbe has a report"),
    ],
)
def test_a_file_without_reports(content: str, message: str, tmp_path: Path) -> None:
    """Exit code 2 and one line that names the file and the field."""
    path = tmp_path / "probes.json"
    path.write_text(content)
    code, out, err = typed("--probes", str(path))
    assert (code, out) == (2, "")
    assert err.startswith(f"pathcheck signature: --probes: {path}")
    assert err.rstrip().removeprefix(f"pathcheck signature: --probes: {path}").removeprefix(":").strip() == message
