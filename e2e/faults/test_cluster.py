"""The cluster's own parts die, stall and come back: nothing is red that is not broken, and nothing broken stays green."""

from __future__ import annotations

import subprocess
import time

from e2e import install
from e2e.faults import levers
from e2e.faults.conftest import NAMES
from e2e.truth import Truth
from e2e.watching import Change, Watch, is_true, names_the_rule, violated

API_SERVER_AWAY_SECONDS = 60


def restore(watch: Watch, truth: Truth) -> None:
    """The story's rule comes back, and both checks are True."""
    restored = levers.restore_rule()
    truth.whole("kube-dns", "pod-to-pod")
    for name in ("kube-dns", "pod-to-pod"):
        watch.wait_for(name, "True", is_true, within=30, after=restored)


def is_unknown(change: Change) -> bool:
    """Upheld=Unknown."""
    return change.upheld()[0] == "Unknown"


def test_an_operator_killed_in_the_outage_says_the_same_afterwards(watch: Watch, truth: Truth) -> None:
    """No second Event, no other verdict in between; and it goes on seeing."""
    truth.broken("kube-dns", "pod-to-pod")
    deleted = levers.delete_rule()
    for name, count in (("kube-dns", 4), ("pod-to-pod", 12)):
        watch.wait_for(name, "complete", violated(count), within=30, after=deleted)
        watch.wait_for(name, "naming the rule", names_the_rule, within=30, after=deleted)
    said = [event["metadata"]["name"] for event in levers.judgements("kube-dns")]
    killed = time.time()
    levers.kill(levers.operator_node(), "run")
    install.kubectl("-n", install.NAMESPACE, "rollout", "status", "deployment/pathcheck-operator", "--timeout=60s")
    levers.until("restarted", lambda: _restarts() > 0, within=30)
    install.kubectl("-n", install.NAMESPACE, "rollout", "status", "deployment/pathcheck-operator", "--timeout=60s")
    restore(watch, truth)
    between = [c for c in watch.history["kube-dns"] if killed < c.at and not is_true(c)]
    assert [c.upheld() for c in between] == [("False", "BlockedByFirewall")] * len(between)
    news = [event for event in levers.judgements("kube-dns") if event["metadata"]["name"] not in said]
    assert [event["reason"] for event in news] == ["Upheld"]


def _restarts() -> int:
    (pod,) = levers.objects("pods", "-n", install.NAMESPACE, "-l", "app.kubernetes.io/name=pathcheck-operator")
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def test_a_rule_deleted_while_the_api_server_is_away_is_reported_when_it_is_back(
    installed: dict[str, str], watch: Watch
) -> None:
    """Probes measure on; the report says since when, which is when it happened and not when it could be said."""
    with levers.stopped("cp", "kube-apiserver"):
        time.sleep(10)
        deleted = levers.delete_rule()
        time.sleep(API_SERVER_AWAY_SECONDS - 10)
    back = time.time()
    with Watch(installed) as again:  # kubectl's own watch does not outlive a minute of silence
        change = again.wait_for("pod-to-pod", "complete", violated(12), within=40, after=back)
        began = [
            levers.moment(worst["since"]) for worst in change.body["status"]["worst"] if worst["verdict"] == "violated"
        ]
        assert began
        assert all(deleted - 2 < since < deleted + 15 for since in began), (deleted, began)
        levers.restore_rule()
        again.wait_for("pod-to-pod", "True", is_true, within=30, after=time.time())


def test_an_api_server_that_starts_anew_is_followed_again(installed: dict[str, str], watch: Watch) -> None:
    """All watches were cut, the probes' too, and are begun again by themselves."""
    levers.kill("cp", "kube-apiserver")
    levers.until("ready", _api_is_ready, within=60)
    deleted = levers.delete_rule()
    with Watch(installed) as again:
        again.wait_for("pod-to-pod", "complete", violated(12), within=40, after=deleted)
        again.wait_for("pod-to-pod", "naming the rule", names_the_rule, within=40, after=deleted)
        restored = levers.restore_rule()
        again.wait_for("pod-to-pod", "True", is_true, within=30, after=restored)


