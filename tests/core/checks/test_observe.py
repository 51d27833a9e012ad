"""Whether what was seen counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pathcheck.core.checks.observe import observe
from pathcheck.core.checks.plan import plan
from pathcheck.model.cluster import ProbePod
from pathcheck.model.findings import Seen
from pathcheck.model.flows import L4
from pathcheck.model.plans import Asked
from pathcheck.model.probing import MAX_DIALS, Assignment, ListenerState, PathProbe, Result
from pathcheck.model.words import Observation
from tests.builders import TO_KUBE_DNS, bound, check, kube_dns, l4, nodes, path_probe, pod, pods, result, seconds

SILENT, REACHED, REFUSED = Observation.SILENT, Observation.REACHED, Observation.REFUSED
PEER = "echo udp/53 10.24.9.32"
SELF = "self udp/53"
NOTHING: frozenset[str] = frozenset()


def asked() -> Asked:
    """node-2 asks node-1 for udp/53."""
    planned = plan(check(), nodes("node-1", "node-2"), {}, {}, pods("node-1", "node-2"))
    return next(a for a in planned.asked if a.dialer == "node-2")


def looked_at(
    dialer: PathProbe,
    witness: PathProbe | None,
    at: float = 10,
    of: Asked | None = None,
    changed: Mapping[str, ProbePod] = {},
) -> tuple[Seen, frozenset[str]]:
    probes = {p.node: p for p in (dialer, witness) if p is not None}
    return observe(of or asked(), probes, {**pods("node-1", "node-2"), **changed}, seconds(at), 30)


def unmeasured(why: str) -> tuple[Seen, frozenset[str]]:
    return Seen(Observation.UNMEASURED, detail=why), NOTHING


def test_an_answer_counts_without_any_witness() -> None:
    """Reached is reached, whatever the other probes say."""
    seen = looked_at(path_probe("node-2", result(PEER, REACHED, 1, 9), time=9), None)
    assert seen == (Seen(REACHED, seconds(1), seconds(9)), NOTHING)


def test_silence_counts_once_its_target_was_proven_up_after_it_began() -> None:
    """The witness' control dial at 6 s proves that the silence since 5 s is the path's."""
    dialer = path_probe("node-2", result(PEER, SILENT, 5), time=6)
    witness = path_probe("node-1", result(SELF, REACHED, 0, 6), time=6, listeners=bound("udp/53"))
    assert looked_at(dialer, witness) == (Seen(SILENT, seconds(5), seconds(5)), NOTHING)


def test_silence_is_pending_while_its_proof_is_asked_for() -> None:
    """A control dial from before the silence proves nothing: node-1 is to prove itself, and for 3 s nothing is said."""
    dialer = path_probe("node-2", result(PEER, SILENT, 5), time=6)
    witness = path_probe("node-1", result(SELF, REACHED, 0, 4), time=4, listeners=bound("udp/53"))
    expected = Seen(Observation.UNMEASURED, seconds(5), seconds(5), "its target is being proven up", pending=True)
    assert looked_at(dialer, witness, at=8) == (expected, frozenset({"node-1"}))


def test_silence_without_proof_is_unmeasured_never_violated() -> None:
    """After 3 s without proof (its node lost power, say) the flow is unmeasured and the proof is still asked for."""
    dialer = path_probe("node-2", result(PEER, SILENT, 5), time=6)
    witness = path_probe("node-1", result(SELF, REACHED, 0, 4), time=4, listeners=bound("udp/53"))
    expected = Seen(Observation.UNMEASURED, detail="the target on node-1 was not proven up since it became silent")
    assert looked_at(dialer, witness, at=9.5) == (expected, frozenset({"node-1"}))


def test_a_refusal_in_the_name_of_a_listener_that_is_up_is_a_rejection() -> None:
    """Our own listener was proven up, so something on the way refused."""
    dialer = path_probe("node-2", result(PEER, REFUSED, 5), time=6)
    witness = path_probe("node-1", result(SELF, REACHED, 0, 6), time=6, listeners=bound("udp/53"))
    expected = Seen(Observation.REJECTED, seconds(5), seconds(5), "refused, although the listener on node-1 is up")
    assert looked_at(dialer, witness) == (expected, NOTHING)


def test_silence_of_what_is_on_no_node_cannot_be_told_from_its_death() -> None:
    """A backend outside the cluster's nodes has no witness: neither violated where it must be reachable nor upheld where isolated."""
    services, backends = kube_dns()
    outside = {key: tuple(replace(b, node=None) for b in found) for key, found in backends.items()}
    planned = plan(check(to=TO_KUBE_DNS), nodes("node-2"), services, outside, pods("node-2"))
    dialer = path_probe("node-2", result("dns udp/53 10.27.240.10", SILENT, 5), time=6)
    assert looked_at(dialer, None, of=planned.asked[0]) == unmeasured(
        "its target is on no node and reached from none: nobody can prove it up"
    )


