"""Firewall policies of every kind in the live operator: who decides, in which order, and what mends it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from e2e import compute
from e2e.engine import asking, cloud
from e2e.engine.conftest import of_another_reading
from e2e.engine.wires import PODS
from e2e.faults import levers
from e2e.packets.exchange import Exchange
from e2e.packets.frames import UDP, Question
from e2e.watching import Change, Watch, is_true, names_the_rule

DENY_DNS = {"priority": 100, "action": "deny", "direction": "INGRESS", "match": cloud.DNS}
QUERY = Question(PODS["node-2"], PODS["node-1"], UDP, 53)
SECONDS = 20


def blocked(watch: Watch, since: float) -> dict[str, Any]:
    """The only finding of kube-dns, once it names the rule for both nodes that ask another one by UDP."""
    change = watch.wait_for("kube-dns", "naming the rule", _of_all_ways, SECONDS, since)
    (finding,) = change.findings
    return finding


def _of_all_ways(change: Change) -> bool:
    # For a moment the way that broke first is explained, and the other not yet.
    return names_the_rule(change) and change.counts["violated"] == 2 and len(change.findings) == 1


def told_offline(directory: Path) -> dict[str, Any]:
    """What `pathcheck predict` says of a query between pods on node-2 and node-1, of a recording made now."""
    asked = ("--from", QUERY.source, "--to", QUERY.destination, "udp/53")
    return asking.predict(asking.recording(), directory, *asked)


def test_a_policy_that_comes_to_be_asked_first(
    kube_dns: Watch, packets: Exchange, lab: dict[str, str], tmp_path: Path
) -> None:
    """Behind the VPC rules its deny changes nothing; before them it breaks DNS, and the printed fix is a rule of that policy."""
    before = kube_dns.last("kube-dns")
    with cloud.global_policy("baseline", DENY_DNS) as made:
        read = kube_dns.wait_for("kube-dns", "read again", of_another_reading(before), SECONDS, made)
        assert is_true(read)
        assert packets.arrived([QUERY]) == {QUERY}
        assert told_offline(tmp_path)["decidedBy"] == [f"firewall:{compute.DELETED_RULE}"]
        with cloud.policies_before_rules() as changed:
            finding = blocked(kube_dns, changed)
            assert finding["rule"] == "policy:baseline/100"
            assert "baseline" in finding["sentence"]
            offline = told_offline(tmp_path)
            assert (offline["prediction"], offline["decidedBy"]) == ("blocked", ["policy:baseline/100"])
            assert [obstacle["name"] for obstacle in offline["obstacles"]] == ["policy:baseline/100"]
            assert offline["nearMisses"][0]["rule"] == f"firewall:{compute.DELETED_RULE}"
            assert packets.arrived([QUERY]) == set()
            assert all(is_true(c) for c in kube_dns.history["kube-dns"] if made <= c.at < changed)
            compute.run(finding["fix"], lab)
            fixed = time.time()
            kube_dns.wait_for("kube-dns", "True", is_true, SECONDS, fixed)


def test_a_policy_of_the_organization(kube_dns: Watch, tmp_path: Path) -> None:
    """No rule of the project mends it: it says whose policy it is, and offers no fix."""
    with cloud.hierarchical_policy("security-baseline", DENY_DNS) as number:
        finding = blocked(kube_dns, time.time())
        assert (finding["rule"], finding["fix"]) == (f"policy:{number}/100", "")
        assert "hierarchical firewall policy security-baseline" in finding["sentence"]
        assert finding["fixNote"].endswith("only the organization or folder that owns the policy can change it")
        assert told_offline(tmp_path)["decidedBy"] == [f"policy:{number}/100"]
    kube_dns.wait_for("kube-dns", "True", is_true, SECONDS, time.time())


def test_everything_that_is_in_the_way_is_told(kube_dns: Watch, tmp_path: Path) -> None:
    """With the organization's deny and without the story's rule, whoever has the deny lifted is not surprised by the next."""
    with cloud.hierarchical_policy("security-baseline", DENY_DNS) as number:
        levers.delete_rule()
        finding = blocked_by_all(kube_dns, time.time())
        assert finding["rule"] == f"policy:{number}/100"
        assert "; also in the way: implied-deny-ingress" in finding["sentence"]
        names = [obstacle["name"] for obstacle in told_offline(tmp_path)["obstacles"]]
        assert names == [f"policy:{number}/100", "implied-deny-ingress"]
        levers.restore_rule()
    kube_dns.wait_for("kube-dns", "True", is_true, SECONDS, time.time())


def blocked_by_all(watch: Watch, since: float) -> dict[str, Any]:
    """The finding about udp, which both deny; tcp has only one of them in its way."""

    def told(change: Change) -> bool:
        return any("also in the way" in finding["sentence"] for finding in change.findings)

    change = watch.wait_for("kube-dns", "telling both", told, SECONDS, since)
    return next(f for f in change.findings if "also in the way" in f["sentence"])


def test_what_keeps_packets_from_leaving(kube_dns: Watch, lab: dict[str, str], tmp_path: Path) -> None:
    """An egress rule is found on the sender's side, and the fix is an egress rule before it."""
    denied = {"denied": [{"IPProtocol": "udp", "ports": ["53"]}], "destinationRanges": ["10.24.0.0/14"]}
    with levers.rule("deny-dns-out", direction="EGRESS", priority=500, **denied):
        finding = blocked(kube_dns, time.time())
        assert finding["rule"] == "firewall:deny-dns-out"
        offline = told_offline(tmp_path)
        assert (offline["egressDecidedBy"], offline["ingressDecidedBy"]) == (["firewall:deny-dns-out"], [])
        assert "--direction=EGRESS" in finding["fix"]
        compute.run(finding["fix"], lab)
        kube_dns.wait_for("kube-dns", "True", is_true, SECONDS, time.time())


def test_a_rule_that_only_hands_on_changes_nothing(kube_dns: Watch, packets: Exchange, tmp_path: Path) -> None:
    """goto_next leaves the policy, and the VPC rules decide as before."""
    before = kube_dns.last("kube-dns")
    hand_on = DENY_DNS | {"action": "goto_next", "priority": 50}
    with cloud.hierarchical_policy("hands-on", hand_on, DENY_DNS):
        made = time.time()
        read = kube_dns.wait_for("kube-dns", "read again", of_another_reading(before), SECONDS, made)
        assert is_true(read)
        assert packets.arrived([QUERY]) == {QUERY}
        assert told_offline(tmp_path)["decidedBy"] == [f"firewall:{compute.DELETED_RULE}"]
    assert all(is_true(c) for c in kube_dns.history["kube-dns"] if c.at >= before.at)
