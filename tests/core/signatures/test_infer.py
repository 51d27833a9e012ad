"""When a silence without a told cause gets the signature's sentence, and of which paths it speaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pathcheck.core.decide import decide_check, decide_fleet
from pathcheck.model.datapath import Datapath, Kind, Shown
from pathcheck.model.probing import PathProbe, Report
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.model.words import Observation
from pathcheck.wire.gcloud import command
from tests.builders import POD_ADDRESSES, bound, check, kube_dns, l4, nodes, path_probe, pods, result, seconds
from tests.recordings import entry, firewall, rule

RULES = firewall(
    rule("ping", allowed=[entry("icmp")]), rule("pods", allowed=[entry("all")], sourceRanges=["10.24.0.0/14"])
)
OFF = Unavailable("reading the firewall is switched off")
WELL_KNOWN = "these are rules that everybody has: the project's own are not known"


def snapshot(silent: set[str], **changes: object) -> Snapshot:
    """One check, every node to every other, icmp and udp/53; `silent` are results such as `node-2 echo udp/53 10.24.9.32`."""
    services, backends = kube_dns()
    asks = check(traffic=(l4("icmp"), l4("udp/53")))
    given = {"firewall": OFF} | changes
    bare = Snapshot(seconds(61), nodes(), services, backends, {}, pods(), {asks.name: asks}, **given)  # type: ignore[arg-type]
    probes: dict[str, PathProbe] = {}
    for node, assignment in decide_fleet(bare).assignments.items():
        ids = ["self icmp", "self udp/53", *(dial.id for dial in assignment.dials)]
        seen = [
            result(id_, Observation.SILENT, 30, 60)
            if f"{node} {id_}" in silent
            else result(id_, Observation.REACHED, 0, 60)
            for id_ in ids
        ]
        probe = path_probe(node, *seen, time=60, listeners=bound("udp/53"))
        probes[node] = replace(probe, assignment=assignment)
    return replace(bare, probes=probes)


def echo(source: str, target: str, traffic: str = "echo udp/53") -> str:
    return f"{source} {traffic} {POD_ADDRESSES[target]}"


def sentences(of: Snapshot) -> list[str]:
    return [finding.sentence for finding in decide_check(of, "kube-dns", command).findings]


ONE = {echo("node-2", "node-1")}
SAID = "node-2 → node-1 udp/53 gets no answer; the firewall's part cannot be told: reading the firewall is switched off"
EXPLAINED = "only icmp crosses from node-2 to node-1: exactly what"


def test_without_any_rules_those_that_everybody_has_are_told() -> None:
    """The pattern of the two nodes alone."""
    assert sentences(snapshot(ONE)) == [
        f"{SAID}; {EXPLAINED} default-allow-icmp would admit; "
        f"no rule for the pod range, such as gke-…-all, is in force; {WELL_KNOWN}"
    ]


def test_with_rules_that_were_kept_these_are_told() -> None:
    """By their own names, and as what they are: the last known ones."""
    assert sentences(snapshot(ONE, kept=RULES)) == [
        f"{SAID}; {EXPLAINED} ping admits; pods is not in force: it would admit udp/53 as well (by the rules as last known)"
    ]


def test_where_reading_fails_the_last_reading_is_told() -> None:
    """The silence began after it, so that it explains nothing; what it says of the pattern holds all the same."""
    read = replace(RULES, first_read=seconds(0), last_read=seconds(10))
    (sentence,) = sentences(snapshot(ONE, firewall=read, firewall_trouble=Unavailable("forbidden")))
    assert (
        "the firewall was last read at 12:00:10 UTC, before this began, and cannot be read now: forbidden; only icmp"
        in sentence
    )
    assert sentence.endswith("pods is not in force: it would admit udp/53 as well (by the rules as last known)")


def test_where_the_firewall_is_read_nothing_is_inferred() -> None:
    """A reading that is a moment too old is about to be replaced; nor is there anything to infer while the first one is made."""
    read = replace(RULES, first_read=seconds(0), last_read=seconds(10))
    (sentence,) = sentences(snapshot(ONE, firewall=read))
    assert sentence.endswith("the firewall was last read at 12:00:10 UTC, before this began")
    (sentence,) = sentences(snapshot(ONE, firewall=Unavailable("the firewall has not been read yet", pending=True)))
    assert sentence.endswith("the firewall has not been read yet")


def test_where_nothing_crosses_nothing_is_inferred() -> None:
    """Of two silences no pattern is made."""
    (sentence,) = sentences(snapshot({*ONE, echo("node-2", "node-1", "ping icmp")}))
    assert sentence.endswith("reading the firewall is switched off")


def test_inside_an_overlay_nothing_is_inferred() -> None:
    """The cloud's rules do not see the pods' ports."""
    vxlan = Shown(programs=(Datapath(Kind.VXLAN, 8472, evidence="DaemonSet kube-flannel-ds"),))
    assert sentences(snapshot(ONE, datapath=vxlan)) == [SAID]


def test_paths_with_one_signature_are_told_together() -> None:
    """By number, where there are many; the pairs with another pattern are counted."""
    every = {echo(a, b) for a in POD_ADDRESSES for b in POD_ADDRESSES if a != b}
    (sentence,) = sentences(snapshot(every, kept=RULES))
    assert "; only icmp crosses on 6 paths, such as node-1 → node-2: exactly what ping admits" in sentence
    (sentence,) = sentences(snapshot(every | {echo("node-3", "node-1", "ping icmp")}, kept=RULES))
    assert "; only icmp crosses on 5 paths, such as node-1 → node-2" in sentence


def test_paths_with_other_signatures_are_counted() -> None:
    """The one that most paths have is told."""
    tagged = firewall(
        rule("ping", allowed=[entry("icmp")], destinationRanges=["10.24.9.0/24", "10.24.12.0/24"]),
        rule("pods", allowed=[entry("all")], sourceRanges=["10.24.0.0/14"]),
        rule("ping-3", allowed=[entry("icmp")], destinationRanges=["10.24.13.0/24"]),
    )
    (sentence,) = sentences(snapshot({*ONE, echo("node-3", "node-1"), echo("node-1", "node-3")}, kept=tagged))
    assert "; only icmp crosses on node-2 → node-1, node-3 → node-1: exactly what ping admits" in sentence
    assert sentence.endswith(" (by the rules as last known); 1 other path has another pattern")


@pytest.mark.parametrize("later", [0, 7, 20])
def test_the_sentence_is_the_same_at_every_look(later: int) -> None:
    """And in whatever order results are reported: it is written to the API server only when something has changed."""
    before = snapshot(ONE, kept=RULES)
    probes = {
        node: replace(probe, report=_turned(probe.report)) for node, probe in reversed(list(before.probes.items()))
    }
    after = replace(before, now=before.now + timedelta(seconds=later), probes=probes)
    assert sentences(after) == sentences(before)


def _turned(report: Report | None) -> Report | None:
    return replace(report, results=report.results[::-1]) if report is not None else None