def test_what_is_on_no_node_is_proven_up_by_another_node_that_reaches_it() -> None:
    """The API server, say: node-1 reaches it after node-2's silence began, so it is the path from node-2 that is broken."""
    services, backends = kube_dns()
    outside = {key: (replace(backend, node=None),) for key, (backend,) in backends.items()}
    planned = plan(check(to=TO_KUBE_DNS), nodes("node-2"), services, outside, pods("node-2"))
    dialer = path_probe("node-2", result("dns udp/53 10.27.240.10", SILENT, 5), time=6)
    peer = path_probe("node-1", result("dns udp/53 10.27.240.10", REACHED, 0, 6), time=6)
    assert looked_at(dialer, peer, of=planned.asked[0]) == (Seen(SILENT, seconds(5), seconds(5)), NOTHING)


def test_a_probe_that_is_full_says_so() -> None:
    """A dial that found no room is not one that is about to be made."""
    dial = asked().dial
    assert dial is not None
    full = replace(path_probe("node-2", time=6), assignment=Assignment("node-2", dials=(dial,) * MAX_DIALS))
    assert looked_at(full, None) == unmeasured("the probe on node-2 has 4000 dials to make and takes no more")


TCP_DNS = "dns tcp/53"


def refusal(*control: Result) -> tuple[Seen, frozenset[str]]:
    """What holds when kube-dns' address refuses node-2 since 5 s, and node-1 says this of the backend."""
    services, backends = kube_dns()
    to_service = check(to=TO_KUBE_DNS, traffic=(l4("tcp/53"),))
    planned = plan(to_service, nodes("node-1", "node-2"), services, backends, pods("node-1", "node-2"))
    of = next(a for a in planned.asked if a.dialer == "node-2")
    dialer = path_probe("node-2", result(f"{TCP_DNS} 10.27.240.10", REFUSED, 5), time=6)
    return looked_at(dialer, path_probe("node-1", *control, time=6), at=8, of=of)


def test_a_workloads_closed_port_needs_no_proof_that_it_is_open() -> None:
    """The packets crossed: that its own node finds it closed, too, is no reason not to say so."""
    expected = (Seen(REFUSED, seconds(5), seconds(5)), NOTHING)
    assert refusal(result(f"{TCP_DNS} 10.24.9.31", REFUSED, 4, 6)) == expected
    assert refusal(result(f"{TCP_DNS} 10.24.9.31", REACHED, 0, 6)) == expected


def test_a_refusal_from_before_the_backend_came_is_asked_for_anew() -> None:
    """CoreDNS moved: kube-proxy refused as long as there was no endpoint, and nothing is said until node-2 has asked the new one."""
    expected = Seen(Observation.UNMEASURED, seconds(5), seconds(5), "its target is being proven up", pending=True)
    assert refusal(result(f"{TCP_DNS} 10.24.9.31", REACHED, 6, 6)) == (expected, frozenset({"node-2"}))


@pytest.mark.parametrize("observation", [SILENT, REFUSED])
def test_a_probe_that_came_back_after_the_latest_round_did_not_die_of_the_path(observation: Observation) -> None:
    """A container that restarted at the same address is up since 7 s: the round at 5 s says nothing of the path."""
    dialer = path_probe("node-2", result(PEER, observation, 5), time=6)
    witness = path_probe("node-1", result(SELF, REACHED, 7, 8), time=8, listeners=bound("udp/53"))
    expected = Seen(Observation.UNMEASURED, seconds(5), seconds(5), "its target is being proven up", pending=True)
    assert looked_at(dialer, witness, at=8) == (expected, frozenset({"node-2"}))
    why = "node-2 has not dialled it since the target on node-1 came up"
    assert looked_at(dialer, witness, at=9.5) == (Seen(Observation.UNMEASURED, detail=why), frozenset({"node-2"}))


