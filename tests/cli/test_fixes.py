"""A proposal as it is printed, in each way of writing it down; the page about fixes shows the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pathcheck.cli.main import app
from tests.recordings import Raw, recording, rule

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fixes.md"
STORY = ROOT / "docs" / "story" / "outage.json"

MADE = """
  fix, predicted again with it in place:
    a rule that admits udp/53 from 10.24.12.0/24 on machines with tag gke-august-period-234610-1de60498-node
    it also opens udp/53 from 10.24.12.0/24 (pods of node-2) to node-3, 10.142.15.205 (node-1)
"""
"""How the story's fix begins, whatever it is written in."""

COMMAND = (
    "gcloud compute firewall-rules create pathcheck-udp-53 --project=august-period-234610 --network=default"
    " --direction=INGRESS --priority=1000 --source-ranges=10.24.12.0/24 --allow=udp:53"
    " --target-tags=gke-august-period-234610-1de60498-node"
)
TERRAFORM = """\
resource "google_compute_firewall" "pathcheck-udp-53" {
  name          = "pathcheck-udp-53"
  project       = "august-period-234610"
  network       = "default"
  direction     = "INGRESS"
  priority      = 1000
  source_ranges = ["10.24.12.0/24"]
  target_tags   = ["gke-august-period-234610-1de60498-node"]

  allow {
    protocol = "udp"
    ports    = ["53"]
  }
}
"""
CONFIG_CONNECTOR = """\
apiVersion: compute.cnrm.cloud.google.com/v1beta1
kind: ComputeFirewall
metadata:
  name: pathcheck-udp-53
  annotations:
    cnrm.cloud.google.com/project-id: august-period-234610
spec:
  networkRef:
    external: projects/august-period-234610/global/networks/default
  direction: INGRESS
  priority: 1000
  disabled: false
  sourceRanges:
  - 10.24.12.0/24
  targetTags:
  - gke-august-period-234610-1de60498-node
  allow:
  - protocol: udp
    ports:
    - '53'
"""
IN_THE_POLICY = """
  fix, predicted again with it in place:
    a rule in global network firewall policy perimeter that admits udp/53 from 10.24.12.0/24 on machines with\
 service account gke-nodes@august-period-234610.iam.gserviceaccount.com
    it also opens udp/53 from 10.24.12.0/24 (pods of node-2) to node-3, 10.142.15.205 (node-1)
    gcloud compute network-firewall-policies rules create 999\
 --project=august-period-234610 --firewall-policy=perimeter --global-firewall-policy\
 --direction=INGRESS --action=allow --src-ip-ranges=10.24.12.0/24 --layer4-configs=udp:53\
 --target-service-accounts=gke-nodes@august-period-234610.iam.gserviceaccount.com
"""
THEIRS = (
    "no rule of the project mends it: rule 1000 of hierarchical firewall policy guardrails denies udp/53 from 10.24.0.0/14;"
    " only the organization or folder that owns the policy can change it; also in the way: implied-deny-ingress"
)


def denying(kind: str, name: str, order: str = "AFTER_CLASSIC_FIREWALL") -> Raw:
    """The story's nodes behind a policy that denies pods the question for names."""
    match = {"srcIpRanges": ["10.24.0.0/14"], "layer4Configs": [{"ipProtocol": "udp", "ports": ["53"]}]}
    deny = {"priority": 1000, "action": "deny", "direction": "INGRESS", "match": match}
    policy = {"name": name, "displayName": "guardrails" if kind == "HIERARCHY" else name, "type": kind, "rules": [deny]}
    # Among the VPC rules nothing is missing where the policy is asked before them.
    admits = [rule("admits")] if order == "BEFORE_CLASSIC_FIREWALL" else []
    return recording(*admits, policies=[policy], order=order)


