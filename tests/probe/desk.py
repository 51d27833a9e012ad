"""For tests on loopback: a real loop that turns until something holds."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from pathcheck.probe.assignment import Dial
from pathcheck.probe.attempts import Attempt, SourcePorts
from pathcheck.probe.loop import Loop
from pathcheck.probe.words import Outcome

KEY = b"k" * 32
HERE, THERE = "127.0.0.71", "127.0.0.72"
_ports = SourcePorts(int(time.time() * 1000))


def until(loop: Loop, holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Turns the loop until it holds; fails after so many seconds."""
    end = loop.now() + seconds
    while not holds():
        assert loop.now() < end, "it never came to hold"
        loop.turn(0.05)


def dial(manner: str, l4: str, address: str = THERE, timeout: float = 5.0, trouble: str = "") -> Dial:
    """One that is answered long before its timeout, or is not answered at all."""
    return Dial(f"{manner.lower()} {l4} {address}", manner, l4, address, timeout=timeout, trouble=trouble)


def outcome(loop: Loop, of: Dial, source: str = HERE, key: bytes = KEY) -> Outcome:
    """What one attempt comes to."""
    ended: list[Outcome] = []
    Attempt(loop, of, source, _ports, key, ended.append).begin()
    until(loop, lambda: ended)
    return ended[0]


def free_port(kind: socket.SocketKind, address: str = THERE) -> int:
    """One that nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])
