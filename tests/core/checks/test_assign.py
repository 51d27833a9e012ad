"""Who dials and who listens."""

from __future__ import annotations

from ipaddress import ip_address

from pathcheck.core.checks.assign import assign
from pathcheck.core.checks.plan import plan
from pathcheck.model.checks import NodeChoice, PathCheck
from pathcheck.model.flows import L4
from pathcheck.model.plans import Plan
from pathcheck.model.probing import MAX_DIALS, MAX_LISTENERS, Assignment, Cadence, Dial
from pathcheck.model.words import Manner
from tests.builders import TO_KUBE_DNS, check, kube_dns, l4, nodes, pods, seconds

ONE, TWO = NodeChoice(names=("node-1",)), NodeChoice(names=("node-2",))


def planned(of: PathCheck) -> Plan:
    services, backends = kube_dns()
    return plan(of, nodes(), services, backends, pods())


def test_the_target_listens_and_the_source_dials() -> None:
    """One pair gives one listener and one dial, on different nodes."""
    dial = Dial(ip_address("10.24.9.32"), l4("udp/53"), Manner.ECHO, Cadence())
    assert assign([planned(check(source=TWO, to=ONE))], "00", {}) == {
        "node-1": Assignment("node-1", (l4("udp/53"),), (), "00"),
        "node-2": Assignment("node-2", (), (dial,), "00"),
    }


def test_checks_that_ask_the_same_share_one_dial_at_the_stricter_cadence() -> None:
    """As often as the one wants, as patiently as the other."""
    often = planned(check(source=TWO, to=ONE, cadence=Cadence(1, 2, 500)))
    patiently = planned(check(source=TWO, to=ONE, cadence=Cadence(5, 3, 1000)))
    dial = Dial(ip_address("10.24.9.32"), l4("udp/53"), Manner.ECHO, Cadence(1, 3, 1000))
    assert assign([often, patiently], "", {})["node-2"].dials == (dial,)


def test_a_backends_own_node_is_told_to_prove_it() -> None:
    """node-1 dials kube-dns' pod directly, although only node-2 was asked."""
    dial = Dial(ip_address("10.24.9.31"), l4("udp/53"), Manner.DNS, Cadence())
    assert assign([planned(check(source=TWO, to=TO_KUBE_DNS))], "", {})["node-1"].dials == (dial,)


def test_a_proof_that_was_asked_for_is_not_forgotten() -> None:
    """prove_after is carried over from the assignment before."""
    assert assign([planned(check(source=TWO, to=ONE))], "", {"node-1": seconds(5)})["node-1"].prove_after == seconds(5)


def test_what_a_probe_cannot_hold_costs_the_check_that_asks_for_too_much() -> None:
    """No more dials and listeners than the API server takes; the small check has all of its own, whatever its name."""
    small = planned(check(source=TWO, to=ONE, traffic=(l4("udp/53"), l4("tcp/53"))))
    ports = tuple(L4(17, port) for port in range(1000, 1000 + MAX_DIALS))
    told = assign([planned(check(source=TWO, to=ONE, traffic=ports)), small], "", {})
    assert len(told["node-2"].dials) == MAX_DIALS
    assert len(told["node-1"].listeners) == MAX_LISTENERS
    assert {asked.dial for asked in small.asked} <= set(told["node-2"].dials)
    assert {asked.flow.l4 for asked in small.asked} <= set(told["node-1"].listeners)
