"""Who changed the firewall, when, and what that permits no longer: in Events, in the status, and in the cluster after a restart."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from e2e import compute, install
from e2e.engine import asking
from e2e.engine.asking import PATHCHECK
from e2e.faults import levers
from e2e.watching import Change, Watch, is_true
from pathcheck.wire.firewall_rules import firewall_of

CLOSED = (
    "10.24.0.0/14 → tcp (not 22, 80, 443, 3389), udp, esp, ah, sctp "
    "on machines tagged gke-august-period-234610-1de60498-node: no longer permitted"
)
DELETED = f"firewall:{compute.DELETED_RULE}"


@pytest.fixture(autouse=True)
def log(kube_dns: Watch) -> Iterator[None]:
    """The audit log behaves as ever to begin with; what the test before has restored has been read, and its author found."""
    compute.reset_audit()
    revision = firewall_of(asking.recording()).revision
    levers.until("read", lambda: _revision(kube_dns.last("kube-dns")) == revision, within=20)
    pending = ("firewallchanges", "-n", install.NAMESPACE)
    levers.until("told who", lambda: all(c["attribution"] != "Pending" for c in levers.objects(*pending)), within=60)
    yield
    compute.reset_audit()


def _revision(change: Change) -> str:
    return str(change.body.get("status", {}).get("firewall", {}).get("revision"))


def last_change(change: Change) -> dict[str, Any]:
    """status.firewall.lastChange."""
    return dict(change.body.get("status", {}).get("firewall", {}).get("lastChange", {}))


def told(watch: Watch, who: str, after: float, within: float = 20) -> dict[str, Any]:
    """The last change of kube-dns once it names this author ("" is nobody)."""
    since = watch.last("kube-dns")
    number = last_change(since).get("number", 0)

    def names(change: Change) -> bool:
        found = last_change(change)
        return bool(found) and found["number"] >= number and found["who"] == who and found["worse"] > 0

    return last_change(watch.wait_for("kube-dns", f"changed by {who or 'nobody'}", names, within, after))


def changes(lab: Mapping[str, str], *words: str) -> list[dict[str, Any]]:
    """`pathcheck history -o json`, the latest first."""
    command = [PATHCHECK, "history", "-o", "json", *words]
    done = subprocess.run(command, env={**os.environ, **lab}, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout)["changes"])


def events_of(reason: str, after: float) -> list[str]:
    """What kube-dns was told with this reason, oldest first."""
    found = levers.events("kube-dns")
    return [e["message"] for e in found if e["reason"] == reason and levers.moment(e["eventTime"]) >= after]


@contextmanager
def no_operator() -> Iterator[None]:
    """Nobody watches."""
    scale = ("-n", install.NAMESPACE, "scale", "deployment/pathcheck-operator")
    install.kubectl(*scale, "--replicas=0")
    gone = ("-n", install.NAMESPACE, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=pathcheck-operator")
    install.kubectl(*gone, "--timeout=60s")
    try:
        yield
    finally:
        install.kubectl(*scale, "--replicas=1")
        install.kubectl("-n", install.NAMESPACE, "rollout", "status", "deployment/pathcheck-operator", "--timeout=90s")


def test_the_event_says_who_when_and_what_and_the_history_survives_the_operator(
    kube_dns: Watch, lab: dict[str, str]
) -> None:
    """A rule deleted by a real client: its author, its moment, its program, and what stopped being permitted."""
    compute.audit(principal="dana@example.com")
    began = time.time()
    compute.run(compute.delete(compute.DELETED_RULE), lab)
    change = told(kube_dns, "dana@example.com", began)
    assert change["sentence"].startswith(f"{compute.DELETED_RULE} deleted (admitted ")
    assert " by dana@example.com at " in change["sentence"]
    assert change["sentence"].endswith(CLOSED)
    assert (change["worse"], change["better"]) == (4, 0)
    levers.until("an Event", lambda: len(events_of("FirewallChanged", began)) == 1, within=5)
    (event,) = events_of("FirewallChanged", began)
    assert event == f"{change['sentence']}; 4 flows are as expected no longer, by the rules"
    before = changes(lab, "kube-dns")
    assert before[0]["number"] == change["number"]
    with no_operator():
        pass
    assert changes(lab, "kube-dns") == before
    (edit,) = before[0]["edits"]
    (call,) = edit["by"]
    assert (edit["id"], edit["deed"], call["principal"]) == (DELETED, "deleted", "dana@example.com")
    assert call["method"] == "v1.compute.firewalls.delete"
    assert abs(levers.moment(call["time"]) - compute.changed_at()) < 3
    assert before[0]["closes"] == [CLOSED]


def test_what_happened_while_nobody_watched_is_found_by_the_next_operator(kube_dns: Watch, lab: dict[str, str]) -> None:
    """The firewall as it was is kept in the cluster; the audit log is asked for all of the time between."""
    compute.audit(principal="eve@example.com")
    began = time.time()
    with no_operator():
        levers.delete_rule()
    told(kube_dns, "eve@example.com", began, within=30)
    assert [edit["id"] for edit in changes(lab)[0]["edits"]] == [DELETED]


def test_two_edits_within_one_poll_have_their_own_authors_page_by_page(kube_dns: Watch, lab: dict[str, str]) -> None:
    """One reading shows both; the log is answered in pages of one entry, some of them empty."""
    compute.audit(pageSize=1, emptyPages=1, principal="dana@example.com")
    began = time.time()
    levers.until("just read", lambda: _read_lately(kube_dns), within=15)
    levers.delete_rule()
    compute.audit(principal="eve@example.com")
    with levers.rule("extra", sourceRanges=["198.51.100.0/24"], allowed=[{"IPProtocol": "tcp", "ports": ["8443"]}]):
        told(kube_dns, "dana@example.com, eve@example.com", began)
        authors = {e["id"]: e["by"][-1]["principal"] for e in changes(lab)[0]["edits"]}
    assert authors == {DELETED: "dana@example.com", "firewall:extra": "eve@example.com"}


def _read_lately(watch: Watch) -> bool:
    """The request log of the emulator shows a reading that ended a moment ago: the next is seconds away."""
    requests = levers.call("GET", f"{levers.EMULATOR}/lab/requests")["requests"]
    reads = [r for r in requests if r["method"] == "GET" and r["path"].endswith("/getEffectiveFirewalls")]
    return bool(reads) and time.time() - levers.moment(reads[-1]["time"]) < 2


def test_an_entry_that_is_late_is_told_once_it_is_there(kube_dns: Watch) -> None:
    """First that nobody knows yet, then the name."""
    compute.audit(principal="dana@example.com", delaySeconds=3600)
    began = time.time()
    levers.delete_rule()
    unknown = told(kube_dns, "", began, within=30)
    assert f"by whom is not known: the audit log has no entry for {compute.DELETED_RULE} yet" in unknown["sentence"]
    compute.audit(delaySeconds=0)
    named = told(kube_dns, "dana@example.com", began, within=20)
    assert named["number"] == unknown["number"]
    levers.until("two Events", lambda: len(events_of("FirewallChanged", began)) == 2, within=5)


def test_without_the_permission_all_but_the_name_is_told(kube_dns: Watch) -> None:
    """What was edited and what that closes is read from the firewall itself; which permission is missing is said."""
    compute.audit(principal="dana@example.com")
    began = time.time()
    with levers.compute_api(match={}, answer=403, permission="logging.logEntries.list"):
        levers.delete_rule()
        unknown = told(kube_dns, "", began, within=30)
    assert "logging.logEntries.list" in unknown["sentence"]
    assert unknown["sentence"].endswith(CLOSED)
    told(kube_dns, "dana@example.com", began, within=30)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_the_clouds_clock_may_be_minutes_away_from_the_clusters(kube_dns: Watch, seconds: int) -> None:
    """How far is seen with each answer; the entry is told with the cloud's own time."""
    compute.audit(principal="dana@example.com", clockSeconds=seconds)
    began = time.time()
    levers.delete_rule()
    told(kube_dns, "dana@example.com", began)


