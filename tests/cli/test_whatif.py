"""`pathcheck plan`: what flips, the exit codes, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pathcheck.cli.main import app
from tests.recordings import NODE_TAG, entry, recording, rule

ROOT = Path(__file__).parents[2]
STORY = ROOT / "docs" / "story"
GKE_ALL = "gke-august-period-234610-all"
BLOCKED = (
    "blocked by implied-deny-ingress: no rule admits 10.24.9.0/24, 10.24.12.0/24, 10.24.13.0/24 → tcp (not 22, 80, 443, 3389), udp, esp,"
    f" ah, sctp on nodes tagged {NODE_TAG}; nearest: default-allow-internal (65534) admits tcp/3390, but 10.24.9.0/24 is not in"
    " 10.128.0.0/9"
)


def planned(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["plan", *map(str, words)])
    return result.exit_code, result.stdout, result.stderr


def told(*words: str | Path) -> tuple[int, dict[str, Any]]:
    code, out, err = planned(*words, "-o", "json")
    assert err == ""
    return code, json.loads(out)


def manifest(
    name: str, traffic: str = "{protocol: UDP, port: 53}", to: str = "nodes: {selector: {}}", **more: str
) -> str:
    """One PathCheck between all nodes."""
    rest = "".join(f"\n  {key}: {value}" for key, value in more.items())
    return f"""apiVersion: pathcheck.dev/v1alpha1
kind: PathCheck
metadata: {{name: {name}}}
spec:
  from: {{nodes: {{selector: {{}}}}}}
  to: {{{to}}}
  traffic: [{traffic}]{rest}
"""


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    """One check of udp/53 between all nodes."""
    path = tmp_path / "checks.yaml"
    path.write_text(manifest("dns"))
    return path


def saved(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


COVERAGE = ROOT / "manifests" / "checks"


@pytest.mark.parametrize(
    "change",
    [("--delete", GKE_ALL), ("--delete", f"firewall:{GKE_ALL}"), ("--changed", str(STORY / "outage.json"))],
)
def test_the_story_is_known_before_it_happens(change: tuple[str, str]) -> None:
    """Deleting the rule flips the check, with the reason; the kustomization beside it is counted."""
    code, out, _ = planned("--recording", STORY / "before.json", "-f", COVERAGE, *change)
    assert (code, out.splitlines()) == (
        1,
        [
            "✕ pod-range-coverage  upheld → violated",
            f"  {BLOCKED}",
            "1 PathChecks: 1 flips; 1 resources of other kinds passed over",
        ],
    )


def test_what_changes_nothing_is_no_failure(tmp_path: Path) -> None:
    """A rule that decides nothing of the checks may go, another may come."""
    for change in (("--delete", "default-allow-ssh"), ("--add", saved(tmp_path / "r.json", rule("new")))):
        code, said = told("--recording", STORY / "before.json", "-f", COVERAGE, *change)
        assert (code, said["checks"]) == (
            0,
            [
                {
                    "name": "pod-range-coverage",
                    "severity": "major",
                    "before": "upheld",
                    "after": "upheld",
                    "flips": False,
                    "worse": False,
                    "findings": [],
                }
            ],
        )


def terraform(path: Path, actions: list[str], rule: dict[str, Any], unknown: dict[str, Any]) -> Path:
    """A plan of one firewall rule, by hand after https://developer.hashicorp.com/terraform/internals/json-format."""
    gone = actions == ["delete"]
    change = {
        "actions": actions,
        "before": rule if gone else None,
        "after": None if gone else rule,
        "after_unknown": unknown,
    }
    changes = [{"address": "google_compute_firewall.it", "type": "google_compute_firewall", "change": change}]
    return saved(path, {"format_version": "1.2", "resource_changes": changes})


@pytest.mark.parametrize(
    ("actions", "rule", "unknown", "code"),
    [
        (["delete"], {"name": GKE_ALL}, {}, 1),
        (
            ["create"],
            {"name": "new", "network": "default", "direction": "INGRESS", "deny": [{"protocol": "gre"}]},
            {},
            0,
        ),
        (["create"], {"name": "new", "network": "default", "deny": [{"protocol": "udp"}]}, {"source_ranges": True}, 3),
    ],
)
def test_a_terraform_plan(
    actions: list[str], rule: dict[str, Any], unknown: dict[str, Any], code: int, tmp_path: Path
) -> None:
    """Deleting the rule fails, an unrelated one does not, and what is known after apply cannot be told."""
    path = terraform(
        tmp_path / "plan.json", actions, rule | ({} if actions == ["delete"] else {"priority": 900}), unknown
    )
    words = ("--recording", STORY / "before.json", "-f", COVERAGE, "--terraform", path, "--strict")
    got, out, err = planned(*words)
    assert (got, err) == (code, "")
    assert ("known after apply" in out) == bool(unknown)


def test_what_was_violated_can_get_worse(tmp_path: Path, checks: Path) -> None:
    """Of a check that is violated already, the flows that flip are told, and those that are as before are not."""
    checks.write_text(manifest("both", "{protocol: UDP, port: 53}, {protocol: TCP, port: 22}"))
    before = saved(tmp_path / "before.json", recording(rule("dns", allowed=[entry("udp", "53")])))
    code, said = told("--recording", before, "-f", checks, "--delete", "dns")
    (check,) = said["checks"]
    assert (code, check["before"], check["after"], check["worse"]) == (1, "violated", "violated", True)
    code, said = told("--recording", before, "-f", checks, "--add", saved(tmp_path / "r.json", [rule("x", priority=9)]))
    assert (code, said["checks"][0]["flips"]) == (0, False)


