"""`pathcheck plan`: what flips, the exit codes, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pathcheck.cli.main import app
from tests.recordings import NODE_TAG, entry, recording, rule
from tests.terraform import change, plan

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
    for words in (("--delete", "default-allow-ssh"), ("--add", saved(tmp_path / "r.json", rule("new")))):
        code, said = told("--recording", STORY / "before.json", "-f", COVERAGE, *words)
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


# The plans in docs/story are hand-written after https://developer.hashicorp.com/terraform/internals/json-format, as Terraform 1.9 and the
# provider print them of a google_compute_firewall that goes, of one that has nothing to do with pods, and of one whose sources are
# known after apply.
UNTOLD = (
    "tcp from 10.24.9.0/24, 10.24.12.0/24, 10.24.13.0/24 to 10.24.9.0/24, 10.24.12.0/24, 10.24.13.0/24: the firewall's answer cannot be"
    " told: firewall rule no-scans could decide it, but cannot be judged: sourceRanges: known after apply"
)


@pytest.mark.parametrize(
    ("name", "code", "lines"),
    [
        (
            "terraform-delete.json",
            1,
            [
                "✕ pod-range-coverage  upheld → violated",
                f"  {BLOCKED}",
                "1 PathChecks: 1 flips; 1 resources of other kinds passed over",
            ],
        ),
        (
            "terraform-add.json",
            0,
            ["1 PathChecks: 0 flip, unchanged: 1 upheld; 1 resources of other kinds passed over"],
        ),
        (
            "terraform-unknown.json",
            3,
            [
                "? pod-range-coverage  upheld → unknown",
                f"  {UNTOLD}",
                "1 PathChecks: 1 flips; 1 resources of other kinds passed over",
                "  could not be read: no-scans: sourceRanges: known after apply",
            ],
        ),
    ],
)
def test_the_storys_terraform_plans(name: str, code: int, lines: list[str]) -> None:
    """As docs/plan.md says to type it: deleting the rule fails, an unrelated one does not, and what is not known yet cannot be told."""
    words = ("--terraform", STORY / name, "--recording", STORY / "before.json", "-f", COVERAGE)
    got, out, err = planned(*words, "--strict")
    assert (got, out.splitlines(), err) == (code, lines, "")
    assert planned(*words)[0] == (0 if code == 3 else code)


def test_the_flows_of_a_terraform_plan() -> None:
    """Scripts get the check, its flows and the rule by name."""
    words = ("--terraform", STORY / "terraform-delete.json", "--recording", STORY / "before.json", "-f", COVERAGE)
    code, said = told(*words)
    (check,) = said["checks"]
    found = (check["name"], check["severity"], check["before"], check["after"], check["worse"])
    assert (code, *found) == (1, "pod-range-coverage", "major", "upheld", "violated", True)
    assert check["findings"] == [
        {
            "reason": "FirewallWouldBlock",
            "verdict": "violated",
            "flows": 30,
            "rule": "implied-deny-ingress",
            "sentence": BLOCKED,
        }
    ]
    assert (said["cannotTell"], said["problems"]) == ([], [])


def test_a_part_of_a_terraform_plan_that_is_not_understood(tmp_path: Path, checks: Path) -> None:
    """It is told, and an error with --strict only, even where no check hangs on it."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    path = saved(tmp_path / "plan.json", plan(change("google_container_node_pool.more", "create", None, {"name": "m"})))
    words = ("--recording", before, "-f", checks, "--terraform", path)
    line = (
        "google_container_node_pool.more: google_container_node_pool decides about packets and is not understood here"
    )
    assert planned(*words) == (0, f"? cannot tell: {line}\n1 PathChecks: 0 flip, unchanged: 1 upheld\n", "")
    assert planned(*words, "--strict")[0] == 3
    assert told(*words)[1]["cannotTell"] == [line]


