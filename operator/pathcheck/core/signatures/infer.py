"""What does the pattern of what crosses tell of a silence that no reading of the firewall explains? One clause, for the finding's sentence.

Asked only where the firewall cannot be read, of flows that are silent without a told cause. It says nothing where nothing crosses, or where
the firewall does not see pods' addresses: what is silent inside an overlay is not for the cloud's rules to decide.

What it says depends on what the probes last reported and on nothing else, so that it does not change from look to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pathcheck.core.signatures.pool import pool
from pathcheck.core.signatures.pronounce import Path, between, pronounce
from pathcheck.core.signatures.signature import sign
from pathcheck.core.ways.datapath import datapath_of
from pathcheck.model.findings import Finding
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Flow
from pathcheck.model.plans import Plan
from pathcheck.model.signature import Ends, Signature
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Reason

# Pairs of nodes that are looked at for one finding: one cause mostly shows in all of them alike.
MOST_PAIRS = 64


def infer(finding: Finding, planned: Plan, snapshot: Snapshot) -> str:
    """The clause, "" where there is nothing to say. `planned` is the plan of the finding's check."""
    if finding.reason is not Reason.SILENT_FOR_UNKNOWN_REASON or not _unread(snapshot):
        return ""
    known = snapshot.kept if isinstance(snapshot.firewall, Unavailable) else snapshot.firewall
    if datapath_of(snapshot.datapath, snapshot.nodes, known or Firewall("", "")).hides_pods:
        return ""
    dialled = set(finding.flows)
    by_path: dict[Path, list[Flow]] = {}
    for flow in (flow for asked in planned.asked if asked.flow in dialled for flow in asked.at_firewall):
        by_path.setdefault((flow.source.name, flow.destination.name), []).append(flow)
    return _told(_signatures(by_path, snapshot, known), len(by_path))


def _unread(snapshot: Snapshot) -> bool:
    """Whether the firewall cannot be read at present; one that is about to be read for the first time can."""
    if isinstance(snapshot.firewall, Unavailable):
        return not snapshot.firewall.pending
    return snapshot.firewall_trouble is not None


def _signatures(
    by_path: Mapping[Path, Sequence[Flow]], snapshot: Snapshot, known: Firewall | None
) -> dict[Signature, list[Path]]:
    """The signatures of the pairs of nodes between which these flows are silent, with their pairs."""
    paths = sorted(by_path)[:MOST_PAIRS]
    targets = {target for _, target in paths}
    patterns = {dialer: pool(snapshot, dialer, targets) for dialer in dict.fromkeys(dialer for dialer, _ in paths)}
    found: dict[Signature, list[Path]] = {}
    for dialer, target in paths:
        pattern, flows = patterns[dialer].get(target), by_path[dialer, target]
        if pattern is not None and pattern.crossing and any(flow.l4 in pattern.silent for flow in flows):
            signature = sign(pattern, Ends(flows[0].source, flows[0].destination), known)
            found.setdefault(signature, []).append((dialer, target))
    return found


def _told(found: Mapping[Signature, Sequence[Path]], asked: int) -> str:
    """The signature of most pairs, and how many others there are of so many that are asked about."""
    if not found:
        return ""
    signature, paths = max(found.items(), key=lambda item: len(item[1]))
    others = sum(map(len, found.values())) - len(paths)
    also = f"; {others} other path{'s have' if others > 1 else ' has'} another pattern" if others else ""
    beyond = f"; {asked - MOST_PAIRS} more paths were not looked at" if asked > MOST_PAIRS else ""
    whose = "" if signature.well_known else " (by the rules as last known)"
    return f"; {pronounce(signature, between(paths))}{whose}{also}{beyond}"
