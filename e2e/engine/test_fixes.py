"""Every fix that is offered in the outage, applied through the API: it mends, it opens what it lists, and nothing else."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

from e2e import compute
from e2e.engine import asking
from e2e.engine.wires import ADDRESSES, PODS
from e2e.faults import levers
from e2e.packets.exchange import Exchange
from e2e.packets.frames import TCP, UDP, Question
from e2e.watching import Watch, is_true, names_the_rule

ASKED = Question(PODS["node-2"], PODS["node-1"], UDP, 53)
OWNERS = {address: node for places in (PODS, ADDRESSES) for node, address in places.items()}
# From everybody to everybody on another node, what is asked for and its neighbours.
QUESTIONS = [
    Question(source, destination, protocol, port)
    for source in OWNERS
    for destination in OWNERS
    if OWNERS[source] != OWNERS[destination]
    for protocol, port in ((UDP, 53), (TCP, 53), (UDP, 54), (TCP, 80))
]


def permitted(directory: Path) -> set[Question]:
    """Those that the firewall permits, by a recording made now."""
    flows = [
        {
            "id": number,
            "src": {"ip": q.source, "instance": OWNERS[q.source]},
            "dst": {"ip": q.destination, "instance": OWNERS[q.destination]},
            "protocol": q.protocol,
            "port": q.port,
        }
        for number, q in enumerate(QUESTIONS)
    ]
    answers = asking.predictions(asking.recording(), directory, flows)
    return {q for q, answer in zip(QUESTIONS, answers, strict=True) if answer["prediction"] == "permitted"}


def is_listed(question: Question, lines: list[str]) -> bool:
    """Whether a line `udp/53 from RANGES to PLACES` speaks of it: by node where all of it is meant, else by range or address."""
    traffic = f"{'udp' if question.protocol == UDP else 'tcp'}/{question.port}"
    for line in lines:
        l4s, _, ends = line.partition(" from ")
        sources, _, destinations = ends.partition(" to ")
        named = (_is_named(question.source, sources), _is_named(question.destination, destinations))
        if traffic in l4s.split(", ") and all(named):
            return True
    return False


def _is_named(address: str, places: str) -> bool:
    node = OWNERS[address]
    pods = f"{asking.NODES[node].pods} (pods of {node})"
    own = f"{address} ({node})"
    return node in re.split(r", | and ", places) or (pods if address == PODS[node] else own) in places


def offered(directory: Path) -> list[dict[str, Any]]:
    """The fixes of `pathcheck predict`, best first."""
    words = ("--from", ASKED.source, "--to", ASKED.destination, "udp/53")
    return list(asking.predict(asking.recording(), directory, *words)["fixes"])


def test_every_fix_does_what_it_says(packets: Exchange, lab: dict[str, str], tmp_path: Path) -> None:
    """For each one: the flow arrives; what it opens besides is what it lists, by prediction and on the wire; undone, all is as before."""
    try:
        levers.delete_rule()
        before = permitted(tmp_path)
        fixes = offered(tmp_path)
        assert fixes
        assert packets.arrived([ASKED]) == set()
        for fix in fixes:
            compute.run(fix["command"], lab)
            opened = permitted(tmp_path) - before
            assert opened - {ASKED} == {
                q for q in QUESTIONS if q not in before and q != ASKED and is_listed(q, fix["opens"])
            }
            assert fix["closes"] == []
            assert packets.arrived(QUESTIONS) == before | opened
            compute.run(compute.delete(shlex.split(fix["command"])[4]), lab)
            assert packets.arrived(QUESTIONS) == before
    finally:
        compute.restore_story()


def test_the_fix_of_the_finding_mends_the_check(kube_dns: Watch, lab: dict[str, str]) -> None:
    """Typed as printed it makes the check True again, and the finding says what else it opens."""
    deleted = levers.delete_rule()
    change = kube_dns.wait_for("kube-dns", "naming the rule", names_the_rule, 20, deleted)
    (finding,) = [f for f in change.findings if f["reason"] == "BlockedByFirewall"][:1]
    assert finding["fixNote"].startswith("also opens ")
    compute.run(finding["fix"], lab)
    kube_dns.wait_for("kube-dns", "True", is_true, 20, time.time())
