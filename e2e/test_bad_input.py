"""Wrong PathChecks on the real API server and the real operator: who says no, in which words, and that nothing is half-applied."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
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
def test_a_probe_cannot_speak_for_another_node() -> None:
    """With the token of node-1's probe pod its own report may be written, and node-2's is refused by the admission policy."""
    create(path_checks("notAccepted")[-1].body)  # any check that needs the three probes
    try:
        pod = reporting("node-1")
        reporting("node-2")
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod['name']}", f"--bound-object-uid={pod['uid']}")
        token = install.kubectl("create", "token", "-n", SYSTEM, "pathcheck-probe", *bound)
        assert spoken_for("node-1", token) == (200, "")
        why = "a probe reports for the node it runs on only"
        code, words = spoken_for("node-2", token)
        assert (code, words.endswith(why)) == (403, True)
    finally:
        install.kubectl("delete", "pathcheck", NAME)


def spoken_for(node: str, token: str) -> tuple[int, str]:
    """Writes this node's report once more, as whoever has the token: the status code, and the message if it is refused.

    Not by kubectl: it reads a status before it writes one, which probes may not.
    """
    report = json.loads(install.kubectl("get", "pathprobe", "-n", SYSTEM, node, "-o", "json"))["status"]
    found = json.loads(install.kubectl("config", "view", "--flatten", "--minify", "-o", "json"))["clusters"][0][
        "cluster"
    ]
    request = urllib.request.Request(
        f"{found['server']}/apis/pathcheck.dev/v1alpha1/namespaces/{SYSTEM}/pathprobes/{node}/status",
        data=json.dumps({"status": report}).encode(),
        headers={"Authorization": f"Bearer {token.strip()}", "Content-Type": "application/merge-patch+json"},
        method="PATCH",
    )
    trusted = ssl.create_default_context(cadata=b64decode(found["certificate-authority-data"]).decode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted))
    try:
        with opener.open(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["message"]


def reporting(node: str) -> dict[str, Any]:
    """The metadata of this node's probe pod, once its own report is there; an earlier one may still be on its way out."""
    deadline = time.monotonic() + 60
    while True:
        listed = json.loads(install.kubectl("get", "pods,pathprobes", "-n", SYSTEM, "-o", "json"))["items"]
        objects = {item["metadata"]["name"]: item for item in listed}
        pod, probe = objects.get(f"pathcheck-probe-{node}"), objects.get(node, {})
        if pod and "deletionTimestamp" not in pod["metadata"]:
            found: dict[str, Any] = pod["metadata"]
            if probe.get("status", {}).get("podUID") == found["uid"]:
                return found
        assert time.monotonic() < deadline, f"the probe on {node} has not reported"
        time.sleep(0.5)


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
