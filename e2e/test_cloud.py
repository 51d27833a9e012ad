"""The emulator's rules on real packets: two instances and a machine outside, joined by a router, as root.

Nobody listens on any port here. A packet that arrives is refused by the kernel it reached (TCP reset, ICMP port
unreachable), and that the refusal comes back shows that replies pass whatever the rules of the other side say.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.lab.errors import run
from e2e.network_of import Host, ask, emulator, inside, network_of

PROJECT = "august-period-234610"
NETWORK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/default"
FIREWALLS = f"/compute/v1/projects/{PROJECT}/global/firewalls"
ROUTER = "pcloud-vpc"
ACCOUNT = "web@example.com"
# Long enough for a loaded machine; every dropped packet costs this much.
PATIENCE = 0.4

A = Host("pcloud-a", "a", "10.142.0.2", "10.24.1.5", ("fd20::2",))
B = Host("pcloud-b", "b", "10.142.0.3", "10.24.2.5", ("fd20::3",))
OUTSIDE = Host("pcloud-ext", "ext", "198.51.100.10", "198.51.100.11", ("fd30::4",))


def instance(host: Host, tag: str, *accounts: str) -> dict[str, Any]:
    nic = {"name": "nic0", "network": NETWORK, "networkIP": host.address, "ipv6Address": host.v6[0]}
    return {
        "name": host.name,
        "zone": "us-east1-b",
        "tags": {"items": [tag]},
        "serviceAccounts": [{"email": account} for account in accounts],
        "networkInterfaces": [nic],
    }


SEED = {
    "format": "pathcheck-recording/1",
    "project": PROJECT,
    "networks": [{"name": "default"}],
    "instances": [instance(A, "web", ACCOUNT), instance(B, "data")],
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the emulator's loopback listener; it also listens in the machine outside."""
    also = ("--listen-in", f"{OUTSIDE.namespace}/{OUTSIDE.address}:80")
    with (
        network_of(ROUTER, (A, B, OUTSIDE)),
        emulator(SEED, tmp_path_factory.mktemp("cloud"), ROUTER, *also) as endpoint,
    ):
        yield endpoint


@pytest.fixture
def put(endpoint: str) -> Iterator[Callable[..., None]]:
    """Puts rules in force through the API; none are left afterwards."""

    def insert(*rules: dict[str, Any]) -> None:
        for rule in rules:
            ask(endpoint, "POST", FIREWALLS, rule)

    yield insert
    for rule in ask(endpoint, "GET", FIREWALLS).get("items", []):
        ask(endpoint, "DELETE", f"{FIREWALLS}/{rule['name']}")


def arrives(source: Host, target: str, what: str, sender: str | None = None) -> bool:
    """Whether a first packet (`tcp:22`, `udp:53`, `icmp`) to an address arrives and its answer comes back.

    `sender` is the source address, the host's own if it is left out.
    """
    protocol, _, port = what.partition(":")
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    # The kernel fills in identifier and checksum of an echo request on such a socket.
    number, first = (socket.IPPROTO_ICMP, bytes([8, 0, 0, 0, 0, 0, 0, 1])) if protocol == "icmp" else (0, b"?")

    def dial() -> bool:
        with socket.socket(family, kind, number) as dialling:
            dialling.settimeout(PATIENCE)
            if sender:
                dialling.bind((sender, 0))
            try:
                dialling.connect((target, int(port or 0)))
                dialling.send(first)
                return bool(dialling.recv(100))
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False

    return inside(source.namespace, dial)


def rule(name: str, action: str, *entries: str, **fields: Any) -> dict[str, Any]:
    """`rule("x", "allowed", "tcp:22,80", priority=900)`."""
    pairs = [entry.partition(":") for entry in entries]
    listed = [{"IPProtocol": protocol} | ({"ports": ports.split(",")} if ports else {}) for protocol, _, ports in pairs]
    return {"name": name, action: listed} | fields


