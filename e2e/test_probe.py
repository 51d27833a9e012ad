"""What the probe sees of what a router does to its packets: two hosts and a router between them, in network namespaces (root).

Loopback cannot show this: an ICMP error is worth what its sender is worth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OPERATOR = Path(__file__).parent.parent / "operator"
DIALER, ROUTER, TARGET = "pprobe-dialer", "pprobe-router", "pprobe-target"
USER = 65532
# As the probe pod has them; and a router that answers each packet, where Linux would send one error a second.
SYSCTLS = (
    "net.ipv4.ip_unprivileged_port_start=0",
    f"net.ipv4.ping_group_range={USER} {USER}",
    "net.ipv4.icmp_ratelimit=0",
)
LISTEN = """
from pathcheck.probe.listen import Listeners
from pathcheck.probe.loop import Loop
loop = Loop()
listeners = Listeners(loop, "10.99.2.2", lambda: None)
listeners.key = b"key"
listeners.assign(["udp/53", "tcp/53"])
print(listeners.troubles(), flush=True)
while True:
    loop.turn()
"""
DIAL = """
import json, os, sys
from pathcheck.probe.assignment import Dial
from pathcheck.probe.attempts import Attempt, SourcePorts
from pathcheck.probe.loop import Loop
loop, ports, said = Loop(), SourcePorts(int.from_bytes(os.urandom(2), "big")), {}
for manner, l4 in (("Echo", "udp/53"), ("Echo", "tcp/53"), ("Ping", "icmp")):
    dial = Dial(l4, manner, l4, sys.argv[1], timeout=float(sys.argv[2]))
    Attempt(loop, dial, "10.99.1.2", ports, b"key", lambda outcome, l4=l4: said.update({l4: outcome[:2]})).begin()
while len(said) < 3:
    loop.turn()
print(json.dumps(said))
"""


def run(*command: str) -> str:
    """What it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def unprivileged(program: str, *arguments: str) -> list[str]:
    """A probe's parts in a bare interpreter, as the pod's user."""
    head = f"import sys; sys.path.insert(0, {str(OPERATOR)!r})\nimport os; os.setgroups([]); os.setgid({USER}); os.setuid({USER})\n"
    # Imported before the user changes: the checkout may not be readable for it.
    imports = "import json, select, socket, pathcheck.probe.attempts, pathcheck.probe.listen\n"
    first, second = head.split("\n", 1)
    return [sys.executable, "-I", "-S", "-c", f"{first}\n{imports}{second}{program}", *arguments]


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """dialer 10.99.1.2 — router — 10.99.2.2 target, with the target's listeners up."""
    assert os.geteuid() == 0, "network namespaces need root"
    names = (DIALER, ROUTER, TARGET)
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    try:
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "netns", "exec", name, "sysctl", "-qw", *SYSCTLS)
        for side, name in ((1, DIALER), (2, TARGET)):
            link = f"side{side}"
            run("ip", "-n", ROUTER, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", ROUTER, "addr", "add", f"10.99.{side}.1/24", "dev", link)
            run("ip", "-n", ROUTER, "link", "set", link, "up")
            run("ip", "-n", name, "addr", "add", f"10.99.{side}.2/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "route", "add", "default", "via", f"10.99.{side}.1")
        run("ip", "netns", "exec", ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run(
            "ip",
            "netns",
            "exec",
            ROUTER,
            "nft",
            "add table ip t; add chain ip t f { type filter hook forward priority 0; }",
        )
        listen = ["ip", "netns", "exec", TARGET, *unprivileged(LISTEN)]
        with subprocess.Popen(listen, stdout=subprocess.PIPE, text=True) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "{'tcp/53': '', 'udp/53': ''}\n"
            yield
            listener.kill()
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def seen(rule: str, address: str = "10.99.2.2", timeout: float = 0.5) -> dict[str, list[str]]:
    """Observation and detail by protocol, while the router has this rule for what the dialer sends."""
    run("ip", "netns", "exec", ROUTER, "nft", "flush chain ip t f")
    if rule:
        run("ip", "netns", "exec", ROUTER, "nft", f"add rule ip t f ip saddr 10.99.1.2 {rule}")
    out = run("ip", "netns", "exec", DIALER, *unprivileged(DIAL, address, str(timeout)))
    said: dict[str, list[str]] = json.loads(out)
    return said


def every(observation: str, detail: str) -> dict[str, list[str]]:
    """The same for all three."""
    return {l4: [observation, detail] for l4 in ("udp/53", "tcp/53", "icmp")}


REACHED = every("reached", "")
ROUTES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "nothing is in the way": ("", REACHED),
    "the firewall drops": ("drop", every("silent", "")),
    "the firewall says so": (
        "reject with icmp admin-prohibited",
        every("rejected", "communication administratively prohibited, says 10.99.1.1"),
    ),
    "the router says port unreachable in the target's place": (
        "reject with icmp port-unreachable",
        every("rejected", "port unreachable, says 10.99.1.1"),
    ),
    "an error that Linux would keep to itself": (
        "reject with icmp host-unreachable",
        every("rejected", "host unreachable, says 10.99.1.1"),
    ),
    "a reset in the target's name": (
        "meta l4proto tcp reject with tcp reset",
        REACHED | {"tcp/53": ["refused", "connection refused"]},
    ),
}


@pytest.mark.parametrize("sentence", ROUTES)
@pytest.mark.usefixtures("network")
def test_what_a_router_does_is_seen(sentence: str) -> None:
    """Each way of not letting packets through is told from the others, and who said so is named."""
    rule, expected = ROUTES[sentence]
    assert seen(rule) == expected


@pytest.mark.usefixtures("network")
def test_a_neighbour_that_is_dead_is_own_trouble_and_behind_a_router_the_routers_word() -> None:
    """What never left this host says nothing of the path; what the router says does. ARP gives up after three seconds."""
    assert seen("", "10.99.1.77", 5) == every("unmeasured", "host unreachable, says this node")
    assert seen("", "10.99.2.77", 5) == every("rejected", "host unreachable, says 10.99.1.1")
