"""What is wrong is answered as docs/bad-input.md says; the API server's own words are compared in e2e/test_bad_input.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pathcheck.core.decide import decide_check
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import ConditionStatus
from pathcheck.shell.reader import serve
from pathcheck.wire.gcloud import command
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.services import service_of
from tests.bad_input.table import SERVICES, Run, Wrong, document, path_checks, runs
from tests.builders import NOON, kube_dns, nodes, pods

ROOT = Path(__file__).parents[2]


# Where the meaning is clear our models are the more lenient ones.
LENIENT = {"a name twice", "a port that is a text", "a field in the wrong case"}


@pytest.mark.parametrize(
    "wrong",
    [w for group in ("refused", "unknown") for w in path_checks(group) if w.what not in LENIENT],
    ids=lambda w: w.what,
)
def test_what_the_api_server_refuses_the_operator_would_not_take_either(wrong: Wrong) -> None:
    """Our own models have the same rules: a spec from elsewhere (a file, a weaker schema) asks nothing and names a field."""
    check = path_check_of(wrong.body)
    assert check.problems
    assert check.traffic == ()
    assert all(problem.where.startswith("spec") for problem in check.problems)


@pytest.mark.parametrize("wrong", path_checks("notAccepted"), ids=lambda w: w.what)
def test_what_the_operator_does_not_accept(wrong: Wrong) -> None:
    """Accepted=False with the row's words, and Upheld is not True."""
    services, backends = kube_dns()
    for number, body in enumerate(SERVICES):
        service = service_of({**body, "spec": {"clusterIP": f"10.27.240.{50 + number}"} | body["spec"]})
        services[service.namespace, service.name] = service
    check = path_check_of(wrong.body)
    snapshot = Snapshot(NOON, nodes(), services, backends, {}, pods(), {check.name: check}, Unavailable("not read"))
    status = decide_check(snapshot, check.name, command).status
    accepted, upheld = status.condition("Accepted"), status.condition("Upheld")
    assert accepted is not None
    assert upheld is not None
    assert (accepted.status, f"{accepted.reason}: {accepted.message}") == (ConditionStatus.FALSE, wrong.answer)
    assert upheld.status is ConditionStatus.UNKNOWN


@pytest.mark.parametrize(
    "run",
    [r for group in ("settings", "cluster", "questions", "made", "recordings") for r in runs(group)],
    ids=lambda r: r.what,
)
def test_a_command_ends_in_one_line(run: Run, tmp_path: Path) -> None:
    """The exit code and the last line of the row, and never a traceback."""
    for name, content in run.files.items():
        (tmp_path / name).write_text(content)
    typed = run.typed.replace("DIR", str(tmp_path)).replace("STORY", str(ROOT / "docs" / "story" / "outage.json"))
    own = {"PATHCHECK_PROBE_IMAGE": "i", "KUBECONFIG": "kubeconfig", "COLUMNS": "200"}
    # This checkout's program, wherever the installed one comes from.
    own["PYTHONPATH"] = str(ROOT / "operator")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", typed], cwd=tmp_path, env=own | {"PATH": path}, capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).rstrip("\n")
    assert (done.returncode, said.splitlines()[-1]) == (run.code, run.answer.replace("DIR", str(tmp_path)))
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"NO_GCE_CHECK": "true"}, "no usable credentials: Your default credentials were not found."),
        (
            {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"},
            "no usable credentials: File /nowhere.json was not found.",
        ),
    ],
)
def test_there_are_no_credentials(
    environment: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The reader answers with one sentence, and lives."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    serve([json.dumps({"read": {"project": "p"}})] * 2, said.append, "")
    for line in said:
        error = json.loads(line)["error"]
        assert (error["kind"], error["why"].startswith(why)) == ("unavailable", True)
    assert len(said) == 2


def test_the_page_is_made_of_the_table() -> None:
    """docs/bad-input.md is what `python -m tests.bad_input.table` prints; `make goldens` renews it."""
    page = ROOT / "docs" / "bad-input.md"
    if os.environ.get("PATHCHECK_RENEW_GOLDENS"):
        page.write_text(document())
    assert page.read_text() == document()
