"""What crosses from one node's pods to another's? The reports of all checks' dials together, as one pattern for each pair of nodes.

A result counts as it does for a check (core/checks/observe). What is dialled at a Service is about the pods behind it, if all of them
are on one node and have one port. Between two nodes an answer may be old when a silence is new; so only what was still measured when
the latest of them changed belongs to the pattern:

    udp/53  ── reached ──┤ silent since s ── at ──▶      counts: at ≥ s
    tcp/80  ── reached ─────────── at ─────────▶         counts: at ≥ s
    icmp    ── reached ── at                             does not: its latest known round began before s
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from pathcheck.core.checks.observe import observe
from pathcheck.core.checks.plan import plan
from pathcheck.model.checks import NodeChoice, PathCheck, ServiceChoice
from pathcheck.model.findings import Seen
from pathcheck.model.flows import L4, Endpoint, Flow
from pathcheck.model.plans import Asked, Witness
from pathcheck.model.probing import Dial
from pathcheck.model.signature import Pattern
from pathcheck.model.situation import Snapshot
from pathcheck.model.words import Manner, Observation, Vantage

_ARRIVED = frozenset({Observation.REACHED, Observation.REFUSED})
# What says no on the way is no rule of the cloud's firewall, which only drops.
_TELLING = _ARRIVED | {Observation.SILENT}


def pool(snapshot: Snapshot, dialer: str, targets: Collection[str]) -> dict[str, Pattern]:
    """The patterns from this node's pods to those of these other nodes, by the node; none where nothing that counts was seen."""
    found: defaultdict[str, list[tuple[L4, Seen]]] = defaultdict(list)
    for asked in _asked(snapshot, dialer):
        leads = {(f.destination.name, f.destination.vantage, f.l4) for f in asked.at_firewall}
        if len(leads) != 1:
            continue
        ((node, vantage, l4),) = leads
        if vantage is not Vantage.POD or node == dialer or node not in targets:
            continue
        seen, _ = observe(asked, snapshot.probes, snapshot.pods, snapshot.now, snapshot.heartbeat_seconds)
        if seen.observation in _TELLING:
            found[node].append((l4, seen))
    return {node: _pattern(results) for node, results in sorted(found.items())}


def _pattern(results: list[tuple[L4, Seen]]) -> Pattern:
    changed = max(seen.since for _, seen in results if seen.since is not None)
    fresh = [(l4, seen) for l4, seen in results if seen.at is not None and seen.at >= changed]
    crossing = {l4 for l4, seen in fresh if seen.observation in _ARRIVED}
    silent = {l4 for l4, seen in fresh if seen.observation not in _ARRIVED}
    mixed = crossing & silent
    return Pattern(tuple(sorted(crossing - mixed)), tuple(sorted(silent - mixed)), tuple(sorted(mixed)))


def _asked(snapshot: Snapshot, dialer: str) -> Iterator[Asked]:
    """The questions behind the dials that this node's probe was told to make."""
    probe, start = snapshot.probes.get(dialer), pod_on(dialer, snapshot)
    if probe is None or start is None:
        return
    nodes = {pod.address: node for node, pod in snapshot.pods.items()}
    services = {s.cluster_ip: key for key, s in snapshot.services.items()}
    for dial in probe.assignment.dials:
        if dial.manner not in (Manner.ECHO, Manner.PING):
            key = services.get(dial.address)
            if key is not None:
                yield from _of_service(snapshot, dialer, dial, key)
            continue
        end = pod_on(nodes.get(dial.address, ""), snapshot)
        if end is not None:
            flow = Flow(start, end, dial.l4)
            witness = Witness(end.name, f"self {dial.l4}", dial.address)
            yield Asked(flow, (flow,), dialer, dial, (witness,))


def _of_service(snapshot: Snapshot, dialer: str, dial: Dial, key: tuple[str, str]) -> Iterator[Asked]:
    """As a check of this one Service would ask."""
    check = PathCheck(
        "", "", 0, NodeChoice(names=(dialer,)), ServiceChoice(*key), traffic=(dial.l4,), cadence=dial.cadence
    )
    yield from plan(check, snapshot.nodes, snapshot.services, snapshot.backends, snapshot.pods).asked


def pod_on(node: str, snapshot: Snapshot) -> Endpoint | None:
    """The probe pod on this node, where it has an address."""
    pod = snapshot.pods.get(node)
    if pod is None or pod.address is None:
        return None
    known = snapshot.nodes.get(node)
    return Endpoint(pod.address, node, Vantage.POD, known.instance if known is not None else None)
