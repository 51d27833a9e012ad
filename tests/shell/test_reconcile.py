"""shell/reconcile.py: whole passes against a cluster in memory, whose changes the world sees as it would by the watches."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from pathcheck.model.firewall import Firewall
from pathcheck.model.probing import Assignment, Report
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Observation
from pathcheck.shell.metrics import Metrics
from pathcheck.shell.ports import (
    ENDPOINT_SLICES,
    EVENTS,
    NODES,
    PATH_CHECKS,
    PATH_PROBES,
    PODS,
    Body,
    Forbidden,
    Resource,
    Unreachable,
)
from pathcheck.shell.reconcile import FIREWALL, FLEET, Fleet, Key, Reconciler
from pathcheck.shell.work import Gone
from pathcheck.shell.world import TRANSLATIONS, World
from pathcheck.wire.path_probes import path_probe_of, status_of
from tests.builders import NOON, POD_ADDRESSES, POD_RANGES, bound, path_probe, result
from tests.fakes import FakeCluster, FakeFirewall
from tests.recordings import firewall

CHECK: Key = ("check", "node-to-node")
NAMESPACE = "pathcheck-system"
PROBES = Fleet(NAMESPACE, "pathcheck-probe:0.1.0", 30, "00ff", "pathcheck-operator-x")


class Harness:
    """The story's nodes 1 and 2 with one check between them; time goes on only when told."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cluster.watch = self._happened
        self.world = World()
        self.firewall = FakeFirewall(Unavailable("none is configured"))
        self.asked: list[Key] = []
        self.time = NOON
        self.metrics = Metrics(lambda: None)
        self.blind = False
        self.reconciler = Reconciler(
            self.world, self.cluster, self.firewall, PROBES, self.metrics, self.asked.append, lambda: self.time
        )
        self.world.on_change = self.reconciler.changed
        for name in ("node-1", "node-2"):
            self.cluster.put(NODES, {"metadata": {"name": name}, "spec": {"podCIDRs": [POD_RANGES[name]]}})
        self.cluster.put(ENDPOINT_SLICES, api_server_slice())
        self.cluster.put(PATH_CHECKS, check_body())
        self.asked.clear()

    def _happened(self, type_: str, resource: Resource, body: Body) -> None:
        if resource in TRANSLATIONS and not self.blind:
            self.world.remove(resource, body) if type_ == "DELETED" else self.world.put(resource, body)

    async def work(self, *keys: Key) -> None:
        """Work on these keys, then on whatever that asks for, until nothing is asked any more."""
        self.asked += keys
        for _ in range(50):
            due, self.asked[:] = list(dict.fromkeys(self.asked)), []
            if not due:
                return
            for key in due:
                with suppress(Gone):
                    await self.reconciler.do(key)
        raise AssertionError(f"never comes to rest: {due}")

    def start_pods(self) -> None:
        """What scheduler and kubelets do: every probe pod runs and has the story's address."""
        for name, pod in self.cluster.all(PODS).items():
            node = name.removeprefix("pathcheck-probe-")
            status = {
                "phase": "Running",
                "podIP": POD_ADDRESSES[node],
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            self.cluster.put(PODS, pod | {"status": status})

    def report(self, node: str, observation: Observation) -> None:
        """What the probe does: everything it was told is seen so, its control dials reach, now."""
        body = self.cluster.all(PATH_PROBES)[node]
        probe = path_probe_of(body)
        assert not hasattr(probe, "why")
        at = (self.time - NOON).total_seconds()
        dials = [result(d.id, observation, at) for d in self.assignment(node).dials]
        controls = [result(f"self {l4}", Observation.REACHED, at) for l4 in self.assignment(node).listeners]
        pod = self.cluster.all(PODS)[f"pathcheck-probe-{node}"]
        said = path_probe(
            node,
            *dials,
            *controls,
            time=at,
            pod_uid=pod["metadata"]["uid"],
            listeners=bound(*(str(l4) for l4 in self.assignment(node).listeners)),
        ).report
        assert isinstance(said, Report)
        self.cluster.put(PATH_PROBES, body | {"status": status_of(said)})

    def assignment(self, node: str) -> Assignment:
        """What this node's probe is told."""
        return self.world.probes()[node].assignment

    def upheld(self) -> tuple[str, str]:
        """Status and reason, as kubectl shows them."""
        conditions = self.cluster.all(PATH_CHECKS)["node-to-node"]["status"]["conditions"]
        return next((c["status"], c["reason"]) for c in conditions if c["type"] == "Upheld")

    def events(self) -> list[str]:
        """The reasons of all Events."""
        return sorted(event["reason"] for event in self.cluster.all(EVENTS).values())


def api_server_slice() -> dict[str, Any]:
    """default/kubernetes, as every cluster has it."""
    return {
        "metadata": {
            "namespace": "default",
            "name": "kubernetes",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "endpoints": [{"addresses": ["10.142.15.200"]}],
        "ports": [{"name": "https", "protocol": "TCP", "port": 443}],
    }


def check_body(port: int = 53) -> dict[str, Any]:
    """Every node to every other."""
    everywhere: dict[str, Any] = {"nodes": {"selector": {}}}
    spec = {"from": everywhere, "to": everywhere, "traffic": [{"protocol": "UDP", "port": port}]}
    return {"metadata": {"name": "node-to-node"}, "spec": spec}


@pytest.fixture
def it() -> Harness:
    """Nothing was done yet."""
    return Harness()


async def started() -> Harness:
    """Probe pods run, everything was reached, the check is upheld."""
    it = Harness()
    await it.work(FLEET, CHECK)
    it.start_pods()
    await it.work()
    for node in ("node-1", "node-2"):
        it.report(node, Observation.REACHED)
    await it.work()
    assert it.upheld() == ("True", "Upheld")
    it.cluster.calls.clear()
    return it


async def test_start(it: Harness) -> None:
    """The first passes make a PathProbe and its pod for each node, and say at once that nothing is measured yet."""
    await it.work(FLEET, CHECK)
    assert it.upheld() == ("Unknown", "NotYetMeasured")
    probes, pods = it.cluster.all(PATH_PROBES), it.cluster.all(PODS)
    assert {name: pod["metadata"]["ownerReferences"][0]["uid"] for name, pod in pods.items()} == {
        f"pathcheck-probe-{node}": probe["metadata"]["uid"] for node, probe in probes.items()
    }
    environment = {e["name"]: e.get("value") for e in pods["pathcheck-probe-node-1"]["spec"]["containers"][0]["env"]}
    assert environment["PATHCHECK_API_SERVERS"] == "10.142.15.200:443"
    assert it.assignment("node-1").key == "00ff"


async def test_rest() -> None:
    """When nothing changed, another pass over everything writes nothing: a restart in the middle is an ordinary pass."""
    it = await started()
    await it.work(FLEET, CHECK)
    assert it.cluster.calls == []


async def test_violated_and_back() -> None:
    """Silence asks for a proof; once it is there the check is False with one Event, and True again with another."""
    it = await started()
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.SILENT)
    await it.work()
    assert it.upheld() == ("True", "Upheld")
    assert it.assignment("node-1").prove_after == it.time
    it.report("node-1", Observation.REACHED)
    await it.work()
    assert it.upheld() == ("False", "SilentForUnknownReason")
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.REACHED)
    await it.work()
    assert it.upheld() == ("True", "Upheld")
    assert it.events() == ["SilentForUnknownReason", "Upheld", "Upheld"]  # the first told that it is measured now