def _api_is_ready() -> bool:
    try:
        return install.kubectl("get", "--raw", "/readyz") == "ok"
    except subprocess.CalledProcessError:
        return False


def test_probe_pods_may_go_in_any_way(watch: Watch, truth: Truth) -> None:
    """Deleted, deleted by force, killed by the kernel: unknown while it is away, never violated, and soon True again."""
    pod = levers.probe_pods()["node-2"]["metadata"]["name"]
    for how in (["--wait=false"], ["--grace-period=0", "--force"]):
        began = time.time()
        install.kubectl("delete", "pod", "-n", install.NAMESPACE, pod, *how)
        away = watch.wait_for("pod-to-pod", "unknown", is_unknown, within=20, after=began)
        watch.wait_for("pod-to-pod", "True again", is_true, within=30, after=away.at)
    for _ in range(2):
        levers.kill("node-2", "pathcheck.probe")
        time.sleep(10)  # two rounds of everybody: that nothing wrong is said has no condition to wait for
        levers.until("True", lambda: is_true(watch.last("pod-to-pod")), within=30)
    assert truth.lies() == []


def test_a_server_that_moves_is_no_broken_path(watch: Watch, truth: Truth) -> None:
    """CoreDNS is deleted and comes back at another address: refusals and silences of the gap are nobody's fault."""
    for _ in range(2):
        began = time.time()
        install.kubectl("delete", "pod", "-n", "kube-system", "-l", "k8s-app=kube-dns", "--wait=false")
        away = watch.wait_for("kube-dns", "unknown", is_unknown, within=20, after=began)
        watch.wait_for("kube-dns", "True again", is_true, within=40, after=away.at)
    assert truth.lies() == []


def test_a_drained_node_keeps_being_measured(watch: Watch, truth: Truth) -> None:
    """The evicted probe pod comes back on the cordoned node, because it is nodes in trouble that must be measured."""
    node = next(n for n in ("node-3", "node-2") if n != levers.operator_node())
    before = levers.probe_pods()[node]["metadata"]["uid"]
    began = time.time()
    install.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
    try:
        watch.wait_for("pod-to-pod", "True again", is_true, within=40, after=began)
        assert levers.probe_pods()[node]["metadata"]["uid"] != before
    finally:
        install.kubectl("uncordon", node)
    assert truth.lies() == []


def test_a_node_without_power_and_one_without_kubelet(watch: Watch, truth: Truth) -> None:
    """What cannot be proven is unknown with its reason, never violated, and True within 15 s of the node being Ready; a kubelet that
    stands still changes nothing of what is measured."""
    dark = next(n for n in ("node-3", "node-2") if n != levers.operator_node())
    stalled = "node-2" if dark == "node-3" else "node-3"
    install.kubectl("apply", "-f", "-", given=_pair("node-1", stalled))
    watch.wait_for("pair", "True", is_true, within=40)
    began = time.time()
    with levers.stopped(stalled, "kubelet"):
        levers.power_off(dark)
        unknown = watch.wait_for("pod-to-pod", "unknown", is_unknown, within=20, after=began)
        assert dark in unknown.condition("Upheld")["message"]
        for node in (dark, stalled):
            levers.until(f"{node} not Ready", lambda node=node: not levers.node_is_ready(node), within=90)  # type: ignore[misc]
        assert is_true(watch.last("pair"))
    levers.power_on(dark)
    levers.until(f"{dark} Ready", lambda: levers.node_is_ready(dark), within=60)
    levers.until("True again", lambda: all(is_true(watch.last(name)) for name in NAMES), within=15)
    assert [c.upheld() for c in watch.history["pair"] if c.at >= began] == []
    install.kubectl("delete", "pathcheck", "pair")


def _pair(a: str, b: str) -> str:
    return f"""
apiVersion: pathcheck.dev/v1alpha1
kind: PathCheck
metadata: {{name: pair}}
spec:
  from: {{nodes: {{names: [{a}, {b}]}}}}
  to: {{nodes: {{names: [{a}, {b}]}}}}
  traffic: [{{protocol: UDP, port: 4789}}]
  expectation: Reachable
"""
