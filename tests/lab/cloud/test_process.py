"""The emulator as a process: what it prints, how it ends, and what it refuses to start from."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.cloud.seeds import recording

REPOSITORY = Path(__file__).parents[3]


def start(tmp_path: Path, seed: object, *more: str) -> subprocess.Popen[str]:
    file = tmp_path / "seed.json"
    file.write_text(seed if isinstance(seed, str) else json.dumps(seed))
    command = [sys.executable, "-m", "e2e.lab.cloud", "--seed", str(file), "--state", str(tmp_path / "state"), *more]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_serves_until_it_is_ended(tmp_path: Path) -> None:
    """It says in one line that it serves, leaves a request log, and ends with 0 when it is asked to."""
    with start(tmp_path, recording(), "--listen", "127.0.0.1:0", "--no-enforce") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=20)
    words, _, url = line.strip().partition(" at http://127.0.0.1:")
    assert words == "project august-period-234610: 6 firewall rules not enforced, served"
    assert url.endswith(" (loopback)")
    assert (process.returncode, printed, errors) == (0, "", "")
    assert (tmp_path / "state" / "requests.jsonl").exists()


REFUSALS = {
    "--router-netns must be given (or --no-enforce)": (recording(), ()),
    "format must be 'pathcheck-recording/1', not None": ({}, ("--no-enforce",)),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_refuses_to_start(tmp_path: Path, reason: str) -> None:
    """A seed or an option that cannot be right ends it with 1 and one line that says why."""
    seed, more = REFUSALS[reason]
    with start(tmp_path, seed, "--listen", "127.0.0.1:0", *more) as process:
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (1, f"the emulator cannot start: {reason}\n")


def test_the_side_door_stays_inside(tmp_path: Path) -> None:
    """An address that others can reach is refused for the listener with the side door."""
    with start(tmp_path, recording(), "--listen", "0.0.0.0:0", "--no-enforce") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "0.0.0.0 is not a loopback address" in errors
