"""`pathcheck predict`: what it prints, its exit codes, and how it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pathcheck import __version__
from pathcheck.cli.main import app
from tests.recordings import Raw, machine, recording, rule

ROOT = Path(__file__).parents[2]
STORY = ROOT / "docs" / "story"
GOLDENS = ROOT / "tests" / "goldens"

QUESTION = ("--from", "10.24.12.40", "--to", "10.24.9.31", "udp/53")


def asked(file: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["predict", "--recording", str(file), *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording that the test may change."""
    return written(tmp_path / "recording.json", recording(rule("a")))


def written(path: Path, body: Raw) -> Path:
    path.write_text(json.dumps(body))
    return path


@pytest.mark.parametrize(
    ("golden", "recorded", "words", "code"),
    [
        ("predict-outage.txt", "outage", QUESTION, 1),
        ("predict-outage.json", "outage", (*QUESTION, "--output", "json"), 1),
        ("predict-before.txt", "before", QUESTION, 0),
        ("predict-node.txt", "outage", ("--from", "10.142.15.206", "--to", "10.24.9.31", "udp/53"), 0),
        ("predict-any-port.txt", "outage", ("--from", "10.24.12.40", "--to", "10.24.9.31@node-1", "tcp"), 3),
    ],
)
def test_the_story(golden: str, recorded: str, words: tuple[str, ...], code: int) -> None:
    """The printed answer is the golden one; `make goldens` renews it."""
    got, out, err = asked(STORY / f"{recorded}.json", *words)
    if os.environ.get("PATHCHECK_RENEW_GOLDENS"):
        (GOLDENS / golden).write_text(out)
    assert (got, out, err) == (code, (GOLDENS / golden).read_text(), "")


