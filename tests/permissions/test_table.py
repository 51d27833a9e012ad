"""Each permission taken away alone from the reader, as docs/permissions.md says; e2e/engine asks the live operator."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.lab.seed import ELSEWHERE, recording
from e2e.lab.topology import topology
from e2e.network_of import ask, emulator
from pathcheck.core.decide import decide_check
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import ConditionStatus, Reason
from pathcheck.shell.reader import serve
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.gcloud import command
from pathcheck.wire.path_checks import path_check_of
from tests.builders import NOON, nodes
from tests.permissions.table import CHECKS, POLICY, PROJECT, Check, Row, document, policy_rules, rows

ROOT = Path(__file__).parents[2]
NODES = topology(3).nodes


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The story's cloud with the policy, enforcing nothing."""
    seed = recording(topology(3)) | ELSEWHERE
    policy = {"name": POLICY, "type": "NETWORK", "rules": policy_rules()}
    seed["effectiveFirewalls"] = [{"network": "default", "region": "us-east1", "answer": {"firewallPolicys": [policy]}}]
    with emulator(seed, tmp_path_factory.mktemp("cloud"), "nowhere", "--no-enforce") as found:
        order = {"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
        ask(found, "PATCH", f"/compute/v1/projects/{PROJECT}/global/networks/default", order)
        yield found


def read(endpoint: str) -> Firewall | Unavailable:
    """What the reader brings, or its refusal as an operator keeps it that never read anything."""
    said: list[str] = []
    wanted = {"project": PROJECT, "instances": [{"zone": n.zone, "name": n.name} for n in NODES]}
    serve([json.dumps({"read": wanted})], said.append, f"http://{endpoint}")
    answer = json.loads(said[0])
    if "error" in answer:
        return Unavailable(answer["error"]["why"], forbidden=answer["error"]["permission"])
    return replace(firewall_of(answer["recording"]), first_read=NOON, last_read=NOON)


def told(check: Check, firewall: Firewall | Unavailable) -> str:
    """The sentence of the one finding; "" where the check is True."""
    asked = path_check_of(check.body | {"metadata": {"name": check.name, "uid": "u", "generation": 1}})
    snapshot = Snapshot(NOON, nodes(), {}, {}, {}, {}, {check.name: asked}, firewall)
    status = decide_check(snapshot, check.name, command).status
    upheld = status.condition("Upheld")
    assert upheld is not None
    if upheld.status is ConditionStatus.TRUE:
        return ""
    assert (upheld.status, upheld.reason) == (ConditionStatus.UNKNOWN, Reason.FIREWALL_UNDETERMINED)
    (finding,) = status.findings
    return finding.sentence


def test_nothing_is_missing(endpoint: str) -> None:
    """Every check is True."""
    firewall = read(endpoint)
    assert [told(check, firewall) for check in CHECKS] == [""] * len(CHECKS)


@pytest.mark.parametrize("row", rows("one") + rows("none"), ids=lambda row: "+".join(row.missing))
def test_what_is_still_decided(row: Row, endpoint: str) -> None:
    """What does not depend on the missing permission is decided as ever; the rest is undetermined, with its sentence."""
    try:
        for permission in row.missing:
            ask(endpoint, "POST", "/lab/faults", {"answer": 403, "permission": permission})
        firewall = read(endpoint)
    finally:
        ask(endpoint, "DELETE", "/lab/faults")
    assert [told(check, firewall) for check in CHECKS] == [row.sentence(check) for check in CHECKS]


def test_the_page_is_made_of_the_table() -> None:
    """docs/permissions.md is what `python -m tests.permissions.table` prints; `make goldens` renews it."""
    page = ROOT / "docs" / "permissions.md"
    if os.environ.get("PATHCHECK_RENEW_GOLDENS"):
        page.write_text(document())
    assert page.read_text() == document()
