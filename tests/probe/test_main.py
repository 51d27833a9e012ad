"""The program as the pod runs it: a bare interpreter, an environment, signals, exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import pathcheck.probe
from pathcheck.probe.__main__ import Settings
from tests.probe.api_server import account, serving

OPERATOR = str(Path(pathcheck.probe.__file__).parent.parent.parent)
PROGRAM = (
    f"import sys, runpy; sys.path.insert(0, {OPERATOR!r}); runpy.run_module('pathcheck.probe', run_name='__main__')"
)
ENVIRONMENT = {
    "PATHCHECK_NODE": "node-1",
    "PATHCHECK_NAMESPACE": "pathcheck-system",
    "PATHCHECK_POD_IP": "127.0.0.73",
    "PATHCHECK_POD_UID": "91a0",
    "PATHCHECK_API_SERVERS": "10.142.15.200:443",
}


@contextmanager
def running(directory: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The program, ended at the end."""
    told = ENVIRONMENT | {"PATHCHECK_TERMINATION_LOG": str(directory / "termination-log")} | environment
    command = [sys.executable, "-I", "-S", "-c", PROGRAM]
    with subprocess.Popen(command, env=told, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_follows_its_pathprobe_and_leaves_when_told_to(tmp_path: Path) -> None:
    """From the first assignment to a report, and out with 0."""
    with serving(tmp_path) as server:
        server.put({"listeners": [{"protocol": "UDP", "port": 20053}], "key": "00ff"})
        directory = str(account(tmp_path / "account"))
        address = f"127.0.0.1:{server.port}"
        with running(tmp_path, PATHCHECK_API_SERVERS=address, PATHCHECK_ACCOUNT=directory) as process:
            status = server.statuses.get(timeout=20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    assert (status["podUID"], status["podIP"]) == ("91a0", "127.0.0.73")
    assert {r["id"]: r["observation"] for r in status["results"] if r["id"] != "self icmp"} == {
        "self": "reached",
        "self udp/20053": "reached",
    }


def test_a_wrong_environment_is_said_in_the_termination_message(tmp_path: Path) -> None:
    """Everything that is wrong at once, with exit code 2."""
    with running(tmp_path, PATHCHECK_NODE="", PATHCHECK_HEARTBEAT_SECONDS="often") as process:
        assert process.wait(10) == 2
    said = (tmp_path / "termination-log").read_text()
    assert said == "PATHCHECK_NODE is not set; PATHCHECK_HEARTBEAT_SECONDS is not a number"


def test_a_fatal_error_is_said_in_the_termination_message(tmp_path: Path) -> None:
    """What ends one thread ends the program, with exit code 1: half a probe would look like a healthy one."""
    broken = "import pathcheck.probe.courier as c; c.Courier.step = lambda self: 1 / 0"
    program = PROGRAM.replace("runpy.run_module", f"exec({broken!r}); runpy.run_module")
    told = ENVIRONMENT | {"PATHCHECK_TERMINATION_LOG": str(tmp_path / "termination-log")}
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], env=told, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 1
    assert (tmp_path / "termination-log").read_text() == "ZeroDivisionError: division by zero"
    assert "Traceback" in ended.stderr


def test_the_services_address_is_the_last_resort() -> None:
    """When every machine of the list was replaced since the pod began."""
    settings = Settings(
        ENVIRONMENT | {"KUBERNETES_SERVICE_HOST": "10.27.240.1", "KUBERNETES_SERVICE_PORT_HTTPS": "443"}
    )
    assert settings.servers == [("10.142.15.200", 443), ("10.27.240.1", 443)]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"PATHCHECK_API_SERVERS": "10.142.15.200"}, "PATHCHECK_API_SERVERS: '10.142.15.200' is not HOST:PORT"),
        ({"PATHCHECK_API_SERVERS": ""}, "PATHCHECK_API_SERVERS is not set"),
        (
            {"PATHCHECK_POD_IP": "", "PATHCHECK_POD_UID": ""},
            "PATHCHECK_POD_IP is not set; PATHCHECK_POD_UID is not set",
        ),
    ],
)
def test_settings_that_are_wrong_are_named(changes: dict[str, str], wrong: str) -> None:
    """Each variable by its name."""
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        Settings(ENVIRONMENT | changes)
