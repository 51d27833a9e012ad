"""The origin story on the lab's real cluster, from outage to recovery, by the Service's address and from node to node."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator

import pytest

from e2e import compute, install
from e2e.watching import Change, Watch, is_false, is_true, names_the_rule, violated

BROKEN = {"kube-dns": 4, "pod-to-pod": 12}
NAMES = ("kube-dns", "pod-to-pod", "web-and-ping")


@pytest.fixture(scope="module")
def watch(lab: dict[str, str]) -> Iterator[Watch]:
    """The story's three PathChecks, applied and green."""
    compute.restore_story()
    install.install()
    with Watch(lab) as watch:
        install.apply_examples()
        for name in NAMES:
            watch.wait_for(name, "True", is_true, within=60)
        yield watch
    compute.restore_story()


@pytest.fixture(scope="module")
def outage(watch: Watch, lab: dict[str, str]) -> dict[str, Change]:
    """The state that names the cause, after gke-…-all was deleted by a real client."""
    compute.run(compute.delete(compute.DELETED_RULE), lab)
    deleted = compute.changed_at()
    for name in BROKEN:
        watch.wait_for(name, "naming the rule", names_the_rule, 30, deleted)
    return {name: watch.wait_for(name, "complete", explained(count), 30, deleted) for name, count in BROKEN.items()}


def explained(count: int) -> Callable[[Change], bool]:
    """So many flows violated, all by one cause: what fell silent after a reading of the firewall waits a moment for the next one."""
    complete = violated(count)
    return lambda change: complete(change) and len(change.findings) == 1


def test_the_deleted_rule_is_named_as_a_missing_one(outage: dict[str, Change]) -> None:
    """Implied deny decides, default-allow-internal is the near miss with its source range, and there is a fix to type."""
    (finding,) = outage["kube-dns"].findings
    assert (finding["reason"], finding["rule"], finding["flows"]) == ("BlockedByFirewall", "implied-deny-ingress", 4)
    assert finding["nearMiss"].startswith("default-allow-internal (65534) admits ")
    assert finding["nearMiss"].endswith(" is not in 10.128.0.0/9")
    assert finding["fix"].startswith("gcloud compute firewall-rules create pathcheck-kube-dns ")


def test_only_what_crosses_nodes_is_violated(outage: dict[str, Change]) -> None:
    """The two queries on CoreDNS' own node are still upheld, and every pair of different nodes is broken on both protocols."""
    assert outage["kube-dns"].counts == {"asked": 6, "upheld": 2, "violated": 4, "unknown": 0}
    assert outage["pod-to-pod"].counts == {"asked": 12, "upheld": 0, "violated": 12, "unknown": 0}


@pytest.mark.usefixtures("outage")
def test_what_misleads_everybody_stays_upheld(watch: Watch) -> None:
    """tcp/80, tcp/443 and ping cross by accident of other rules, and nobody says otherwise."""
    last = watch.last("web-and-ping")
    assert last.upheld() == ("True", "Upheld")
    assert last.counts == {"asked": 18, "upheld": 18, "violated": 0, "unknown": 0}


def test_every_broken_check_has_an_event_that_says_so(outage: dict[str, Change], lab: dict[str, str]) -> None:
    """kubectl describe shows the sentence where people look."""
    for name, change in outage.items():
        selector = f"involvedObject.name={name},reason=BlockedByFirewall"
        events = json.loads(
            install.kubectl(
                "get", "events", "-n", "default", "--field-selector", selector, "-o", "json", environment=lab
            )
        )
        newest = max(events["items"], key=lambda e: e["eventTime"])
        assert newest["type"] == "Warning"
        # Written with the first broken flows; the finding in the status has gathered the others since.
        assert "blocked by implied-deny-ingress: no rule admits 10.24." in newest["message"]
        assert newest["message"].endswith(f" — fix: {change.findings[0]['fix']}")


def test_the_printed_fixes_mend_it(outage: dict[str, Change], watch: Watch, lab: dict[str, str]) -> None:
    """Typed as they stand they make both checks True again, and they open nothing but what was asked."""
    fixed = time.time()
    for change in outage.values():
        compute.run(change.findings[0]["fix"], lab)
    for name in outage:
        change = watch.wait_for(name, "True", is_true, within=30, after=fixed)
        assert change.counts["violated"] == 0
    name = shlex.split(outage["kube-dns"].findings[0]["fix"])[4]
    rule = compute.rules()[name]
    assert {(a["I_p_protocol"], tuple(a["ports"])) for a in rule["allowed"]} == {("tcp", ("53",)), ("udp", ("53",))}


@pytest.mark.usefixtures("outage")
def test_deleting_the_fix_again_is_seen_again(watch: Watch, lab: dict[str, str]) -> None:
    """The second outage is as real as the first."""
    compute.run(compute.delete("pathcheck-kube-dns"), lab)
    deleted = compute.changed_at()
    watch.wait_for("kube-dns", "False", is_false, within=30, after=deleted)