async def test_report_wakes_its_checks_only() -> None:
    """A report wakes the checks that its node is part of, and not the fleet."""
    it = await started()
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.REACHED)
    assert it.asked == [CHECK]


async def test_own_status_wakes_nobody() -> None:
    """A status that we wrote, brought back by the watch, wakes nobody."""
    it = await started()
    body = it.cluster.all(PATH_CHECKS)["node-to-node"]
    it.cluster.put(PATH_CHECKS, body | {"status": body["status"] | {"worst": []}, "metadata": body["metadata"]})
    assert it.asked == []


async def test_blind_until_the_watch_shows() -> None:
    """Two passes before the watch shows the first one's writing write one status and one set of Events."""
    it = await started()
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.SILENT)
    await it.work()
    it.report("node-1", Observation.REACHED)
    it.blind = True
    await it.work(CHECK)
    first = list(it.cluster.calls)
    it.time += timedelta(seconds=1)
    await it.work(CHECK)
    assert it.cluster.calls == first


async def test_event_before_status() -> None:
    """If the status cannot be written the Event is there already, and the retry writes the status and no second Event."""
    it = await started()
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.SILENT)
    await it.work()
    it.report("node-1", Observation.REACHED)
    it.cluster.failures["apply pathchecks node-to-node status"] = Unreachable("not now")
    before = len(it.events())
    with pytest.raises(Unreachable):
        await it.work()
    assert len(it.events()) == before + 1
    it.time += timedelta(seconds=1)
    await it.work(CHECK)
    assert it.upheld() == ("False", "SilentForUnknownReason")
    assert len(it.events()) == before + 1


async def test_events_forbidden() -> None:
    """Where Events may not be written, the status still is."""
    it = await started()
    it.time += timedelta(seconds=5)
    it.report("node-2", Observation.SILENT)
    await it.work()
    it.report("node-1", Observation.REACHED)

    async def forbidden(resource: Resource, body: Body) -> Body:
        raise Forbidden("events is forbidden")

    it.cluster.create = forbidden  # type: ignore[method-assign]
    await it.work()
    assert it.upheld() == ("False", "SilentForUnknownReason")


async def test_check_deleted() -> None:
    """When the last check goes, so do probes and pods, and its metrics."""
    it = await started()
    it.cluster.remove(PATH_CHECKS, "node-to-node")
    await it.work()
    assert (it.cluster.all(PATH_PROBES), it.cluster.all(PODS)) == ({}, {})
    assert b"node-to-node" not in it.metrics.text()


async def test_spec_changed() -> None:
    """A new port is told to the probes at once, and the status speaks of the new generation."""
    it = await started()
    body = it.cluster.all(PATH_CHECKS)["node-to-node"]
    it.cluster.put(PATH_CHECKS, body | {"spec": check_body(port=5353)["spec"]})
    await it.work()
    assert [str(l4) for l4 in it.assignment("node-1").listeners] == ["udp/5353"]
    assert it.cluster.all(PATH_CHECKS)["node-to-node"]["status"]["observedGeneration"] == 2


async def test_other_image() -> None:
    """A pod that was made otherwise, by another version or by hand, is replaced."""
    it = await started()
    name = "pathcheck-probe-node-1"
    old = it.cluster.all(PODS)[name]
    it.cluster.put(PODS, old | {"metadata": old["metadata"] | {"annotations": {"pathcheck.dev/fingerprint": "old"}}})
    await it.work()
    new = it.cluster.all(PODS)[name]["metadata"]
    assert new["uid"] != old["metadata"]["uid"]
    assert (
        new["annotations"]["pathcheck.dev/fingerprint"] == old["metadata"]["annotations"]["pathcheck.dev/fingerprint"]
    )


async def test_evicted() -> None:
    """A pod that ended for good is replaced."""
    it = await started()
    old = it.cluster.all(PODS)["pathcheck-probe-node-1"]
    it.cluster.put(PODS, old | {"status": {"phase": "Failed", "reason": "Evicted"}})
    await it.work()
    assert it.cluster.all(PODS)["pathcheck-probe-node-1"]["metadata"]["uid"] != old["metadata"]["uid"]


async def test_being_deleted() -> None:
    """A pod that is being deleted is left to it; its successor is made when it is gone."""
    it = await started()
    old = it.cluster.all(PODS)["pathcheck-probe-node-1"]
    it.cluster.put(PODS, old | {"metadata": old["metadata"] | {"deletionTimestamp": "2026-01-26T12:00:00Z"}})
    await it.work()
    assert not any("pods" in call for call in it.cluster.calls)
    it.cluster.remove(PODS, "pathcheck-probe-node-1", NAMESPACE)
    await it.work()
    assert "create pods pathcheck-probe-node-1" in it.cluster.calls


async def test_proofs_are_shared() -> None:
    """Proofs asked for within half a second are one; after that another is asked for."""
    it = await started()

    async def proof(at: datetime) -> datetime | None:
        it.time = at
        await it.work(("prove", "node-1"))
        return it.assignment("node-1").prove_after

    later = NOON + timedelta(seconds=60)
    assert await proof(later) == later
    assert await proof(later + timedelta(seconds=0.4)) == later
    assert await proof(later + timedelta(seconds=0.5)) == later + timedelta(seconds=0.5)


async def test_a_proof_that_is_asked_for_wakes_nobody() -> None:
    """It costs one write: neither the fleet nor any check is looked at anew until the report is there."""
    it = await started()
    it.time = NOON + timedelta(seconds=60)
    with suppress(Gone):
        await it.reconciler.do(("prove", "node-1"))
    assert it.asked == []
    it.report("node-1", Observation.REACHED)
    assert it.asked == [("check", "node-to-node")]


async def test_no_api_server_address(it: Harness) -> None:
    """Without an address of the API server no pod is made: it could not report; the pass fails and says so."""
    it.cluster.remove(ENDPOINT_SLICES, "kubernetes", "default")
    with pytest.raises(Unreachable, match="no API server address"):
        await it.work(FLEET)
    assert it.cluster.all(PODS) == {}


async def test_one_failure_stops_no_other(it: Harness) -> None:
    """One node whose probe cannot be made keeps no other node from having one, and the pass fails to be tried again."""
    it.cluster.failures["create pods pathcheck-probe-node-1"] = Unreachable("not now")
    with pytest.raises(Unreachable, match="not now"):
        await it.work(FLEET)
    assert set(it.cluster.all(PODS)) == {"pathcheck-probe-node-2"}


async def test_census() -> None:
    """What went while the watch was blind is found missing, and the fleet is asked."""
    it = await started()
    it.blind = True
    it.cluster.remove(NODES, "node-2")
    it.blind = False
    await it.reconciler.census()
    assert set(it.world.nodes()) == {"node-1"}
    assert set(it.asked) == {FLEET, CHECK}


class Kept:
    """A history that knows, after its first look, what the firewall was."""

    def __init__(self) -> None:
        self.kept: Firewall | None = None

    async def look(self, snapshot: Snapshot) -> float | None:
        self.kept = firewall()
        return 5.0


async def test_what_the_firewall_was_wakes_the_checks_of_who_cannot_read_it() -> None:
    """Each is told once; the history says when to look again."""
    it = await started()
    history = Kept()
    it.reconciler = Reconciler(it.world, it.cluster, it.firewall, PROBES, it.metrics, it.asked.append, history=history)
    assert await it.reconciler.do(FIREWALL) == 5.0
    assert it.asked == [CHECK]


async def test_firewall_changed() -> None:
    """A new recording wakes every check and the history, and not the fleet."""
    it = await started()
    it.reconciler.firewall_changed()
    assert it.asked == [CHECK, FIREWALL]
