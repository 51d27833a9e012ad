"""Wrong PathChecks on the real API server and the real operator: who says no, in which words, and that nothing is half-applied."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import install
from tests.bad_input.table import NAME, NAMESPACE, SERVICES, Wrong, path_checks

SECONDS = 20
SYSTEM = install.NAMESPACE


def create(body: dict[str, Any], *flags: str) -> str:
    """kubectl's words; raises subprocess.CalledProcessError."""
    body = body | {"metadata": {"name": body["metadata"]["name"]}}
    return install.kubectl("create", *flags, "-f", "-", given=json.dumps(body))


def refusal(body: dict[str, Any]) -> str:
    """What the API server says to this, without kubectl's frame, several complaints in one line."""
    with pytest.raises(subprocess.CalledProcessError) as refused:
        create(body)
    _, _, words = refused.value.stderr.strip().partition("is invalid: ")
    if not words:
        return str(refused.value.stderr.strip().partition("cannot be handled as a PathCheck: ")[2])
    complaints = [line.removeprefix("* ") for line in words.strip().splitlines()]
    # Said beside any other complaint where CEL could not run.
    return "; ".join(c for c in complaints if not c.startswith("<nil>"))


@pytest.fixture(scope="module")
def cluster(lab: dict[str, str]) -> Iterator[dict[str, str]]:
    """PathCheck installed, and the Services that the table speaks of."""
    install.install()
    install.kubectl("create", "namespace", NAMESPACE)
    install.kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": SERVICES}))
    yield lab
    install.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("wrong", path_checks("refused") + path_checks("unknown"), ids=lambda w: w.what)
def test_the_api_server_refuses(wrong: Wrong) -> None:
    """Its words are those of the table, each names the field, and nothing is stored."""
    assert refusal(wrong.body) == wrong.answer
    assert install.kubectl("get", "pathchecks", NAME, "--ignore-not-found") == ""


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("wrong", path_checks("notAccepted"), ids=lambda w: w.what)
def test_the_operator_does_not_accept(wrong: Wrong) -> None:
    """Accepted=False names the field, Ready is not True, and Upheld is never True."""
    create(wrong.body)
    try:
        assert answered() == wrong.answer
        conditions = conditions_now()
        assert conditions["Ready"]["status"] != "True"
        assert conditions["Upheld"]["status"] == "Unknown"
    finally:
        install.kubectl("delete", "pathcheck", NAME)


@pytest.mark.usefixtures("cluster")
def test_a_wrong_edit_changes_nothing() -> None:
    """The spec stays, its generation stays, and what was measured goes on."""
    body = {"apiVersion": "pathcheck.dev/v1alpha1", "kind": "PathCheck", "metadata": {"name": NAME}}
    traffic = [{"protocol": "TCP", "port": 80}]
    every: dict[str, Any] = {"nodes": {"selector": {}}}
    create(body | {"spec": {"from": every, "to": every, "traffic": traffic}})
    try:
        install.kubectl("wait", "pathcheck", NAME, "--for=condition=Ready", "--timeout=60s")
        before = json.loads(install.kubectl("get", "pathcheck", NAME, "-o", "json"))
        patch = json.dumps(
            {"spec": {"cadence": {"intervalSeconds": 1}, "traffic": [{"protocol": "TCP", "port": 70000}]}}
        )
        with pytest.raises(subprocess.CalledProcessError):
            install.kubectl("patch", "pathcheck", NAME, "--type=merge", "-p", patch)
        after = json.loads(install.kubectl("get", "pathcheck", NAME, "-o", "json"))
        assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])
        assert conditions_now()["Ready"]["status"] == "True"
    finally:
        install.kubectl("delete", "pathcheck", NAME)


@pytest.mark.usefixtures("cluster")
def test_an_unknown_field_without_strictness_is_dropped_aloud() -> None:
    """A client that does not ask to be refused is warned, and the field is not stored."""
    done = subprocess.run(
        ["kubectl", "create", "--validate=warn", "-f", "-"],
        input=json.dumps(
            path_checks("unknown")[0].body | {"metadata": {"name": NAME}},
        ),
        env={**install.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    try:
        assert 'Warning: unknown field "spec.expect"' in done.stderr
        assert "expect" not in json.loads(install.kubectl("get", "pathcheck", NAME, "-o", "json"))["spec"]
    finally:
        install.kubectl("delete", "pathcheck", NAME)


@pytest.mark.usefixtures("cluster")
def test_a_probe_cannot_speak_for_another_node(tmp_path: Path) -> None:
    """With the token of node-1's probe pod its own report may be written, and node-2's is refused by the admission policy."""
    create(path_checks("notAccepted")[-1].body)  # any check that needs the three probes
    try:
        for node in ("node-1", "node-2"):
            install.kubectl(
                "wait", "-n", SYSTEM, f"pathprobe/{node}", "--for=jsonpath={.status.podUID}", "--timeout=60s"
            )
        pod = json.loads(install.kubectl("get", "pod", "-n", SYSTEM, "pathcheck-probe-node-1", "-o", "json"))[
            "metadata"
        ]
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod['name']}", f"--bound-object-uid={pod['uid']}")
        token = install.kubectl("create", "token", "-n", SYSTEM, "pathcheck-probe", *bound)
        config = json.loads(install.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
        as_probe = tmp_path / "kubeconfig"
        as_probe.write_text(json.dumps(config))

        def speak_for(node: str) -> str:
            report = json.loads(install.kubectl("get", "pathprobe", "-n", SYSTEM, node, "-o", "json"))["status"]
            patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": report}))
            return install.kubectl(f"--kubeconfig={as_probe}", "patch", "pathprobe", "-n", SYSTEM, node, *patch)

        assert speak_for("node-1").startswith("pathprobe.pathcheck.dev/node-1 patched")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            speak_for("node-2")
        assert "a probe reports for the node it runs on only" in refused.value.stderr
    finally:
        install.kubectl("delete", "pathcheck", NAME)


def conditions_now() -> dict[str, Any]:
    """By type; {} before the operator has written any."""
    status = json.loads(install.kubectl("get", "pathcheck", NAME, "-o", "json")).get("status", {})
    return {condition["type"]: condition for condition in status.get("conditions", [])}


def answered() -> str:
    """Reason and message of Accepted, once the operator has written it."""
    deadline = time.monotonic() + SECONDS
    while not (accepted := conditions_now().get("Accepted")):
        assert time.monotonic() < deadline, "the operator has not spoken"
    return f"{accepted['reason']}: {accepted['message']}"
