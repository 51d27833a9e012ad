"""pod-range-coverage as it is shipped: the deletion is found before a packet is sent, and no probe is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from e2e import compute, install
from e2e.faults import levers
from e2e.watching import Watch, is_false, is_true

NAME = "pod-range-coverage"


@pytest.fixture
def alone(watch: Watch) -> Iterator[Watch]:
    """It is the only check, and True."""
    install.kubectl("delete", "pathchecks", "--all")
    levers.until("without probe pods", lambda: not levers.probe_pods(), within=60)
    began = time.time()
    install.kubectl("apply", "--server-side", "-k", str(install.ROOT / "manifests" / "checks"))
    watch.wait_for(NAME, "True", is_true, 20, began)
    yield watch
    compute.restore_story()
    install.kubectl("delete", "pathcheck", NAME)


def test_a_deleted_rule_is_found_without_a_packet(alone: Watch, lab: dict[str, str]) -> None:
    """At the next reading it is False with the rule, the near miss and a fix; there is no probe pod before, meanwhile or after."""
    assert levers.probe_pods() == {}
    assert levers.objects("pathprobes", "-n", install.NAMESPACE) == []
    compute.run(compute.delete(compute.DELETED_RULE), lab)
    deleted = compute.changed_at()
    change = alone.wait_for(NAME, "False", is_false, 15, deleted)
    assert change.upheld() == ("False", "FirewallWouldBlock")
    (finding,) = change.findings
    assert finding["rule"] == "implied-deny-ingress"
    assert finding["nearMiss"].startswith("default-allow-internal (65534) admits ")
    assert finding["fix"].startswith("gcloud compute firewall-rules create pathcheck-pod-range-coverage ")
    warning = levers.judgements(NAME)[-1]
    assert (warning["reason"], warning["type"]) == ("FirewallWouldBlock", "Warning")
    assert "blocked by implied-deny-ingress" in warning["message"]
    assert levers.probe_pods() == {}
    compute.run(finding["fix"], lab)
    alone.wait_for(NAME, "True", is_true, 15, time.time())
    assert levers.objects("pathprobes", "-n", install.NAMESPACE) == []