def test_a_refused_deletion_is_nobodys_deed(kube_dns: Watch) -> None:
    """Who was refused is in the log as well; the rule was deleted by somebody else."""
    compute.audit(principal="mallory@example.com")
    with levers.compute_api(match={"method": "DELETE"}, answer=503, times=1), pytest.raises(Exception, match="503"):
        levers.delete_rule()
    compute.audit(principal="dana@example.com")
    began = time.time()
    levers.delete_rule()
    told(kube_dns, "dana@example.com", began)


SLOW = """
apiVersion: pathcheck.dev/v1alpha1
kind: PathCheck
metadata: {name: slow}
spec:
  from: {nodes: {names: [node-2]}}
  to: {nodes: {names: [node-1]}}
  traffic: [{protocol: UDP, port: 5353}]
  cadence: {intervalSeconds: 60}
"""


def test_a_deleted_rule_is_foretold_before_the_packets_are_missed(kube_dns: Watch) -> None:
    """A check that dials once a minute has its finding and its Event at the next reading; Upheld waits for the packets."""
    began = time.time()
    install.kubectl("apply", "-f", "-", given=SLOW)
    try:
        kube_dns.wait_for("slow", "True", is_true, 30, began)
        levers.delete_rule()
        foretold = kube_dns.wait_for(
            "slow", "foretold", lambda c: any(f["reason"] == "FirewallWouldBlock" for f in c.findings), 15, began
        )
        assert foretold.upheld()[0] == "True"
        (finding,) = foretold.findings
        assert (finding["rule"], finding["flows"]) == ("implied-deny-ingress", 1)
        assert finding["fix"].startswith("gcloud compute firewall-rules create pathcheck-slow ")
        warned = [e for e in levers.events("slow") if e["reason"] == "FirewallWouldBlock"]
        assert [e["type"] for e in warned] == ["Warning"]
    finally:
        levers.restore_rule()
        install.kubectl("delete", "pathcheck", "slow")