OPEN = rule("open", "allowed", "all", priority=65000)
# Each sentence: the rules, then who sends what to whom (from which address, if not its own) and whether it arrives.
PACKETS: dict[str, tuple[list[dict[str, Any]], list[tuple[Host, str, str, str | None, bool]]]] = {
    "without rules nothing comes in, everything goes out": (
        [],
        [
            (A, B.address, "tcp:22", None, False),
            (A, B.address, "icmp", None, False),
            (OUTSIDE, A.address, "udp:53", None, False),
            (A, OUTSIDE.address, "tcp:22", None, True),
            (A, OUTSIDE.address, "udp:53", None, True),
        ],
    ),
    "ports and ranges of ports decide, on both sides of their borders": (
        [rule("x", "allowed", "tcp:22,8000-8010", "udp:53")],
        [
            (A, B.address, "tcp:22", None, True),
            (A, B.address, "tcp:23", None, False),
            (A, B.address, "tcp:7999", None, False),
            (A, B.address, "tcp:8000", None, True),
            (A, B.address, "tcp:8010", None, True),
            (A, B.address, "tcp:8011", None, False),
            (A, B.address, "udp:53", None, True),
            (A, B.address, "tcp:53", None, False),
            (A, B.address, "icmp", None, False),
        ],
    ),
    "protocols go by name and by number": (
        [rule("x", "allowed", "icmp", "17")],
        [
            (A, B.address, "icmp", None, True),
            (A, B.address, "udp:9999", None, True),
            (A, B.address, "tcp:22", None, False),
        ],
    ),
    "source ranges tell a pod from its node": (
        [rule("x", "allowed", "all", sourceRanges=["10.24.0.0/14"])],
        [
            (A, B.address, "tcp:22", A.pod, True),
            (A, B.pod, "tcp:22", A.pod, True),
            (A, B.address, "tcp:22", None, False),
        ],
    ),
    "source tags mean an instance's own address, not those of its pods": (
        [rule("x", "allowed", "all", sourceTags=["web"])],
        [
            (A, B.address, "tcp:22", None, True),
            (A, B.address, "tcp:22", A.pod, False),
            (OUTSIDE, B.address, "tcp:22", None, False),
        ],
    ),
    "source service accounts do too": (
        [rule("x", "allowed", "all", sourceServiceAccounts=[ACCOUNT])],
        [
            (A, B.address, "udp:53", None, True),
            (A, B.address, "udp:53", A.pod, False),
            (B, A.address, "udp:53", None, False),
        ],
    ),
    "target tags choose the instance, for its pods too": (
        [rule("x", "allowed", "all", targetTags=["data"])],
        [
            (A, B.address, "tcp:22", None, True),
            (A, B.pod, "tcp:22", None, True),
            (B, A.address, "tcp:22", None, False),
        ],
    ),
    "target service accounts choose the instance": (
        [rule("x", "allowed", "all", targetServiceAccounts=[ACCOUNT])],
        [(B, A.address, "tcp:22", None, True), (A, B.address, "tcp:22", None, False)],
    ),
    "the lower priority number decides": (
        [
            OPEN,
            rule("no-ssh", "denied", "tcp:22", priority=900),
            rule("web-ssh", "allowed", "tcp:22", priority=800, sourceTags=["web"]),
        ],
        [
            (A, B.address, "tcp:22", None, True),
            (OUTSIDE, B.address, "tcp:22", None, False),
            (OUTSIDE, B.address, "tcp:23", None, True),
        ],
    ),
    "deny wins where priorities are equal, whatever the names": (
        [rule("aa", "allowed", "all", priority=900), rule("zz", "denied", "tcp:22", priority=900)],
        [(A, B.address, "tcp:22", None, False), (A, B.address, "tcp:23", None, True)],
    ),
    "a disabled rule is as if it did not exist": (
        [OPEN, rule("x", "denied", "all", priority=0, disabled=True)],
        [(A, B.address, "tcp:22", None, True)],
    ),
    "egress is judged where the packet leaves, towards anywhere": (
        [OPEN, rule("x", "denied", "tcp:22", direction="EGRESS", targetTags=["web"])],
        [
            (A, B.address, "tcp:22", None, False),
            (A, OUTSIDE.address, "tcp:22", None, False),
            (A, B.address, "tcp:23", None, True),
            (B, A.address, "tcp:22", None, True),
        ],
    ),
    "destination and source ranges narrow egress": (
        [
            OPEN,
            rule(
                *("x", "denied", "all"),
                direction="EGRESS",
                sourceRanges=["10.24.0.0/14"],
                destinationRanges=["198.51.100.0/24"],
            ),
        ],
        [
            (A, OUTSIDE.address, "udp:53", A.pod, False),
            (A, OUTSIDE.address, "udp:53", None, True),
            (A, B.address, "udp:53", A.pod, True),
        ],
    ),
    "destination ranges narrow ingress": (
        [rule("x", "allowed", "all", destinationRanges=["10.24.2.0/24"])],
        [(A, B.pod, "tcp:22", None, True), (A, B.address, "tcp:22", None, False)],
    ),
    "IPv4 rules say nothing about IPv6, and the other way round": (
        [rule("four", "allowed", "udp:53"), rule("six", "allowed", "tcp:22", sourceRanges=["fd20::/64"])],
        [
            (A, B.v6[0], "tcp:22", None, True),
            (A, B.v6[0], "udp:53", None, False),
            (A, B.address, "tcp:22", None, False),
            (A, B.address, "udp:53", None, True),
        ],
    ),
}


@pytest.mark.parametrize("sentence", PACKETS)
def test_packets(put: Callable[..., None], sentence: str) -> None:
    """Packets do what the sentence says."""
    rules, expected = PACKETS[sentence]
    put(*rules)
    seen = [(*row[:4], arrives(*row[:4])) for row in expected]
    assert seen == expected


