"""Faults on the way of the packets that are not one deleted rule."""

from __future__ import annotations

import itertools
import time

from e2e import install
from e2e.faults import levers
from e2e.truth import Truth
from e2e.watching import Change, Watch, is_false, is_true, names_the_rule, violated


def test_a_drop_that_no_rule_explains_is_looked_for_beyond_the_firewall(watch: Watch, truth: Truth) -> None:
    """The firewall is named as not guilty, by the rule that admits it."""
    truth.broken("pod-to-pod")
    with levers.swallowed("iifname v-node-2 tcp dport 8080"):
        began = time.time()
        watch.wait_for("pod-to-pod", "complete", violated(2), within=20, after=began)
        change = watch.wait_for("pod-to-pod", "explained", _beyond, within=30, after=began)
        (finding,) = change.findings
        assert (finding["reason"], finding["flows"], finding["fix"]) == ("SilentBeyondFirewall", 2, "")
        assert "gke-august-period-234610-all (1000) admits" in finding["sentence"]
    truth.whole("pod-to-pod")
    watch.wait_for("pod-to-pod", "True", is_true, within=20, after=time.time())


def _beyond(change: Change) -> bool:
    return change.upheld() == ("False", "SilentBeyondFirewall")


def test_two_faults_are_two_findings(watch: Watch, truth: Truth) -> None:
    """A deny rule on one port and a drop on another: each with its own reason, the rule named in its own finding only."""
    deny = {"priority": 500, "sourceRanges": ["10.24.12.0/24"], "denied": [{"IPProtocol": "tcp", "ports": ["443"]}]}
    truth.broken("web-and-ping")
    with levers.rule("deny-https-of-node-2", **deny), levers.swallowed("oifname v-node-3 tcp dport 80"):
        began = time.time()
        change = watch.wait_for("web-and-ping", "both explained", _both, within=40, after=began)
        assert change.counts == {"asked": 18, "upheld": 14, "violated": 4, "unknown": 0}
        rules = {finding["reason"]: finding["rule"] for finding in change.findings}
        assert "deny-https-of-node-2" in rules["BlockedByFirewall"]
        assert "deny-https-of-node-2" not in rules["SilentBeyondFirewall"]
    truth.whole("web-and-ping")
    watch.wait_for("web-and-ping", "True", is_true, within=20, after=time.time())


def _both(change: Change) -> bool:
    found = sorted((f["reason"], f["flows"]) for f in change.findings)
    return found == [("BlockedByFirewall", 2), ("SilentBeyondFirewall", 2)]


def test_a_flapping_rule_makes_as_many_transitions_as_were_real(watch: Watch, truth: Truth) -> None:
    """Deleted and made again ten times in a minute: never more transitions than that, at most two Events for each (what is wrong, and
    then why), and the last word is right."""
    seen_before = len(levers.judgements("kube-dns"))
    began = time.time()
    truth.flapping("kube-dns", "pod-to-pod")
    for _ in range(10):
        levers.delete_rule()
        time.sleep(3)
        restored = levers.restore_rule()
        time.sleep(3)
    truth.whole("kube-dns", "pod-to-pod")
    watch.wait_for("kube-dns", "True", is_true, within=20, after=restored)
    watch.wait_for("pod-to-pod", "True", is_true, within=20, after=restored)
    transitions = _transitions([c for c in watch.history["kube-dns"] if c.at >= began])
    assert 1 <= transitions <= 20, transitions
    assert len(levers.judgements("kube-dns")) - seen_before <= 2 * transitions


def _transitions(changes: list[Change]) -> int:
    statuses = ["True", *(change.upheld()[0] for change in changes)]
    return sum(a != b for a, b in itertools.pairwise(statuses))


def test_a_check_may_be_edited_and_deleted_in_the_outage(watch: Watch, truth: Truth) -> None:
    """The edited spec is judged for itself; when no check needs them, the probe pods go."""
    truth.broken("kube-dns", "pod-to-pod")
    deleted = levers.delete_rule()
    watch.wait_for("pod-to-pod", "complete", violated(12), within=30, after=deleted)
    edited = time.time()
    only_web = '{"spec": {"traffic": [{"protocol": "TCP", "port": 443}]}}'
    truth.whole("pod-to-pod")  # of what it asks now, nothing is broken
    install.kubectl("patch", "pathcheck", "pod-to-pod", "--type=merge", "-p", only_web)
    watch.wait_for("pod-to-pod", "True for what it asks now", is_true, within=20, after=edited)
    watch.wait_for("kube-dns", "naming the rule", names_the_rule, within=30, after=deleted)
    assert is_false(watch.last("kube-dns"))
    install.kubectl("delete", "pathcheck", "--all")
    levers.until("without probe pods", lambda: not levers.probe_pods(), within=30)
    assert levers.objects("pathprobes", "-n", install.NAMESPACE) == []
    levers.restore_rule()
    truth.names = ()  # what is gone is neither right nor wrong
