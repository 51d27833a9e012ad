"""What did we see, and does it count?

An answer always counts. Anything else counts only if the dialer itself works and the target was up all the while: proven by the
control dials of the probe on the target's own node, which never cross the firewall. A dead pod, a node without power or a probe
that stopped reporting is then `unmeasured` with the reason, never a violated path.

    dialer      ├── reached ──┤ silent since s ── latest round at a ──▶
    witness     u ── control dial reached since u, at w ──────────────▶    counts if w ≥ s and u ≤ a

Where w < s the witness is asked for a proof, and where u > a (a pod or a backend came back after the latest round) the dialer for
another round: pending, and unmeasured if it does not come within PATIENCE. Clocks of two nodes are compared here: they may differ
by as much as a round's interval before a verdict could be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pathcheck.model.cluster import ProbePod
from pathcheck.model.findings import Seen
from pathcheck.model.plans import Asked, Witness
from pathcheck.model.probing import MAX_DIALS, Dial, PathProbe, Report
from pathcheck.model.words import Manner, Observation

PATIENCE = timedelta(seconds=3)
# Heartbeats are jittered and the API server may be away for a minute: three of them missed is what a report may be late.
STALE_HEARTBEATS = 3
# A probe that reports, but not of this dial: its rounds have stopped. Both times are the probe's own; a round can take half a minute.
STALLED_ROUNDS = 3
STALLED = timedelta(seconds=30)


def observe(
    asked: Asked,
    probes: Mapping[str, PathProbe],
    pods: Mapping[str, ProbePod],
    now: datetime,
    heartbeat_seconds: int,
) -> tuple[Seen, frozenset[str]]:
    """What holds of one flow, and the nodes that must dial anew before it can be said."""
    if asked.dial is None:
        return _unmeasured(asked.trouble), frozenset()
    report, trouble = _report(asked.dialer, probes, pods, now, heartbeat_seconds)
    if report is None:
        return _unmeasured(trouble), frozenset()
    result = report.result(asked.dial.id)
    if result is None:
        if len(probes[asked.dialer].assignment.dials) >= MAX_DIALS:
            return _unmeasured(
                f"the probe on {asked.dialer} has {MAX_DIALS} dials to make and takes no more"
            ), frozenset()
        return _unmeasured(f"{asked.dialer} has not dialled it yet"), frozenset()
    if report.time - result.at > STALLED_ROUNDS * timedelta(seconds=asked.dial.cadence.interval_seconds) + STALLED:
        return _unmeasured(f"{asked.dialer} has not dialled it since {result.at:%H:%M:%S} UTC"), frozenset()
    seen = Seen(result.observation, result.since, result.at, result.detail)
    if result.observation in (Observation.REACHED, Observation.UNMEASURED):
        return seen, frozenset()
    own = report.result("self")
    if own is None or own.observation is not Observation.REACHED:
        return _unmeasured(f"the probe on {asked.dialer} does not reach itself"), frozenset()
    # A workload's own closed port: the packets crossed, and whether it answers its own node need not be known, only that this is
    # no refusal from before its backends were these.
    closed = result.observation is Observation.REFUSED and asked.dial.manner not in (Manner.ECHO, Manner.PING)
    witnesses = asked.witnesses or _peers(asked.dial, asked.dialer, probes)
    if not witnesses and not closed:
        return _unmeasured("its target is on no node and reached from none: nobody can prove it up"), frozenset()
    unproven: set[str] = set()
    why = ""
    for witness in witnesses:
        proof, trouble = _report(witness.node, probes, pods, now, heartbeat_seconds)
        if proof is None:
            return _unmeasured(trouble), frozenset()
        if witness.address is not None and proof.address != witness.address:
            return _unmeasured(f"the probe pod on {witness.node} was just replaced"), frozenset()
        if trouble := _listener_trouble(proof, asked, witness):
            return _unmeasured(trouble), frozenset()
        control = proof.result(witness.result_id)
        if control is None or control.at < result.since:
            unproven.add(witness.node)
            why = f"the target on {witness.node} was not proven up since it became {result.observation}"
        elif not closed and control.observation is not Observation.REACHED:
            why = f"{_target(asked, witness)} on {witness.node} does not answer on its own node either ({control.observation})"
            return _unmeasured(why), frozenset()
        elif control.since > result.at:
            unproven.add(asked.dialer)
            why = f"{asked.dialer} has not dialled it since the target on {witness.node} came up"
    if unproven:
        # The dialer's clock for `since`, ours for `now`: a report is written within a round of what it says.
        waited = now - max(result.since, report.time)
        if waited < PATIENCE:
            return Seen(
                Observation.UNMEASURED, result.since, result.at, "its target is being proven up", True
            ), frozenset(unproven)
        return _unmeasured(why), frozenset(unproven)
    if result.observation is Observation.REFUSED and not closed:
        # Our own listener was proven up: it did not refuse, something on the way did in its name.
        detail = f"refused, although the listener on {asked.witnesses[0].node} is up"
        return Seen(Observation.REJECTED, result.since, result.at, result.detail or detail), frozenset()
    return seen, frozenset()


def _peers(dial: Dial, dialer: str, probes: Mapping[str, PathProbe]) -> tuple[Witness, ...]:
    """A target that is on no node (the API server, a backend outside) is proven up by another node that reaches it."""
    for node, probe in sorted(probes.items()):
        result = probe.report.result(dial.id) if probe.report is not None and node != dialer else None
        if result is not None and result.observation is Observation.REACHED:
            return (Witness(node, dial.id),)
    return ()


def _report(
    node: str,
    probes: Mapping[str, PathProbe],
    pods: Mapping[str, ProbePod],
    now: datetime,
    heartbeat_seconds: int,
) -> tuple[Report | None, str]:
    """The report of the probe that runs on this node now, or why there is none that counts."""
    pod, probe = pods.get(node), probes.get(node)
    if pod is None:
        return None, f"{node} has no probe pod yet"
    if pod.deleting or pod.trouble:
        return None, f"the probe pod on {node} {'is being deleted' if pod.deleting else 'does not run: ' + pod.trouble}"
    if probe is None or probe.report is None or probe.report.pod_uid != pod.uid:
        return None, f"the probe on {node} has not reported yet"
    if now - probe.report.time > timedelta(seconds=STALE_HEARTBEATS * heartbeat_seconds):
        # When, not how long ago: a sentence that changes with every look would be written again with every look.
        return None, f"the probe on {node} has not reported since {probe.report.time:%H:%M:%S} UTC"
    return probe.report, ""


def _listener_trouble(report: Report, asked: Asked, witness: Witness) -> str:
    if witness.dial is not None or asked.flow.l4.port is None:
        return ""
    state = next((s for s in report.listeners if s.l4 == asked.flow.l4), None)
    if state is not None and not state.bound:
        return f"{state.l4} cannot be listened on at {witness.node}: {state.detail}"
    return ""


def _target(asked: Asked, witness: Witness) -> str:
    return str(witness.dial.address) if witness.dial is not None else f"the listener for {asked.flow.l4}"


def _unmeasured(why: str) -> Seen:
    return Seen(Observation.UNMEASURED, detail=why)
