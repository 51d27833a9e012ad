"""What the probes of a cluster saw, from a file: `kubectl get pathprobes -n pathcheck-system -o json`.

The cluster itself is not at hand: a node's probe pod is the one that last reported, and what was dialled at a Service cannot be put down to
a node. Time is that of the newest report: a report that is three heartbeats older does not count any more, as in the operator.
"""

from __future__ import annotations

from pathlib import Path

from pathcheck.cli.bad_input import BadInput
from pathcheck.cli.predict import owner_of
from pathcheck.cli.reading import read_json
from pathcheck.model.cluster import Node, ProbePod
from pathcheck.model.firewall import Firewall, Problem
from pathcheck.model.flows import Address
from pathcheck.model.probing import PathProbe
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.wire.path_probes import path_probe_of


def read_probes(path: Path, firewall: Firewall | None) -> Snapshot:
    """As much of a snapshot as the reports show; with a firewall, on which of its machines each node's pods are.

    Raises BadInput.
    """
    listed = read_json("--probes", path)
    bodies = [listed] if listed.get("kind") == "PathProbe" else listed.get("items")
    if not isinstance(bodies, list):
        raise BadInput(f"--probes: {path}: items: must be a list, as of kubectl get pathprobes -o json")
    probes = {probe.node: probe for index, body in enumerate(bodies) for probe in [_probe(path, index, body)]}
    reports = [probe.report for probe in probes.values() if probe.report is not None]
    if not reports:
        raise BadInput(f"--probes: {path}: no PathProbe has a report")
    pods, nodes = {}, {}
    for report in reports:
        nodes[report.node] = Node(report.node, {}, instance=_machine(report.node, report.address, firewall))
        pods[report.node] = ProbePod(report.node, "", report.pod_uid, report.address, ready=True)
    now = max(report.time for report in reports)
    return Snapshot(now, nodes, {}, {}, probes, pods, {}, Unavailable("it was not asked"))


def _machine(node: str, address: Address, firewall: Firewall | None) -> str | None:
    """Nodes mostly have the names of their machines; else it is the one to which the pod's address is delivered."""
    if firewall is None:
        return None
    return node if firewall.machines(node) else owner_of("--probes", address, firewall)


def _probe(path: Path, index: int, body: object) -> PathProbe:
    place = f"--probes: {path}: items[{index}]"
    if not isinstance(body, dict) or body.get("kind") != "PathProbe":
        raise BadInput(f"{place} is no PathProbe")
    try:
        probe = path_probe_of(body)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{place} is no PathProbe: {error!r}") from None
    if isinstance(probe, Problem):
        raise BadInput(f"{place}: {probe}")
    return probe