def test_a_dead_backend_is_not_a_dead_path() -> None:
    """The backend does not answer on its own node either, so silence says nothing about the path."""
    services, backends = kube_dns()
    planned = plan(check(to=TO_KUBE_DNS), nodes("node-1", "node-2"), services, backends, pods("node-1", "node-2"))
    of = next(a for a in planned.asked if a.dialer == "node-2")
    dialer = path_probe("node-2", result("dns udp/53 10.27.240.10", SILENT, 5), time=6)
    witness = path_probe("node-1", result("dns udp/53 10.24.9.31", SILENT, 5, 6), time=6)
    why = "10.24.9.31 on node-1 does not answer on its own node either (silent)"
    assert looked_at(dialer, witness, of=of) == unmeasured(why)


def test_a_dial_that_stands_still_in_a_probe_that_lives_is_not_believed() -> None:
    """Fresh reports of a stale answer: three rounds and half a minute without a new one, and it counts no more."""
    dialer = path_probe("node-2", result(PEER, REACHED, 1, 9), time=55)
    assert looked_at(dialer, WITNESS, at=56) == unmeasured("node-2 has not dialled it since 12:00:09 UTC")


UDP_53: L4 = l4("udp/53")
SILENT_DIALER = path_probe("node-2", result(PEER, SILENT, 5), time=6)
WITNESS = path_probe("node-1", result(SELF, REACHED, 0, 6), time=6, listeners=bound("udp/53"))
IN_USE = (ListenerState(UDP_53, False, "address already in use"),)


@pytest.mark.parametrize(
    ("why", "dialer", "witness", "changed"),
    [
        ("the probe on node-2 has not reported yet", replace(SILENT_DIALER, report=None), WITNESS, {}),
        (
            "the probe on node-2 has not reported yet",
            SILENT_DIALER,
            WITNESS,
            {"node-2": pod("node-2", uid="a new pod's")},
        ),
        ("node-2 has not dialled it yet", path_probe("node-2", time=6), WITNESS, {}),
        (
            "the probe on node-2 does not reach itself",
            path_probe("node-2", result(PEER, SILENT, 5), time=6, results=(result(PEER, SILENT, 5),)),
            WITNESS,
            {},
        ),
        ("the probe on node-1 has not reported yet", SILENT_DIALER, replace(WITNESS, report=None), {}),
        ("the probe pod on node-1 is being deleted", SILENT_DIALER, WITNESS, {"node-1": pod("node-1", deleting=True)}),
        (
            "the probe pod on node-1 does not run: OOMKilled",
            SILENT_DIALER,
            WITNESS,
            {"node-1": pod("node-1", trouble="OOMKilled")},
        ),
        (
            "udp/53 cannot be listened on at node-1: address already in use",
            SILENT_DIALER,
            path_probe("node-1", time=6, listeners=IN_USE),
            {},
        ),
        (
            "the listener for udp/53 on node-1 does not answer on its own node either (silent)",
            SILENT_DIALER,
            path_probe("node-1", result(SELF, SILENT, 5, 6), time=6, listeners=bound("udp/53")),
            {},
        ),
    ],
)
def test_what_keeps_silence_from_counting_is_said(
    why: str, dialer: PathProbe, witness: PathProbe, changed: dict[str, ProbePod]
) -> None:
    """Each reason is told as it is, and none becomes a violation."""
    assert looked_at(dialer, witness, changed=changed) == unmeasured(why)


def test_a_probe_that_stopped_reporting_is_not_believed_for_long() -> None:
    """Three heartbeats without a report: the last answer counts no more."""
    dialer = path_probe("node-2", result(PEER, REACHED, 1), time=9)
    assert looked_at(dialer, WITNESS, at=99.5) == unmeasured("the probe on node-2 has not reported since 12:00:09 UTC")
