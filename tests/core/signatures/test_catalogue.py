"""The rules that everybody has: that they are those of real projects, and whom they can be about."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from pathcheck.core.signatures.catalogue import SHAPES, catalogue
from pathcheck.model.flows import Endpoint
from pathcheck.model.rules import Rule
from pathcheck.model.words import Vantage
from pathcheck.wire.firewall_rules import firewall_of

RECORDED = Path(__file__).parents[2] / "recorded"
PROJECTS = ("default-network", "gke-public", "gke-private")
OWN = {"allow-iap-ssh", "deny-all-egress", "allow-private-egress"}  # written by the project's people


def shape_of(rule: Rule) -> Rule:
    """The one whose name fits, the longest first: `k8s-fw-l7-…` before `k8s-fw-…`."""
    shapes = sorted((s.rule for s in SHAPES), key=lambda shape: -len(shape.name))
    return next(s for s in shapes if re.fullmatch(re.escape(s.name).replace("…", ".+"), rule.name))


def recorded() -> list[Rule]:
    found = [
        rule for name in PROJECTS for rule in firewall_of(json.loads((RECORDED / f"{name}.json").read_text())).rules
    ]
    return [rule for rule in found if rule.name not in OWN]


@pytest.mark.parametrize("rule", recorded(), ids=lambda rule: rule.name)
def test_rules_of_whole_projects_have_their_shapes(rule: Rule) -> None:
    """Name, action, priority, traffic, and sources where they are the same for everybody."""
    shape = shape_of(rule)
    assert (rule.action, rule.priority, bool(rule.target_tags)) == (
        shape.action,
        shape.priority,
        bool(shape.target_tags),
    )
    some_ports = {s.rule: s.some_ports for s in SHAPES}[shape]
    if some_ports:
        assert {match.protocol for match in rule.l4} <= {match.protocol for match in shape.l4}
    else:
        assert {str(match) for match in rule.l4} == {str(match) for match in shape.l4}
    if not shape.remote_unsure:
        assert set(rule.remote_ranges) <= set(shape.remote_ranges)


def names(sender: Endpoint | None, version: int = 4) -> set[str]:
    return {rule.name for rule in catalogue(sender, version).rules}


def test_whose_rules_can_be_about_a_pod() -> None:
    """Those for nodes, for the control plane and for health checks are not."""
    pod = Endpoint(ip_address("10.24.12.41"), vantage=Vantage.POD)
    assert names(None) - names(pod) == {"gke-…-vms", "gke-…-master", "gke-…-ssh"}
    assert "gke-…-all" in names(pod)


def test_whose_rules_can_be_about_a_node() -> None:
    """The rule for pods is not."""
    node = Endpoint(ip_address("10.142.15.206"), vantage=Vantage.HOST)
    assert {"gke-…-all", "gke-…-vms"} & names(node) == {"gke-…-vms"}


def test_health_checks_have_addresses_of_their_own() -> None:
    """Their rules are meant only where one of these sends."""
    health_checks = {"k8s-fw-l7-…", "k8s-…-node-http-hc"}
    assert health_checks & names(None) == set()
    assert health_checks <= names(Endpoint(ip_address("35.191.0.9")))


def test_each_family_has_its_own_rule_for_pods() -> None:
    """A firewall rule has ranges of one family only."""
    pod_rules = {"gke-…-all", "gke-…-ipv6-all"}
    assert [pod_rules & names(None, version) for version in (4, 6)] == [{"gke-…-all"}, {"gke-…-ipv6-all"}]