BEFORE_VPC = denying("NETWORK", "perimeter", "BEFORE_CLASSIC_FIREWALL")
OF_A_REGION = denying("NETWORK_REGIONAL", "perimeter", "BEFORE_CLASSIC_FIREWALL")
OF_OTHERS = denying("HIERARCHY", "123456")
SWITCHED_OFF = recording(rule("dns", disabled=True, sourceRanges=["10.24.0.0/14"]))
PERMITTED = recording(rule("dns"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a recording may be written."""
    return tmp_path / "recording.json"


def printed(file: Path, read: Raw | None, *words: str) -> str:
    """All that is printed for pods of node-2 that ask node-1 for a name; without a recording, of the story's."""
    if read is not None:
        file.write_text(json.dumps(read))
    asked = ["--from", "10.24.12.40", "--to", "10.24.9.31", "udp/53"]
    result = CliRunner().invoke(app, ["predict", "--recording", str(file if read else STORY), *asked, *words])
    assert result.stderr == ""
    return result.stdout


def fix_of(text: str) -> str:
    """From the blank line before the fix to the end."""
    for beginning in ("\n  fix, ", "\n  no fix: "):
        if beginning in text:
            return text[text.index(beginning) :]
    return ""


@pytest.mark.parametrize(
    ("read", "way", "fix"),
    [
        (None, "gcloud", f"{MADE}    {COMMAND}\n"),
        (None, "terraform", MADE + TERRAFORM),
        (None, "config-connector", MADE + CONFIG_CONNECTOR),
        (BEFORE_VPC, "gcloud", IN_THE_POLICY),
        (
            SWITCHED_OFF,
            "gcloud",
            f"{MADE}    {COMMAND}\n\n  it could also be, opening no less:\n    dns enabled, which admits udp from 10.24.0.0/14\n",
        ),
        (OF_OTHERS, "gcloud", f"\n  no fix: {THEIRS}\n"),
    ],
    ids=["gcloud", "terraform", "config-connector", "policy", "several", "none"],
)
def test_each_way_is_printed_as_the_page_shows_it(file: Path, read: Raw | None, way: str, fix: str) -> None:
    """The best fix in full, ready to be copied, the others by a sentence, or why there is none."""
    assert fix_of(printed(file, read, "--fix", way)) == fix
    shown = fix.removeprefix("\n") if way == "gcloud" else fix.removeprefix(MADE)
    assert shown in PAGE.read_text()


def test_what_config_connector_has_no_kind_for_is_said(file: Path) -> None:
    """A comment, so that nobody applies half of a fix and takes it for all of it."""
    assert fix_of(printed(file, OF_A_REGION, "--fix", "config-connector")).splitlines()[-1] == (
        "# Config Connector has no kind for rules of a regional network firewall policy (perimeter)"
    )


def test_what_is_permitted_has_no_fix_and_no_reason_for_none(file: Path) -> None:
    """Nothing is printed about it, and scripts find nulls."""
    assert fix_of(printed(file, PERMITTED)) == ""
    answer = json.loads(printed(file, PERMITTED, "--output", "json"))
    assert {key: answer[key] for key in ("fix", "fixes", "noFix")} == {"fix": None, "fixes": [], "noFix": None}


def test_scripts_get_every_way_at_once() -> None:
    """Whatever `--fix` says; `fix` is the first of `fixes`."""
    answer = json.loads(printed(STORY, None, "--output", "json", "--fix", "terraform"))
    fix = {
        "sentence": "a rule that admits udp/53 from 10.24.12.0/24 on machines with tag gke-august-period-234610-1de60498-node",
        "command": COMMAND,
        "terraform": TERRAFORM,
        "configConnector": CONFIG_CONNECTOR,
        "opens": ["udp/53 from 10.24.12.0/24 (pods of node-2) to node-3, 10.142.15.205 (node-1)"],
        "closes": [],
        "beyond": 0,
    }
    assert {key: answer[key] for key in ("fix", "fixes", "noFix")} == {"fix": fix, "fixes": [fix], "noFix": None}


def test_scripts_get_the_reason_where_there_is_none(file: Path) -> None:
    """As the text has it."""
    answer = json.loads(printed(file, OF_OTHERS, "--output", "json"))
    assert {key: answer[key] for key in ("fix", "fixes", "noFix")} == {"fix": None, "fixes": [], "noFix": THEIRS}