def test_a_rule_that_cannot_be_judged(tmp_path: Path, checks: Path) -> None:
    """Unknown is told, and an error with --strict only."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    odd = saved(tmp_path / "odd.json", rule("odd", priority=1, colour="red"))
    words = ("--recording", before, "-f", checks, "--add", odd)
    code, said = told(*words)
    assert (code, said["checks"][0]["after"]) == (0, "unknown")
    assert planned(*words, "--strict")[0] == 3
    assert "colour" in said["checks"][0]["findings"][0]["sentence"]


def test_what_must_stay_isolated(tmp_path: Path, checks: Path) -> None:
    """A rule that opens it flips the check."""
    checks.write_text(manifest("apart", expectation="Isolated"))
    before = saved(tmp_path / "before.json", recording())
    code, said = told("--recording", before, "-f", checks, "--add", saved(tmp_path / "r.json", rule("open")))
    (check,) = said["checks"]
    assert (code, check["before"], check["after"], check["findings"][0]["rule"]) == (
        1,
        "upheld",
        "violated",
        "firewall:open",
    )


def test_a_route_that_goes_takes_the_path_with_it(tmp_path: Path, checks: Path) -> None:
    """The firewall permits it as before, and nothing arrives."""
    first = recording(rule("dns"))
    less = {**first, "routes": first["routes"][1:]}
    before, after = saved(tmp_path / "before.json", first), saved(tmp_path / "after.json", less)
    code, said = told("--recording", before, "-f", checks, "--changed", after)
    assert (code, [(f["reason"], f["sentence"]) for f in said["checks"][0]["findings"]]) == (
        1,
        [
            (
                "NoRouteToPodRange",
                "packets to 10.24.9.0/24 do not reach node-1: no route and no alias range delivers them there",
            )
        ],
    )


def test_what_only_a_cluster_tells(tmp_path: Path, checks: Path) -> None:
    """Labels and Services are unknown without one, and known with one."""
    checks.write_text(manifest("kube-dns", to="service: {namespace: kube-system, name: kube-dns}"))
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    words = ("--recording", before, "-f", checks, "--delete", "dns")
    assert planned(*words, "--strict")[0] == 3
    machines = "gce://august-period-234610/us-east1-b"
    nodes = [
        {"kind": "Node", "metadata": {"name": n}, "spec": {"providerID": f"{machines}/{n}", "podCIDRs": [r]}}
        for n, r in (("node-1", "10.24.9.0/24"), ("node-2", "10.24.12.0/24"))
    ]
    meta = {"namespace": "kube-system", "name": "kube-dns"}
    port = {"name": "dns", "protocol": "UDP", "port": 53}
    service = {"kind": "Service", "metadata": meta, "spec": {"clusterIP": "10.27.240.10", "ports": [port]}}
    endpoints = {
        "kind": "EndpointSlice",
        "metadata": meta | {"labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "ports": [port],
        "endpoints": [{"addresses": ["10.24.9.31"], "nodeName": "node-1"}],
    }
    cluster = saved(tmp_path / "cluster.json", {"kind": "List", "items": [*nodes, service, endpoints]})
    code, said = told(*words, "--cluster", cluster)
    (check,) = said["checks"]
    assert (code, check["before"], check["after"], check["findings"][0]["flows"]) == (1, "upheld", "violated", 1)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "exactly one of --terraform, --changed, --delete, --add says what changes; given: none"),
        (
            ("--delete", "a", "--add", "b"),
            "exactly one of --terraform, --changed, --delete, --add says what changes; given: --delete, --add",
        ),
        (("--delete", "nobody"), "--delete: the recording has no rule 'nobody'; it has firewall:dns"),
        (("--delete", "policies"), "--delete: the recording has no rule 'policies'; it has firewall:dns"),
    ],
)
def test_what_changes_is_said_once(words: tuple[str, ...], line: str, tmp_path: Path, checks: Path) -> None:
    """One line, exit code 2."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    assert planned("--recording", before, "-f", checks, *words) == (2, "", f"pathcheck plan: {line}\n")


def test_every_wrong_manifest_is_a_line(tmp_path: Path) -> None:
    """File, resource and field; nothing is left out because something else is wrong as well."""
    folder = tmp_path / "checks"
    folder.mkdir()
    one, two, three = folder / "a.yaml", folder / "b.yaml", folder / "c.yml"
    one.write_text(manifest("dns") + "---\n" + manifest("dns") + "---\nkind: Deployment\n")
    two.write_text(manifest("odd", "{protocol: TCP}, {protocol: UDP, port: 70000}") + "---\n- nothing\n")
    three.write_text("kind: [")
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    code, _, err = planned("--recording", before, "-f", folder, "-f", tmp_path / "gone", "--delete", "dns")
    lines = [line.removeprefix("pathcheck plan: ") for line in err.splitlines()]
    assert code == 2
    assert lines[:3] == [
        f"{one}: PathCheck dns: is in {one} as well",
        f"{two}: PathCheck odd: spec.traffic[1].port: Input should be less than or equal to 65535",
        f"-f: {two}: a document is no Kubernetes resource: it has no kind",
    ]
    assert lines[3].startswith(f"-f: {three}: is no YAML: ")
    assert lines[4:] == [f"-f: {tmp_path / 'gone'}: No such file or directory"]
