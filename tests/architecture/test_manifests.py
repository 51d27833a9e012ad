"""manifests/ and the code say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pathcheck.model.probing import Assignment, PathProbe
from pathcheck.shell import ports
from pathcheck.shell.main import KEY_SECRET
from pathcheck.shell.settings import settings_of
from pathcheck.shell.world import TRANSLATIONS
from pathcheck.wire.datapath import config_map_of
from pathcheck.wire.events import NAMESPACE as EVENT_NAMESPACE
from pathcheck.wire.kept import SECRET
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.probe_pods import pod_manifest

ROOT = Path(__file__).parents[2]
BASE = Path(__file__).parents[2] / "manifests" / "base"


def objects(kind: str) -> dict[tuple[str, str], Any]:
    """The objects of a kind, by namespace and name."""
    documents = [d for path in sorted(BASE.glob("*.yaml")) for d in yaml.safe_load_all(path.read_text())]
    return {(d["metadata"].get("namespace", ""), d["metadata"]["name"]): d for d in documents if d.get("kind") == kind}


def allowed(role: Any) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of all rules."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_operator_may_read() -> None:
    """The operator may list and watch each kind that it watches, and kopf the definitions; of all that nothing but status is written."""
    role = objects("ClusterRole")["", "pathcheck-operator"]
    watched = {(r.group, r.plural, verb) for r in TRANSLATIONS for verb in ("get", "list", "watch")}
    definitions = {("apiextensions.k8s.io", "customresourcedefinitions", verb) for verb in ("list", "watch")}
    network = {("apps", "daemonsets", "list"), ("", "configmaps", "get"), ("crd.projectcalico.org", "ippools", "list")}
    assert allowed(role) == watched | definitions | network | {("pathcheck.dev", "pathchecks/status", "patch")}
    config_maps = [rule for rule in role["rules"] if "configmaps" in rule["resources"]]
    assert [set(rule["resourceNames"]) for rule in config_maps] == [
        {
            config_map_of({"metadata": {"name": name}})
            for name in ("cilium", "kube-flannel-ds", "canal", "antrea-agent", "ip-masq-agent")
        }
    ]


def test_operator_may_write() -> None:
    """It writes probes, pods and the history in its own namespace, fills two Secrets, and creates Events in `default`."""
    roles = objects("Role")
    own = roles["pathcheck-system", "pathcheck-operator"]
    assert allowed(own) == {
        *(("", "pods", verb) for verb in ("create", "delete")),
        *(
            ("pathcheck.dev", kind, verb)
            for kind in ("pathprobes", "firewallchanges")
            for verb in ("create", "patch", "delete")
        ),
        *(("", "secrets", verb) for verb in ("get", "patch")),
    }
    secrets = [rule for rule in own["rules"] if rule["resources"] == ["secrets"]]
    assert [rule["resourceNames"] for rule in secrets] == [[KEY_SECRET, SECRET]]
    events = roles[EVENT_NAMESPACE, "pathcheck-operator-events"]
    assert allowed(events) == {(ports.EVENTS.group, ports.EVENTS.plural, "create")}


def test_probe() -> None:
    """The probe's pods run as the account that may read PathProbes and write their status, and nothing else."""
    pod = pod_manifest("node-1", "pathcheck-system", "i", ["a:1"], 30, PathProbe("node-1", "u", Assignment("node-1")))
    account = (pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"])
    assert account in objects("ServiceAccount")
    assert allowed(objects("Role")[account]) == {
        *(("pathcheck.dev", "pathprobes", verb) for verb in ("get", "list", "watch")),
        ("pathcheck.dev", "pathprobes/status", "patch"),
    }
    policy = objects("ValidatingAdmissionPolicy")["", "pathcheck-probe-reports-for-itself"]
    assert [condition["expression"] for condition in policy["spec"]["matchConditions"]] == [
        "request.userInfo.username.startsWith('system:serviceaccount:')"
        f" && request.userInfo.username.endsWith(':{account[1]}')"
    ]


@pytest.mark.parametrize(
    "path",
    sorted([*(ROOT / "manifests" / "checks").glob("*-*.yaml"), *(ROOT / "docs" / "examples").glob("*.yaml")]),
    ids=lambda p: p.stem,
)
def test_checks_can_be_read(path: Path) -> None:
    """Every PathCheck that is shipped or shown is accepted as it stands."""
    for body in yaml.safe_load_all(path.read_text()):
        assert path_check_of(body).problems == ()


def test_the_shipped_check_is_the_one_of_the_story() -> None:
    """What tests/stories shows of pod-range-coverage is shown of what users get."""
    shipped = yaml.safe_load((ROOT / "manifests" / "checks" / "pod-range-coverage.yaml").read_text())
    story = yaml.safe_load((ROOT / "tests" / "stories" / "pod-range-coverage.yaml").read_text())
    assert shipped["spec"] == story["check"]["spec"]


def test_settings() -> None:
    """What the manifests set can be read by the operator."""
    lines = (BASE / "settings.env").read_text().split()
    assert settings_of(dict(line.split("=", 1) for line in lines)).probe_image == "pathcheck-probe:0.1.0"
