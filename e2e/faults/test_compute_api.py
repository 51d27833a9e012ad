"""The Compute API in every kind of trouble: verdicts follow the packets, and what cannot be told is said with its reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import install
from e2e.faults import levers
from e2e.truth import Truth
from e2e.watching import Change, Watch, is_false, is_true, names_the_rule

TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "the connection is cut": ({"cut": True}, "the Compute API does not answer"),
    "it answers too late": ({"delaySeconds": 10}, "the Compute API does not answer"),
    "it answers 500": ({"answer": 500}, "the Compute API does not answer"),
    "too many requests": ({"answer": 429}, ""),
    "a permission was taken away": (
        # Without the rules' own list they are read from the effective firewalls; nothing stands in for the machines.
        {"answer": 403, "permission": "compute.instances.list"},
        "Required 'compute.instances.list' permission",
    ),
}


@pytest.fixture(autouse=True)
def fresh_reader(installed: dict[str, str]) -> Iterator[None]:
    """The firewall was read before the trouble, and the trouble before is forgotten: after forbidden and rate-limited readings the next one
    waits, which would be the next test's."""
    began = time.time()
    levers.until("the firewall is read", lambda: has_been_read_since(began), within=60)
    yield
    deployment = ("deployment/pathcheck-operator", "-n", install.NAMESPACE)
    install.kubectl("rollout", "restart", *deployment, environment=installed)
    install.kubectl("rollout", "status", *deployment, "--timeout=60s", environment=installed)


def has_been_read_since(moment: float) -> bool:
    """Whether the last call of a whole reading was answered well."""
    requests = levers.call("GET", f"{levers.EMULATOR}/lab/requests")["requests"]
    return any(
        r["path"].endswith("getEffectiveFirewalls") and r["status"] == 200 and levers.moment(r["time"]) > moment
        for r in requests
    )


def is_unexplained(why: str) -> Any:
    """Violated for an unknown reason, which the message gives, with since when."""

    def holds(change: Change) -> bool:
        message = str(change.condition("Upheld").get("message", ""))
        return (
            change.upheld() == ("False", "SilentForUnknownReason")
            and "the firewall was last read" in message
            and "and cannot be read now: " in message
            and why in message
            and ", since " in message
        )

    return holds


@pytest.mark.parametrize("trouble", TROUBLES)
def test_without_the_compute_api_the_verdict_follows_the_packets(trouble: str, watch: Watch, truth: Truth) -> None:
    """The outage is seen, its cause is undetermined and says why and since when, and the recovery is seen too."""
    fault, why = TROUBLES[trouble]
    with levers.compute_api(**fault):
        truth.broken("kube-dns", "pod-to-pod")
        deleted = levers.delete_rule()
        for name in ("kube-dns", "pod-to-pod"):
            watch.wait_for(name, "False", is_false, within=20, after=deleted)
        watch.wait_for("kube-dns", "unexplained", is_unexplained(why), within=45, after=deleted)
        assert why in install.kubectl("describe", "pathcheck", "kube-dns")
        restored = levers.restore_rule()
        truth.whole("kube-dns", "pod-to-pod")
        for name in ("kube-dns", "pod-to-pod"):
            watch.wait_for(name, "True", is_true, within=20, after=restored)


def test_the_cause_is_named_once_the_compute_api_answers_again(watch: Watch, truth: Truth) -> None:
    """It was away when the rule was deleted, and is asked again soon after it is back."""
    with levers.compute_api(cut=True):
        truth.broken("kube-dns", "pod-to-pod")
        deleted = levers.delete_rule()
        watch.wait_for("kube-dns", "False", is_false, within=20, after=deleted)
    watch.wait_for("kube-dns", "naming the rule", names_the_rule, within=60, after=deleted)
    restored = levers.restore_rule()
    truth.whole("kube-dns", "pod-to-pod")
    for name in ("kube-dns", "pod-to-pod"):
        watch.wait_for(name, "True", is_true, within=20, after=restored)