def test_what_is_no_terraform_plan(tmp_path: Path, checks: Path) -> None:
    """A state, for one: a line, exit code 2."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    state = saved(tmp_path / "state.json", {"format_version": "1.0", "values": {}})
    line = "resource_changes: is missing: terraform show -json prints it of a plan, but not of a state"
    got = planned("--recording", before, "-f", checks, "--terraform", state)
    assert got == (2, "", f"pathcheck plan: --terraform: {state}: {line}\n")


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


def node(name: str, pods: str, **more: Any) -> dict[str, Any]:
    """As kubectl prints it."""
    spec = {"providerID": f"gce://august-period-234610/us-east1-b/{name}", "podCIDRs": [pods]}
    return {"kind": "Node", "metadata": {"name": name, "labels": {"pool": "a"}}, "spec": spec} | more


NODES = [node("node-1", "10.24.9.0/24"), node("node-2", "10.24.12.0/24")]


@pytest.mark.parametrize("option", ["--nodes", "--cluster"])
def test_what_only_a_cluster_tells(option: str, tmp_path: Path, checks: Path) -> None:
    """Labels and Services are unknown without one, and known with one; the option has an older name."""
    checks.write_text(manifest("kube-dns", to="service: {namespace: kube-system, name: kube-dns}"))
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    words = ("--recording", before, "-f", checks, "--delete", "dns")
    code, said = told(*words, "--strict")
    (check,) = said["checks"]
    assert (code, check["before"], check["after"]) == (3, "unknown", "unknown")
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
    cluster = saved(tmp_path / "cluster.json", {"kind": "List", "items": [*NODES, service, endpoints]})
    code, said = told(*words, option, cluster)
    (check,) = said["checks"]
    assert (code, check["before"], check["after"], check["findings"][0]["flows"]) == (1, "upheld", "violated", 1)


BARE = [{key: value for key, value in body.items() if key != "kind"} for body in NODES]


@pytest.mark.parametrize(
    ("listed", "flows"),
    [
        ({"kind": "List", "apiVersion": "v1", "items": NODES}, 2),
        ({"kind": "NodeList", "apiVersion": "v1", "items": BARE}, 2),
        ({"items": NODES}, 2),
        (NODES[0], 0),
    ],
    ids=["kubectl get", "kubectl get --raw", "without a kind", "one node"],
)
def test_ways_to_say_the_nodes(listed: dict[str, Any], flows: int, tmp_path: Path, checks: Path) -> None:
    """A List, a NodeList, whose items need not say what they are, or one Node, that has nobody to talk to."""
    checks.write_text(manifest("pool", to="nodes: {selector: {matchLabels: {pool: a}}}"))
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    nodes = saved(tmp_path / "nodes.json", listed)
    _, said = told("--recording", before, "-f", checks, "--delete", "dns", "--nodes", nodes)
    findings = [f for f in said["checks"][0]["findings"] if f["reason"] == "FirewallWouldBlock"]
    assert sum(f["flows"] for f in findings) == flows


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("[]", "{}: items: must be a list, as of kubectl get nodes -o json"),
        ('{"kind": "Pod"}', "{}: items: must be a list, as of kubectl get nodes -o json"),
        ('{"kind": "List", "items": []}', "{}: has no Node"),
        ('{"kind": "NodeList", "items": [7]}', "{}: items[0] is no Node: TypeError(\"'int' object is not subscriptable\")"),
        ('{"kind": "Node"}', "{}: it is no Node: KeyError('metadata')"),
        ("{", "{} is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (None, "{}: No such file or directory"),
    ],
)  # fmt: skip
def test_what_are_no_nodes(content: str | None, line: str, tmp_path: Path, checks: Path) -> None:
    """One line that names the option, exit code 2."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    nodes = tmp_path / "nodes.json"
    if content is not None:
        nodes.write_text(content)
    got = planned("--recording", before, "-f", checks, "--delete", "dns", "--nodes", nodes)
    assert got == (2, "", f"pathcheck plan: --nodes: {line.format(nodes)}\n")


def test_one_rule_for_another(tmp_path: Path, checks: Path) -> None:
    """Rules may go and come in one change, in which neither alone would do; one may come back under its own name."""
    before = saved(tmp_path / "before.json", recording(rule("dns"), rule("more", priority=2000)))
    words = ("--recording", before, "-f", checks, "--delete", "dns", "--delete", "more")
    assert told(*words)[0] == 1
    for new in (rule("other"), [rule("dns", priority=9), rule("x", allowed=[entry("tcp")])]):
        code, said = told(*words, "--add", saved(tmp_path / "new.json", new))
        assert (code, said["checks"][0]["after"]) == (0, "upheld")
    worse = [rule("dns", priority=9, denied=[entry("udp")])]
    code, said = told(*words, "--add", saved(tmp_path / "new.json", worse))
    assert (code, said["checks"][0]["findings"][0]["rule"]) == (1, "firewall:dns")


def test_a_rule_is_added_where_the_list_could_not_be_read(tmp_path: Path, checks: Path) -> None:
    """It comes beside those that the effective firewalls show."""
    answer = {"firewalls": [rule("dns")], "firewallPolicys": []}
    scopes = [{"network": "default", "region": "us-east1", "answer": answer}]
    unread = recording(effectiveFirewalls=scopes, unavailable={"firewalls": "forbidden"})
    before = saved(tmp_path / "before.json", unread)
    denies = saved(tmp_path / "new.json", rule("no", priority=9, denied=[entry("all")]))
    code, said = told("--recording", before, "-f", checks, "--add", denies)
    assert (code, said["checks"][0]["before"], said["checks"][0]["after"]) == (1, "upheld", "violated")


ONE_CHANGE = "--terraform, or --changed, or --delete and --add, says what changes"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), f"{ONE_CHANGE}; given: none"),
        (("--delete", "a", "--changed", "b"), f"{ONE_CHANGE}; given: --changed, --delete"),
        (("--terraform", "a", "--add", "b"), f"{ONE_CHANGE}; given: --terraform, --add"),
        (("--delete", "nobody"), "--delete: the recording has no rule 'nobody'; it has firewall:dns"),
        (("--delete", "policies"), "--delete: the recording has no rule 'policies'; it has firewall:dns"),
    ],
)
def test_what_changes_is_said_once(words: tuple[str, ...], line: str, tmp_path: Path, checks: Path) -> None:
    """One line, exit code 2."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    assert planned("--recording", before, "-f", checks, *words) == (2, "", f"pathcheck plan: {line}\n")


def test_a_name_that_is_taken(tmp_path: Path, checks: Path) -> None:
    """The API would refuse it as well."""
    before = saved(tmp_path / "before.json", recording(rule("dns")))
    new = saved(tmp_path / "new.json", rule("dns", priority=9))
    line = f"--add: {new}: there is a rule dns already; --delete it as well to replace it"
    got = planned("--recording", before, "-f", checks, "--add", new)
    assert got == (2, "", f"pathcheck plan: {line}\n")


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
