"""Without access to the cloud: what crosses and what is silent says which rules are in force, and which one is not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e import compute, install
from e2e.engine.asking import PATHCHECK
from e2e.faults import levers
from e2e.watching import Change, Watch, is_true

NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")
CROSSES = "only icmp, tcp/80, tcp/443 cross"
EXPLAINED = "exactly what akrobateo-fw-traefik and default-allow-icmp admit"
GONE = f"{compute.DELETED_RULE} is not in force"


@contextmanager
def switched_off() -> Iterator[None]:
    """The operator may not read any firewall."""
    operator = ("-n", install.NAMESPACE, "set", "env", "deployment/pathcheck-operator")
    ready = ("-n", install.NAMESPACE, "rollout", "status", "deployment/pathcheck-operator", "--timeout=90s")
    install.kubectl(*operator, "PATHCHECK_FIREWALL=none")
    install.kubectl(*ready)
    try:
        yield
    finally:
        install.kubectl(*operator, "PATHCHECK_FIREWALL-")
        install.kubectl(*ready)


@pytest.fixture
def blind(kube_dns: Watch) -> Iterator[Watch]:
    """The story's three checks are True, and from then on nobody reads the firewall."""
    install.apply_examples()
    for name in NAMES:
        kube_dns.wait_for(name, "True", is_true, 30)
    with switched_off():
        yield kube_dns
        levers.restore_rule()
        levers.until("all True", lambda: all(is_true(kube_dns.last(name)) for name in NAMES), within=60)
    install.kubectl("delete", "pathchecks", *NAMES[1:])


def signed(change: Change) -> bool:
    """The finding about the silence has the signature's clause."""
    return any(f["reason"] == "SilentForUnknownReason" and CROSSES in f["sentence"] for f in change.findings)


def test_the_pattern_names_the_rules_in_force_and_the_one_that_is_not(blind: Watch, tmp_path: Path) -> None:
    """By the rules as they were kept when they could be read last; and offline, from what the probes report, without any rules."""
    deleted = levers.delete_rule()
    change = blind.wait_for("pod-to-pod", "explained by its ports", signed, 60, deleted)
    assert change.upheld()[0] == "False"
    (sentence,) = {f["sentence"] for f in change.findings if CROSSES in f["sentence"]}
    assert "reading the firewall is switched off" in sentence
    assert EXPLAINED in sentence
    assert GONE in sentence
    levers.until("explained offline", lambda: CROSSES in _offline(tmp_path / "probes.json"), within=60)


def _offline(probes: Path) -> str:
    """What `pathcheck signature` says of the probes' reports as they are now."""
    probes.write_text(install.kubectl("get", "pathprobes", "-n", install.NAMESPACE, "-o", "json"))
    words = [PATHCHECK, "signature", "--probes", str(probes)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout
