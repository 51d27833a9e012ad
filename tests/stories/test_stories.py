"""Every story in this folder, step by step: nodes + firewall + PathCheck + what probes see → status and Events.

The world here is small and honest: probes are told what `decide_fleet` says, what they report passes the same observation rules,
and each status is written and read back through the wire before the next step, as the API server would hold it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from pathcheck.core.changes.attribute import attribute
from pathcheck.core.decide import decide_check, decide_fleet
from pathcheck.core.drift import drift
from pathcheck.model.datapath import Shown
from pathcheck.model.drift import Deed, Entry, FirewallChange
from pathcheck.model.findings import Status
from pathcheck.model.firewall import Firewall
from pathcheck.model.probing import PathProbe, Report, Result
from pathcheck.model.situation import CheckDecision, Snapshot, Unavailable
from pathcheck.model.words import Observation
from pathcheck.wire.datapath import Seen, shown_of
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.gcloud import command
from pathcheck.wire.path_checks import path_check_of
from pathcheck.wire.statuses import status_manifest_of
from tests.builders import POD_ADDRESSES, bound, kube_dns, nodes, pods, seconds

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STORIES = sorted(HERE.glob("*.yaml"))


@dataclass
class World:
    """What the cluster, the probes and the cloud hold between two steps."""

    body: dict[str, Any]
    recording: dict[str, Any]
    others: list[dict[str, Any]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    pods: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    proven: float | None = None
    reports: dict[str, Report] = field(default_factory=dict)
    first_read: float = 0
    last_read: float = 0
    unread: Unavailable | None = None
    previous: Firewall | None = None
    changes: tuple[FirewallChange, ...] = ()
    kept: Firewall | None = None
    shown: Shown = field(default_factory=Shown)

    def take(self, step: dict[str, Any]) -> CheckDecision:
        now = step["at"]
        self.pods = step.get("pods", self.pods)
        self.seen = step.get("seen", self.seen)
        self.proven = step.get("proven")
        changed = set(step.get("delete", ())) | set(step.get("restore", ()))
        before = self.firewall()
        if "add" in step:
            self.recording = self.recording | {"firewalls": [*self.recording["firewalls"], step["add"]]}
        if changed or "add" in step:
            self.deleted ^= changed
            self.first_read = self.last_read = now
            self.previous = before
        self.last_read = step.get("read", self.last_read)
        self.unread = Unavailable(**step["unread"]) if "unread" in step else None
        if "history" in step:
            self.changes = (self.change(now, **step["history"]),)
        if "kept" in step:
            self.kept = firewall_of(json.loads((ROOT / step["kept"]).read_text()))
        # Two rounds: probe pods and their assignments first, then what they report.
        for node, assignment in decide_fleet(self.snapshot(now)).assignments.items():
            if node in self.pods and node not in step.get("late", ()):
                self.reports[node] = self.report(node, [d.id for d in assignment.dials], assignment.listeners, now)
        decision = decide_check(self.snapshot(now), self.body["metadata"]["name"], command)
        manifest = status_manifest_of(path_check_of(self.body), decision.status)
        self.body = self.body | {"status": json.loads(json.dumps(manifest["status"]))}
        return decision

    def change(self, now: float, who: str = "") -> FirewallChange:
        """What the operator writes of the latest reading, with whoever the audit log names, two seconds ago."""
        assert self.previous is not None
        since = seconds(self.first_read)
        found = drift(self.snapshot(now), self.previous, self.firewall(), 1, since - timedelta(seconds=5), since)
        assert found is not None
        edits = found.difference.edits
        entries = [
            Entry(
                edit.id, seconds(now - 2), who, f"v1.compute.firewalls.{_METHODS[edit.deed]}", edit.resource, "gcloud"
            )
            for edit in edits
            if who
        ]
        return attribute(found, entries, timedelta(), (), seconds(now))

    def report(self, node: str, dials: list[str], listeners: Any, now: float) -> Report:
        before = {r.id: r for r in self.reports[node].results} if node in self.reports else {}
        controls = ["self", "self icmp", *(f"self {l4}" for l4 in listeners)]
        results = []
        for id_ in [*controls, *dials]:
            observation = Observation(self.seen.get(f"{node} {id_}", "reached"))
            had = before.get(id_)
            since = had.since if had is not None and had.observation is observation else seconds(now)
            at = seconds(self.proven if self.proven is not None and observation is Observation.REACHED else now)
            results.append(Result(id_, observation, since, max(at, since) if self.proven is None else at))
        address = ip_address(POD_ADDRESSES[node])
        return Report(node, f"uid-{node}", address, seconds(now), bound(*map(str, listeners)), tuple(results))

    def firewall(self) -> Firewall:
        rules = [f for f in self.recording["firewalls"] if f["name"] not in self.deleted]
        routes = [r for r in self.recording["routes"] if r["name"] not in self.deleted]
        read = firewall_of(self.recording | {"firewalls": rules, "routes": routes})
        return replace(read, first_read=seconds(self.first_read), last_read=seconds(self.last_read))

    def snapshot(self, now: float) -> Snapshot:
        services, backends = kube_dns()
        check = path_check_of(self.body)
        snapshot = Snapshot(
            now=seconds(now),
            nodes=nodes(),
            services=services,
            backends=backends,
            probes={},
            pods=pods(*self.pods) if self.pods else {},
            checks={check.name: check} | {other.name: other for other in map(path_check_of, self.others)},
            firewall=self.unread or self.firewall(),
            datapath=self.shown,
            previous=self.previous,
            changes=self.changes,
            kept=self.kept,
        )
        assignments = decide_fleet(snapshot).assignments
        probes = {n: PathProbe(n, f"probe-uid-{n}", a, self.reports.get(n)) for n, a in assignments.items()}
        return replace(snapshot, probes=probes)


def shown(decision: CheckDecision, keys: set[str]) -> dict[str, Any]:
    """The parts of a decision that a step speaks of, in the story's words."""
    status = decision.status
    counts = status.flows
    everything: dict[str, Any] = {
        **{c.type: f"{c.status} {c.reason}" for c in status.conditions},
        "message": message(status),
        "flows": f"{counts.asked} asked, {counts.upheld} upheld, {counts.violated} violated, {counts.unknown} unknown",
        "findings": [
            {
                "reason": f.reason,
                "rule": f.rule,
                "flows": f.flows,
                "sentence": f.sentence,
                "nearMiss": f.near_miss,
                "fix": f.fix,
                "fixNote": f.fix_note,
            }
            for f in status.findings
        ],
        "events": [f"{a.reason} {a.note}" for a in decision.announcements],
        "lastChange": last_change(status),
        "proves": sorted(decision.prove),
        "readsFirewall": decision.read_firewall,
    }
    return {key: everything[key] for key in keys}


def pod_network(story: dict[str, Any]) -> Shown:
    """What the story's DaemonSets, by name alone, and ConfigMaps say."""
    daemon_sets = [{"metadata": {"name": name}} for name in story.get("daemonSets", ())]
    return shown_of(Seen(daemon_sets, story.get("configMaps", {})))


_METHODS = {Deed.CREATED: "insert", Deed.DELETED: "delete", Deed.CHANGED: "patch"}


def last_change(status: Status) -> str:
    """`NUMBER by WHO: WORSE worse, BETTER better`."""
    change = status.firewall.last_change if status.firewall is not None else None
    return f"{change.number} by {change.who}: {change.worse} worse, {change.better} better" if change else ""


def message(status: Status) -> str:
    upheld = status.condition("Upheld")
    assert upheld is not None
    return upheld.message


def spoken_of(shown_findings: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings reduced to the fields that the story names."""
    if len(shown_findings) != len(expected):
        return shown_findings
    return [{k: f[k] for k in e} for f, e in zip(shown_findings, expected, strict=True)]


@pytest.mark.parametrize("path", STORIES, ids=lambda p: p.stem)
def test_story(path: Path) -> None:
    """Each step of the story ends with exactly the status and the Events it tells."""
    story = yaml.safe_load(path.read_text())
    check, *others = (
        {"apiVersion": "pathcheck.dev/v1alpha1", "kind": "PathCheck", **body}
        for body in (story["check"], *story.get("others", ()))
    )
    world = World(check, json.loads((ROOT / story["recording"]).read_text()), others, shown=pod_network(story))
    for step in story["steps"]:
        expected = step["expect"]
        got = shown(world.take(step), set(expected))
        if "findings" in expected:
            got["findings"] = spoken_of(got["findings"], expected["findings"])
        assert {"step": step["does"], **got} == {"step": step["does"], **expected}
