"""`pathcheck record` with the real reader as a child process and the lab's emulator on loopback; and `pathcheck scrub`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from e2e.lab.cloud.api import Api
from e2e.lab.cloud.enforce import Nothing
from e2e.lab.cloud.faults import Faults
from e2e.lab.cloud.journal import Journal
from e2e.lab.cloud.server import Emulator, Listener, listening_socket
from e2e.network_of import ask
from pathcheck.cli.flows import answers
from pathcheck.cli.main import app
from pathcheck.cli.record import NotRead, read_live
from pathcheck.wire.firewall_rules import firewall_of
from tests.lab.cloud.seeds import PROJECT, instance, recording

ROOT = Path(__file__).parents[2]
STORY = ROOT / "docs" / "story"
FAKE = ROOT / "tests" / "shell" / "fake_reader.py"
SEED = recording()
# One more region: a whole project is read in each of its networks and regions.
SEED["instances"].append(instance("far-away", "10.132.0.9", zone="europe-west1-b"))


def run(*words: object, given: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], input=given)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the emulator with the seed, enforcing nothing."""
    journal = Journal(tmp_path_factory.mktemp("journal"))
    listener = Listener(
        "cloud", listening_socket("127.0.0.1", 0), Emulator(Api(SEED, Nothing()), Faults(), journal), side_door=True
    )
    listener.start()
    yield listener.url.removeprefix("http://")
    listener.shutdown()
    listener.server_close()
    journal.close()


@pytest.fixture(autouse=True)
def endpoint(cloud: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The reader is told by its environment; faults are gone afterwards."""
    monkeypatch.setenv("PATHCHECK_COMPUTE_ENDPOINT", f"http://{cloud}")
    # A proxy of the machine's cannot reach its loopback.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield cloud
    ask(cloud, "DELETE", "/lab/faults")


def nodes_in(path: Path, *machines: str) -> Path:
    """What kubectl says of nodes on these machines (PROJECT/ZONE/NAME, or nothing of Google's)."""
    items = [
        {
            "kind": "Node",
            "metadata": {"name": f"node-{number}"},
            "spec": {"providerID": f"gce://{m}" if "/" in m else m},
        }
        for number, m in enumerate(machines)
    ]
    path.write_text(json.dumps({"kind": "List", "items": items}))
    return path


def scopes(recording: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["network"], entry["region"]) for entry in recording["effectiveFirewalls"]]


def test_a_whole_project(tmp_path: Path) -> None:
    """Every list, and the effective firewalls of each network and region in which there is a machine; twice it is the same text."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert run("record", "--project", PROJECT, "--output", first) == (0, "", "")
    assert run("record", "--project", PROJECT, "-o", second) == (0, "", "")
    recorded = json.loads(first.read_text())
    assert scopes(recorded) == [("default", "europe-west1"), ("default", "us-east1"), ("other", "us-east1")]
    assert [m["name"] for m in recorded["instances"]] == ["bastion", "far-away", "node-1", "node-2"]
    assert [r["name"] for r in recorded["firewalls"]] == sorted(r["name"] for r in SEED["firewalls"])
    assert first.read_text() == second.read_text()
    assert first.read_text().startswith(f'{{\n "format": "pathcheck-recording/1",\n "project": "{PROJECT}",\n')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.json", "second.json"]


def test_what_matters_to_nodes(tmp_path: Path) -> None:
    """Their project, and their machines' networks and regions; nodes that are elsewhere are passed over and counted."""
    here = f"{PROJECT}/us-east1-b/node-1"
    nodes = nodes_in(tmp_path / "nodes.json", here, here.replace("-b/node-1", "-c/node-2"), "kind://docker/x")
    code, out, err = run("record", "--nodes", "-", given=nodes.read_text())
    assert (code, err) == (0, f"pathcheck record: 1 of 3 nodes are no machines of project {PROJECT}: passed over\n")
    assert scopes(json.loads(out)) == [("default", "us-east1")]


def test_scrubbed_at_once() -> None:
    """Nothing else is ever written; it is read as well as the project's own."""
    code, out, err = run("record", "--project", PROJECT, "--scrub")
    assert (code, err) == (0, "")
    assert not [word for word in ("august", "period", "akrobateo", "bastion", "234610", "@") if word in out]
    firewall = firewall_of(json.loads(out))
    assert ([m.name for m in firewall.instances], firewall.problems) == ([f"instance-{n}" for n in (1, 2, 3, 4)], ())


def test_what_can_be_done_without(endpoint: str) -> None:
    """It is recorded that it could not be read, and said with the missing permission."""
    ask(endpoint, "POST", "/lab/faults", {"answer": 403, "permission": "compute.routes.list"})
    code, out, err = run("record", "--project", PROJECT)
    why = f"Required 'compute.routes.list' permission for 'projects/{PROJECT}'"
    assert (code, err) == (0, f"pathcheck record: routes: could not be read: {why}\n")
    assert json.loads(out)["unavailable"] == {"routes": why}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            {"answer": 403, "permission": "compute.instances.list"},
            f"Required 'compute.instances.list' permission for 'projects/{PROJECT}'",
        ),
        (
            {"answer": 403},
            "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute'"
            " (the quota is one of each minute)",
        ),
    ],
)
def test_nothing_without_it(endpoint: str, fault: dict[str, Any], why: str, tmp_path: Path) -> None:
    """One line, exit code 1, and the file that was there is what it was."""
    file = tmp_path / "r.json"
    file.write_text("older")
    ask(endpoint, "POST", "/lab/faults", fault)
    said = (1, "", f"pathcheck record: project {PROJECT}: {why}\n")
    assert run("record", "--project", PROJECT, "-o", file) == said
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("r.json", "older")]