@pytest.mark.parametrize(("name", "number"), [("esp", 50), ("ah", 51), ("sctp", 132), ("ipip", 4), ("47", 47)])
def test_protocols_without_sockets(put: Callable[..., None], name: str, number: int) -> None:
    """A rule for a protocol lets that one through and its neighbour not."""
    put(rule("x", "allowed", name))

    def listener() -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
        listening.settimeout(PATIENCE)
        return listening

    def arrives_raw(protocol: int) -> bool:
        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as sending:
                # A port pair, a valid SCTP INIT is not needed: the packet filter reads no further.
                sending.sendto(bytes(32), (B.address, 0))

        inside(A.namespace, send)
        try:
            return bool(receiving.recv(100))
        except TimeoutError:
            return False

    with inside(B.namespace, listener) as receiving:
        assert arrives_raw(number)
        put(rule("y", "denied", name, priority=0))
        assert not arrives_raw(number)


def test_a_deleted_rule_ends_open_connections(put: Callable[..., None], endpoint: str) -> None:
    """When its rule is deleted, an open connection's next packet no longer arrives; when it is back, it goes on."""
    web = rule("web", "allowed", "tcp:8080")
    put(web)
    with inside(B.namespace, lambda: socket.create_server((B.address, 8080))) as server:
        client = inside(A.namespace, lambda: socket.create_connection((B.address, 8080), timeout=5))
        accepted, _ = server.accept()
        with client, accepted:
            accepted.settimeout(PATIENCE)
            client.send(b"1")
            assert accepted.recv(1) == b"1"
            ask(endpoint, "DELETE", f"{FIREWALLS}/web")
            client.send(b"2")
            with pytest.raises(TimeoutError):
                accepted.recv(1)
            put(web)
            accepted.settimeout(10)
            assert accepted.recv(1) == b"2"


def test_the_outside_listener(put: Callable[..., None]) -> None:
    """Instances reach the API at its outside address by their implied egress rule, and find no side door there."""

    def codes() -> list[int]:
        found = []
        for path in (FIREWALLS, "/lab/requests"):
            connection = http.client.HTTPConnection(OUTSIDE.address, 80, timeout=5)
            connection.request("GET", path)
            found.append(connection.getresponse().status)
            connection.close()
        return found

    assert inside(A.namespace, codes) == [200, 404]


def test_rules_are_readable_in_the_router(put: Callable[..., None]) -> None:
    """`nft list table inet vpc` names every rule and counts its packets."""
    put(rule("allow-dns", "allowed", "udp:53"))
    assert arrives(A, B.address, "udp:53")
    shown = run(["ip", "netns", "exec", ROUTER, "nft", "list", "table", "inet", "vpc"])
    line = next(line for line in shown.splitlines() if "allow-dns" in line)
    assert "udp dport 53" in line
    assert "counter packets 1 " in line


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed: its commands were not tried")
def test_gcloud(put: Callable[..., None], endpoint: str, tmp_path: Path) -> None:
    """gcloud's commands work as the story types them, and packets follow."""
    environment = os.environ | {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"http://{endpoint}/compute/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CONFIG": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
    }

    def gcloud(words: str) -> subprocess.CompletedProcess[str]:
        command = ["gcloud", "compute", *words.split()]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    create = (
        f"firewall-rules create pathcheck-dns --project={PROJECT} --network=default --direction=INGRESS "
        "--priority=1000 --source-ranges=10.142.0.0/20 --allow=tcp:53,udp:53 --target-tags=data"
    )
    assert gcloud(create).returncode == 0
    assert arrives(A, B.address, "udp:53")
    assert gcloud(create).stderr.endswith(
        f"The resource 'projects/{PROJECT}/global/firewalls/pathcheck-dns' already exists\n\n"
    )

    table = gcloud("firewall-rules list").stdout.splitlines()
    assert [line.split() for line in table[:2]] == [
        ["NAME", "NETWORK", "DIRECTION", "PRIORITY", "ALLOW", "DENY", "DISABLED"],
        ["pathcheck-dns", "default", "INGRESS", "1000", "tcp:53,udp:53", "False"],
    ]
    assert gcloud("firewall-rules update pathcheck-dns --disabled").returncode == 0
    assert not arrives(A, B.address, "udp:53")
    described = gcloud("firewall-rules describe pathcheck-dns --format=value(disabled,sourceRanges,targetTags)")
    assert described.stdout.split() == ["True", "10.142.0.0/20", "data"]
    effective = gcloud("networks get-effective-firewalls default")
    assert effective.stdout.splitlines()[1].split() == [
        *("network-firewall", "1000", "ALLOW", "INGRESS", "True", "10.142.0.0/20"),
    ]
    assert gcloud("firewall-rules delete pathcheck-dns --quiet").returncode == 0
    assert gcloud("firewall-rules list --format=value(name)").stdout == ""
