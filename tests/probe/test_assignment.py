"""The assignment as the operator writes it and as the probe reads it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from pathcheck.model.probing import Assignment, Cadence, Dial
from pathcheck.model.words import Manner
from pathcheck.probe.assignment import MANNERS, assignment_of
from pathcheck.wire.path_probes import MannerName, manifest_of
from tests.builders import l4, seconds


def told(**changes: Any) -> dict[str, Any]:
    """A PathProbe with one dial, one of whose fields is otherwise."""
    assignment = Assignment(
        "node-2",
        (l4("tcp/53"), l4("udp/53")),
        (Dial(ip_address("10.24.9.31"), l4("udp/53"), Manner.ECHO, Cadence(1, 2, 300)),),
        "00ff",
        seconds(0.25),
    )
    body = manifest_of("node-2", assignment, "pathcheck-system")
    body["spec"]["dials"][0] |= changes
    return body


def test_what_the_operator_writes_is_what_the_probe_reads() -> None:
    """The two spellings of the assignment, in wire and here, are one."""
    read = assignment_of(told())
    assert (read.listeners, read.key, read.prove_after) == (
        ("tcp/53", "udp/53"),
        b"\x00\xff",
        "2026-01-26T12:00:00.250000Z",
    )
    (dial,) = read.dials.values()
    assert {name: getattr(dial, name) for name in dial.__slots__} == {
        "id": "echo udp/53 10.24.9.31",
        "manner": "Echo",
        "l4": "udp/53",
        "port": 53,
        "address": "10.24.9.31",
        "interval": 1.0,
        "attempts": 2,
        "timeout": 0.3,
        "trouble": "",
    }


def test_the_manners_are_the_operators() -> None:
    """No manner can be assigned that this version does not know."""
    assert set(MANNERS) == {name.value for name in MannerName}


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"manner": "Guess"}, "this version of the probe does not know the manner Guess"),
        ({"address": "node-1.example"}, "node-1.example is no IP address"),
        ({"address": "fd00::9"}, ""),
    ],
)
def test_what_cannot_be_dialled_has_a_trouble(changes: dict[str, Any], trouble: str) -> None:
    """It is said aloud and not left out, and no name ever gets to a socket."""
    (dial,) = assignment_of(told(**changes)).dials.values()
    assert dial.trouble == trouble


def test_an_empty_spec_is_an_assignment() -> None:
    """A probe that has nothing to do yet."""
    read = assignment_of({"spec": {}})
    assert (read.listeners, read.dials, read.key, read.prove_after) == ((), {}, b"", "")