@pytest.mark.parametrize("page", ["README.md", "docs/predict.md"])
def test_pages_show_what_is_printed(page: str) -> None:
    """Whoever types what stands there sees what stands below."""
    assert f"```\n{(GOLDENS / 'predict-outage.txt').read_text()}```\n" in (ROOT / page).read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "10.24.12", "--to", "10.24.9.31", "udp/53"), "--from: '10.24.12' is not an IP address"),
        (
            ("--from", "10.24.12.40", "--to", "10.24.9.31@node-9", "udp/53"),
            "--to: the recording has no instance 'node-9'; it has node-1, node-2, node-3",
        ),
        (
            ("--from", "10.24.12.40", "--to", "fd00::1", "udp/53"),
            "--from, --to: 10.24.12.40 and fd00::1 are of different families",
        ),
        ((*QUESTION[:-1], "udp/99999"), "PROTOCOL[/PORT]: port '99999' is not within 0-65535"),
        ((*QUESTION[:-1], "icmp/8"), "PROTOCOL[/PORT]: icmp has no ports"),
        (
            (*QUESTION[:-1], "dns"),
            "PROTOCOL[/PORT]: 'dns' is neither one of icmp, ipip, tcp, udp, gre, esp, ah, icmpv6, sctp nor a number up to 255",
        ),
    ],
)
def test_a_question_that_cannot_be_read(file: Path, words: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one line that names the option."""
    assert asked(file, *words) == (2, "", f"pathcheck predict: {message}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "{file} is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "{file} is not a JSON object"),
        ('{"format": "x"}', "{file}: format: is 'x', expected 'pathcheck-recording/1'"),
    ],
)
def test_a_file_that_is_no_recording(tmp_path: Path, content: str, message: str) -> None:
    """Exit code 2 and one line that names the file and the field."""
    file = tmp_path / "recording.json"
    file.write_text(content)
    assert asked(file, *QUESTION) == (2, "", f"pathcheck predict: --recording: {message.format(file=file)}\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Exit code 2 and the system's words."""
    file = tmp_path / "nowhere.json"
    assert asked(file, *QUESTION) == (2, "", f"pathcheck predict: --recording: {file}: No such file or directory\n")


def test_an_address_of_two_machines_is_asked_back(tmp_path: Path) -> None:
    """Which machine is meant is never guessed."""
    twin = machine("twin", "10.142.15.205")
    file = written(tmp_path / "r.json", recording(instances=[*recording()["instances"], twin]))
    code, out, err = asked(file, "--from", "10.24.12.40", "--to", "10.142.15.205", "udp/53")
    expected = "--to: 10.142.15.205 is delivered to node-1 and twin; write 10.142.15.205@INSTANCE"
    assert (code, out, err) == (2, "", f"pathcheck predict: {expected}\n")


def test_an_address_of_no_machine_is_a_peer_outside(file: Path) -> None:
    """It has no rules of its own; the other side's decide."""
    code, out, _ = asked(file, "--from", "203.0.113.9", "--to", "10.24.9.31", "udp/53")
    assert (code, out.splitlines()[0]) == (0, "● permitted  203.0.113.9 → 10.24.9.31@node-1 udp/53")


def test_a_destination_of_no_machine_is_only_half_an_answer(file: Path) -> None:
    """A Service's virtual address, or a machine that was forgotten, is not told to be reached."""
    code, out, _ = asked(file, "--from", "10.24.12.40", "--to", "10.27.240.10", "udp/53")
    assert (code, out.splitlines()) == (
        0,
        [
            "● permitted  10.24.12.40@node-2 → 10.27.240.10 udp/53",
            "  permitted by implied-allow-egress; no recorded machine has 10.27.240.10, only the sender's rules were asked",
        ],
    )


def test_what_could_not_be_read_is_said(tmp_path: Path) -> None:
    """Beside the answer stands which rule could not be read, by its field."""
    file = written(tmp_path / "r.json", recording(rule("a", priority="high")))
    code, out, _ = asked(file, *QUESTION)
    assert code == 3
    assert "  could not be read: a: priority: 'high' is not within 0-65535\n" in out


def test_every_rule_that_was_asked(file: Path) -> None:
    """With --explain the rules are listed in the order in which they were asked, for people and for scripts."""
    _, out, _ = asked(file, *QUESTION, "--explain")
    assert out.splitlines()[-4:] == [
        "",
        "  asked, in this order:",
        "    egress   yes    implied-allow-egress  no rule denies it",
        "    ingress  yes    firewall:a            admits it",
    ]
    _, out, _ = asked(file, *QUESTION, "--explain", "--output", "json")
    assert [(step["direction"], step["rule"], step["matched"]) for step in json.loads(out)["trace"]] == [
        ("egress", "implied-allow-egress", "yes"),
        ("ingress", "firewall:a", "yes"),
    ]


def test_where_no_rule_was_asked(file: Path) -> None:
    """An empty list would look like one that was forgotten."""
    _, out, _ = asked(file, "--from", "10.24.12.40", "--to", "10.24.12.41", "udp/53", "--explain")
    assert out.splitlines()[-2:] == ["  asked, in this order:", "    no rule at all"]


def test_the_version() -> None:
    """The one in the package."""
    assert CliRunner().invoke(app, ["--version"]).stdout == f"pathcheck {__version__}\n"


def test_nothing_heavy_is_imported() -> None:
    """An offline answer waits for neither Kubernetes' nor Google's clients, nor for what it does not print with."""
    code = (
        "import sys; from pathcheck.cli.main import app; import pathcheck.cli.predict, pathcheck.cli.flows, pathcheck.cli.signature;"
        "print(sorted({'kopf', 'google', 'kubernetes', 'aiohttp', 'structlog', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_documentation_shows_what_is_printed() -> None:
    """docs/predict.md has the golden answer, word for word."""
    assert (GOLDENS / "predict-outage.txt").read_text() in (ROOT / "docs" / "predict.md").read_text()


def test_a_lost_route_is_in_the_way_of_what_is_permitted(file: Path) -> None:
    """The prediction is the firewall's; that no route leads there is told beside it, to people and to scripts."""
    written(file, recording(rule("a"), routes=[]))
    question = ("--from", "10.142.15.206", "--to", "10.24.9.31@node-1", "udp/53")
    code, out, _ = asked(file, *question)
    sentence = "packets to 10.24.9.31/32 do not reach node-1: no route and no alias range delivers them there"
    assert (code, f"in the way, all of it:\n    route: {sentence}\n" in out) == (0, True)
    code, out, _ = asked(file, *question, "--output", "json")
    assert (code, json.loads(out)["obstacles"]) == (
        0,
        [{"name": "route:missing:10.24.9.31/32", "stage": "route", "direction": "ingress", "sentence": sentence}],
    )