def test_a_file_behind_a_link_is_replaced(tmp_path: Path) -> None:
    """The link stays one."""
    (tmp_path / "real.json").write_text("older")
    (tmp_path / "link.json").symlink_to("real.json")
    assert run("scrub", "--recording", STORY / "outage.json", "-o", tmp_path / "link.json") == (0, "", "")
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["project"] == "project-1"


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (".", "is no file; - is standard output"),
        ("/dev/null", "is no file; - is standard output"),
        ("missing/r.json", "No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_asked(output: str, why: str, endpoint: str) -> None:
    """Exit code 2, and no request has come."""
    before = ask(endpoint, "GET", "/lab/requests")
    assert run("record", "--project", PROJECT, "-o", output) == (
        2,
        "",
        f"pathcheck record: --output: {output}: {why}\n",
    )
    assert ask(endpoint, "GET", "/lab/requests") == before


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"die": 3}, "the reader ended with code 3"),
        ({"garbage": "hello"}, "the reader's answer has neither a recording nor an error"),
        ({"say": {"neither": 1}}, "the reader's answer has neither a recording nor an error"),
        ({"say": {"error": {"kind": "invalid", "why": "no such project"}}}, "project p: no such project"),
        (
            {"say": {"error": {"kind": "forbidden", "why": "no", "permission": "a.b"}}},
            "project p: no .missing permission a.b.",
        ),
    ],
)
def test_a_reader_that_does_not_answer(line: dict[str, Any], why: str, tmp_path: Path) -> None:
    """It is told as what it is."""
    script = tmp_path / "script"
    script.write_text(json.dumps(line))
    with pytest.raises(NotRead, match=f"^{why}$"):
        read_live({"project": "p"}, (sys.executable, str(FAKE), str(script)))


def test_a_reader_that_is_not_there() -> None:
    """So is this."""
    with pytest.raises(NotRead, match=r"^the reader does not start: No such file or directory$"):
        read_live({"project": "p"}, ("/nowhere/python",))


def test_a_program_in_the_users_directory_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is called like a module of the reader's is not run."""
    (tmp_path / "json.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    assert read_live({"project": PROJECT})["project"] == PROJECT


def test_the_story_scrubbed_gives_the_same_answers(tmp_path: Path) -> None:
    """All of its addresses are private, so the flows need no other ones; the machines have other names."""
    code, out, err = run("scrub", "--recording", "-", given=(STORY / "outage.json").read_text())
    assert (code, err) == (0, "")
    flows = [json.loads(line) for line in (STORY / "flows.jsonl").read_text().splitlines()]
    before = answers(json.loads((STORY / "outage.json").read_text()), flows)
    renamed = json.loads(json.dumps(flows).replace('"node-', '"instance-'))
    after = answers(json.loads(out), renamed)
    assert [a["prediction"] for a in after] == [a["prediction"] for a in before]
    assert "august" not in out


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """Whoever types what stands in docs/record.md sees what stands below."""
    shared = tmp_path / "shared.json"
    run("scrub", "--recording", STORY / "before.json", "--output", shared)
    question = ("--from", "10.24.12.40", "--to", "10.24.9.31", "udp/53")
    _, out, _ = run("predict", "--recording", shared, *question)
    assert f"<!-- scrubbed -->\n```\n{out}```\n" in (ROOT / "docs" / "record.md").read_text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "- is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "- is not a JSON object"),
        ('{"format": "x"}', "-: format: is 'x', expected 'pathcheck-recording/1'"),
    ],
)
def test_what_cannot_be_scrubbed(text: str, why: str) -> None:
    """Exit code 2, one line, nothing written."""
    assert run("scrub", "--recording", "-", given=text) == (2, "", f"pathcheck scrub: --recording: {why}\n")
