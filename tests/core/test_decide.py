"""What only the whole pass shows: several backends, one verdict."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from pathcheck.core.decide import decide_check, decide_fleet
from pathcheck.model.checks import NodeChoice
from pathcheck.model.datapath import Datapath, Kind, Shown
from pathcheck.model.findings import Finding, Relied
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Evidence, Observation, Reason, Verdict
from pathcheck.wire.gcloud import command
from tests.builders import TO_KUBE_DNS, check, kube_dns, nodes, path_probe, pods, result, seconds
from tests.recordings import entry, firewall, rule


def found(observation: Observation, *destinations: str) -> tuple[Verdict, tuple[Finding, ...]]:
    """node-3 asks kube-dns, which has a backend on node-1 and one on node-2; only these destinations are admitted."""
    services, ((key, (backend,)),) = kube_dns()[0], kube_dns()[1].items()
    second = replace(backend, address=ip_address("10.24.12.9"), node="node-2")
    asks = check(source=NodeChoice(names=("node-3",)), to=TO_KUBE_DNS)
    read = replace(firewall(rule("a", destinationRanges=list(destinations))), first_read=seconds(0))
    snapshot = Snapshot(
        now=seconds(60),
        nodes=nodes(),
        services=services,
        backends={key: (backend, second)},
        probes={},
        pods=pods(),
        checks={asks.name: asks},
        firewall=replace(read, last_read=seconds(50)),
    )
    fleet = decide_fleet(snapshot).assignments
    probes = {
        name: path_probe(
            name,
            *(
                result(dial.id, observation if name == "node-3" else Observation.REACHED, since=40, at=58)
                for dial in assignment.dials
            ),
            time=58,
        )
        for name, assignment in fleet.items()
    }
    probes = {name: replace(probe, assignment=fleet[name]) for name, probe in probes.items()}
    decision = decide_check(replace(snapshot, probes=probes), asks.name, command)
    (judgement,) = decision.judgements
    return judgement.verdict, decision.findings


def test_a_service_whose_backends_are_blocked_in_part_is_not_told_to_be_well() -> None:
    """The answers seen are those of the other backends; the verdict follows them, and a note names the rule."""
    verdict, (finding,) = found(Observation.REACHED, "10.24.9.0/24")
    assert (verdict, finding.verdict, finding.reason) == (
        Verdict.UPHELD,
        Verdict.UPHELD,
        Reason.SOME_BACKENDS_BLOCKED,
    )
    assert finding.sentence == (
        "node-3 → kube-system/kube-dns udp/53 is answered, but it depends on the backend: "
        "1 of 2 blocked by implied-deny-ingress, such as node-2[pod 10.24.12.9]"
    )


@pytest.mark.parametrize("destinations", [("10.24.9.0/24", "10.24.12.0/24"), ("10.24.0.0/14",)])
def test_a_service_whose_backends_are_all_admitted_has_no_note(destinations: tuple[str, ...]) -> None:
    """Nothing is said where there is nothing to say."""
    assert found(Observation.REACHED, *destinations) == (Verdict.UPHELD, ())


@pytest.mark.parametrize(
    ("programs", "sentence"),
    [
        (
            Datapath(Kind.VXLAN, 8472, evidence="DaemonSet kube-flannel-ds"),
            "the firewall's answer is not known: of pods' packets it sees the nodes' VXLAN (DaemonSet kube-flannel-ds)",
        ),
        (
            Datapath(Kind.UNKNOWN, why="DaemonSet weave-net carries packets"),
            "the firewall's answer is not known: which addresses it sees is not known: DaemonSet weave-net carries packets",
        ),
    ],
)
def test_pod_ranges_are_not_proved_where_the_firewall_does_not_see_them(programs: Datapath, sentence: str) -> None:
    """A proof about addresses that are never on the wire would be a proof of nothing."""
    asks = check(evidence=Evidence.PREDICTED)
    services, backends = kube_dns()
    snapshot = Snapshot(
        now=seconds(60),
        nodes=nodes(),
        services=services,
        backends=backends,
        probes={},
        pods={},
        checks={asks.name: asks},
        firewall=firewall(rule("a")),
        datapath=Shown(programs=(programs,)),
    )
    (finding,) = decide_check(snapshot, asks.name, command).findings
    assert (finding.verdict, finding.sentence) == (Verdict.UNKNOWN, sentence)


@pytest.mark.parametrize("evidence", list(Evidence))
def test_a_check_says_on_which_rules_it_relies(evidence: Evidence) -> None:
    """By prediction, whatever is measured; the same at every look at the same firewall, so that nothing is written again."""
    asks = check(evidence=evidence)
    services, backends = kube_dns()
    read = replace(firewall(rule("a"), rule("e", denied=[entry("udp", "54")], priority=9)), first_read=seconds(0))
    snapshot = Snapshot(seconds(60), nodes(), services, backends, {}, pods(), {asks.name: asks}, read)
    first = decide_check(snapshot, asks.name, command).status
    assert first.firewall is not None
    assert first.firewall.relies_on == (Relied("firewall:a", 6),)
    again = replace(
        snapshot,
        now=seconds(90),
        checks={asks.name: replace(asks, status=first)},
        firewall=read.read_again(seconds(85)),
    )
    assert decide_check(again, asks.name, command).status == first


def test_what_a_check_relies_on_is_left_out_where_the_firewalls_word_says_nothing() -> None:
    """An overlay hides pods' addresses; and without a firewall there is nothing to rely on."""
    asks = check(evidence=Evidence.PREDICTED)
    services, backends = kube_dns()
    hidden = Shown(programs=(Datapath(Kind.VXLAN, 8472, evidence="DaemonSet kube-flannel-ds"),))
    snapshot = Snapshot(seconds(60), nodes(), services, backends, {}, {}, {asks.name: asks}, firewall(rule("a")))
    overlaid = decide_check(replace(snapshot, datapath=hidden), asks.name, command).status.firewall
    assert overlaid is not None
    assert overlaid.relies_on is None
    unread = replace(snapshot, firewall=Unavailable("403 forbidden"))
    assert decide_check(unread, asks.name, command).status.firewall is None


def foretold(before: Firewall, now: Firewall) -> list[Reason]:
    """What is found of node-2 → node-1, which arrives, a second after the firewall was read as it is now."""
    asks = check(source=NodeChoice(names=("node-2",)), to=NodeChoice(names=("node-1",)))
    snapshot = Snapshot(
        now=seconds(61),
        nodes=nodes(),
        services={},
        backends={},
        probes={},
        pods=pods(),
        checks={asks.name: asks},
        firewall=replace(now, first_read=seconds(60), last_read=seconds(60)),
        previous=before,
    )
    probes = {
        name: replace(
            path_probe(name, *(result(d.id, Observation.REACHED, since=40, at=58) for d in told.dials), time=58),
            assignment=told,
        )
        for name, told in decide_fleet(snapshot).assignments.items()
    }
    return [f.reason for f in decide_check(replace(snapshot, probes=probes), asks.name, command).findings]


def test_only_what_the_rules_have_just_come_to_foretell_is_told() -> None:
    """Rules that blocked a flow already while it arrived are no news because some other rule was read anew."""
    opens, shuts, other = firewall(rule("a")), firewall(), firewall(rule("b", allowed=[entry("esp")]))
    assert foretold(opens, shuts) == [Reason.FIREWALL_WOULD_BLOCK]
    assert foretold(shuts, other) == []
