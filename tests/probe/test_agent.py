"""Assignments in, reports out, on real sockets of loopback addresses."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address
from typing import Any

import pytest

from pathcheck.model.probing import Assignment, Cadence, Dial
from pathcheck.model.words import Manner
from pathcheck.probe.agent import Agent
from pathcheck.probe.loop import Loop
from pathcheck.probe.words import moment
from pathcheck.wire.path_probes import manifest_of
from tests.builders import l4
from tests.probe.desk import HERE, THERE, free_port, until

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
# Rounds that nobody waits for: the first one is at once, the next one after the test.
ONCE = Cadence(interval_seconds=3600, attempts=2, timeout_milliseconds=200)


class Desk:
    """An agent at work; `reports` are the statuses that it wrote."""

    def __init__(self, loop: Loop, address: str = HERE, heartbeat: float = 3600.0) -> None:
        self.loop = loop
        self.reports: list[dict[str, Any]] = []
        self.generation = 0
        self.agent = Agent(loop, time.time, lambda: 0.0, f"uid-{address}", address, heartbeat, self.reports.append)

    def tell(self, *dials: Dial, listen: tuple[str, ...] = (), prove_after: str = "", uid: str = "7e1c") -> None:
        """The operator writes the spec."""
        self.generation += 1
        told = Assignment("node-1", tuple(l4(port) for port in listen), dials, "00ff")
        body = manifest_of("node-1", told, "pathcheck-system")
        body["spec"]["proveAfter"] = prove_after
        body["metadata"] |= {"uid": uid, "generation": self.generation}
        self.agent.told(body)

    def next(self) -> dict[str, Any]:
        """The next report."""
        count = len(self.reports)
        until(self.loop, lambda: len(self.reports) > count)
        return self.reports[-1]


def dial(manner: Manner, asked: str, address: str = THERE, cadence: Cadence = ONCE) -> Dial:
    """One for this assignment."""
    return Dial(ip_address(address), l4(asked), manner, cadence)


def seen(report: dict[str, Any]) -> dict[str, str]:
    """The observations by id; whether pings are permitted depends on the machine."""
    return {r["id"]: r["observation"] for r in report["results"] if r["id"] != "self icmp"}


def test_two_probes_prove_a_path(loop: Loop) -> None:
    """One listens, the other dials it, and both say that they reach themselves."""
    udp, tcp = f"udp/{free_port(UDP)}", f"tcp/{free_port(TCP)}"
    there, here = Desk(loop, THERE), Desk(loop)
    there.tell(listen=(udp, tcp))
    here.tell(dial(Manner.ECHO, udp), dial(Manner.ECHO, tcp))
    until(loop, lambda: here.reports and there.reports)
    assert seen(here.reports[0]) == {
        "self": "reached",
        f"echo {udp} {THERE}": "reached",
        f"echo {tcp} {THERE}": "reached",
    }
    assert seen(there.reports[0]) == {"self": "reached", f"self {udp}": "reached", f"self {tcp}": "reached"}
    assert (here.reports[0]["podUID"], here.reports[0]["podIP"]) == (f"uid-{HERE}", HERE)


def test_the_first_report_has_everything(loop: Loop) -> None:
    """It waits for the slowest dial, so that nobody sees half of it."""
    desk = Desk(loop)
    with socket.socket(socket.AF_INET, UDP) as mute:
        mute.bind((THERE, 0))
        silent = f"udp/{mute.getsockname()[1]}"
        closed = f"tcp/{free_port(TCP)}"
        desk.tell(dial(Manner.ECHO, silent), dial(Manner.CONNECT, closed))
        assert seen(desk.next()) == {
            "self": "reached",
            f"echo {silent} {THERE}": "silent",
            f"connect {closed} {THERE}": "refused",
        }


def test_a_transition_is_reported_at_once(loop: Loop) -> None:
    """Not at the next heartbeat."""
    desk, port = Desk(loop), free_port(TCP)
    asked = dial(Manner.CONNECT, f"tcp/{port}", cadence=Cadence(1, 1, 200))
    desk.tell(asked)
    assert seen(desk.next())[asked.id] == "refused"
    with socket.create_server((THERE, port)):
        assert seen(desk.next())[asked.id] == "reached"
    assert seen(desk.next())[asked.id] == "refused"


def test_a_heartbeat_says_the_same_again(loop: Loop) -> None:
    """Silence of a probe must mean that it is gone."""
    desk = Desk(loop, heartbeat=0.05)
    desk.tell()
    first, second = desk.next(), desk.next()
    assert second["time"] > first["time"]
    assert seen(second) == seen(first) == {"self": "reached"}


def test_a_proof_is_a_fresh_round_of_everything_reported_at_once(loop: Loop) -> None:
    """Every control dial and every dial was made after the moment that asked for it."""
    desk, port = Desk(loop), f"udp/{free_port(UDP)}"
    asked = dial(Manner.CONNECT, f"tcp/{free_port(TCP)}")
    desk.tell(asked, listen=(port,))
    desk.next()
    now = moment(time.time())
    desk.tell(asked, listen=(port,), prove_after=now)
    controls = {r["id"]: r["at"] >= now for r in desk.next()["results"] if r["id"].startswith("self")}
    assert controls == {"self": True, "self icmp": True, f"self {port}": True}
    # With the controls or right behind them, as they happen to end.
    until(loop, lambda: all(r["at"] >= now for r in desk.reports[-1]["results"]))


def test_a_proof_that_was_asked_of_a_predecessor_needs_no_round_of_its_own(loop: Loop) -> None:
    """The first rounds are fresh anyway."""
    desk = Desk(loop, heartbeat=0.05)
    desk.tell(prove_after=moment(time.time()))
    first, second = desk.next(), desk.next()
    assert second["results"] == first["results"]


def test_a_port_that_cannot_be_bound_is_unmeasured_with_the_reason(loop: Loop) -> None:
    """Whatever answers there, it is not ours."""
    desk = Desk(loop)
    with socket.create_server((HERE, 0)) as other:
        port = other.getsockname()[1]
        desk.tell(listen=(f"tcp/{port}",))
        report = desk.next()
    why = "EADDRINUSE: address already in use"
    assert report["listeners"] == [{"protocol": "TCP", "port": port, "bound": False, "detail": why}]
    (control,) = [r for r in report["results"] if r["id"] == f"self tcp/{port}"]
    assert (control["observation"], control["detail"]) == ("unmeasured", why)


def test_what_is_no_longer_assigned_is_not_reported(loop: Loop) -> None:
    """Neither dials nor listeners."""
    desk, port = Desk(loop, heartbeat=0.1), f"udp/{free_port(UDP)}"
    desk.tell(dial(Manner.CONNECT, f"tcp/{free_port(TCP)}"), listen=(port,))
    desk.next()
    desk.tell()
    report = desk.next()
    assert (seen(report), report["listeners"]) == ({"self": "reached"}, [])


def test_a_pathprobe_that_was_made_anew_is_reported_to(loop: Loop) -> None:
    """Its status is empty, though nothing changed for the probe."""
    desk = Desk(loop)
    desk.tell()
    desk.next()
    desk.tell(uid="another")
    assert seen(desk.next()) == {"self": "reached"}


@pytest.mark.parametrize("body", [{}, {"spec": {"dials": [{}]}, "metadata": {"uid": "7e1c", "generation": 9}}])
def test_an_assignment_that_cannot_be_read_changes_nothing(
    loop: Loop, body: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The last one holds, and the log says why."""
    desk = Desk(loop, heartbeat=0.05)
    desk.tell()
    desk.next()
    desk.agent.told(body)
    assert seen(desk.next()) == {"self": "reached"}
    assert "the assignment cannot be read" in capsys.readouterr().err
