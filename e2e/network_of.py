"""Machines around one router, each a network namespace, with the Compute Engine emulator's rules in the router: no cluster.

The router's interface to a machine is `v-` + the machine's name, as the emulator expects it of an instance. Addresses
are resolved once and for all, for what a first packet waits for a neighbour's answer is neither allowed nor denied.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from e2e.lab.errors import run
from e2e.lab.forward import enter_namespace

REPOSITORY = Path(__file__).parents[1]
# What every machine has as its next hop; it answers to nothing else.
_GATEWAY = "10.142.0.1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Host:
    """A machine behind the router: its own address, a routed one as a pod would have, and its IPv6 addresses."""

    namespace: str
    name: str
    address: str
    pod: str
    v6: tuple[str, ...]


@contextmanager
def network_of(router: str, hosts: Sequence[Host]) -> Iterator[None]:
    """The namespaces of the router and the machines, joined; gone again afterwards, whatever happened.

    Raises:
        CommandError: a namespace could not be made or joined.
    """
    namespaces = (router, *(host.namespace for host in hosts))
    # A run that was killed leaves its own behind.
    _remove(namespaces)
    try:
        for namespace in namespaces:
            run(["ip", "netns", "add", namespace])
            # Else IPv6 waits a second on every link, for nobody.
            settings = [
                "net.ipv4.ip_forward=1",
                "net.ipv4.ping_group_range=0 0",
                "net.ipv6.conf.all.forwarding=1",
                "net.ipv6.conf.default.accept_dad=0",
            ]
            run(["ip", "netns", "exec", namespace, "sysctl", "-qw", *settings])
            _batch(namespace, "link set lo up")
        _batch(router, f"addr add {_GATEWAY}/32 dev lo")
        for host in hosts:
            _join(router, host, [other for other in hosts if other != host])
        yield
    finally:
        _remove(namespaces)


def _remove(namespaces: Sequence[str]) -> None:
    for namespace in namespaces:
        subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)


def _join(router: str, host: Host, others: Sequence[Host]) -> None:
    wire = f"v-{host.name}"
    _batch(
        router,
        f"link add {wire} type veth peer name eth0 netns {host.namespace}",
        f"link set {wire} up",
    )
    here, there = mac(router, wire), mac(host.namespace, "eth0")
    _batch(
        router,
        f"route add {host.address}/32 dev {wire}",
        f"route add {host.pod}/32 via {host.address} dev {wire} onlink",
        *(f"route add {address}/128 dev {wire}" for address in host.v6),
        *(f"neigh add {address} lladdr {there} dev {wire}" for address in (host.address, *host.v6)),
    )
    _batch(
        host.namespace,
        "link set eth0 up",
        *(f"addr add {address}/32 dev eth0" for address in (host.address, host.pod)),
        *(f"addr add {address}/128 dev eth0" for address in host.v6),
        f"route add {_GATEWAY}/32 dev eth0",
        f"route add default via {_GATEWAY} dev eth0 src {host.address}",
        "route add ::/0 dev eth0",
        f"neigh add {_GATEWAY} lladdr {here} dev eth0",
        # The others are on no common link that they could be looked for on.
        *(f"neigh add {address} lladdr {here} dev eth0" for other in others for address in other.v6),
    )


def _batch(namespace: str, *lines: str) -> None:
    run(["ip", "-netns", namespace, "-batch", "-"], given="\n".join(lines) + "\n")


def mac(namespace: str, interface: str) -> str:
    """The hardware address of an interface, `aa:bb:cc:dd:ee:ff`."""
    shown = run(["ip", "-netns", namespace, "-json", "link", "show", interface])
    return str(json.loads(shown)[0]["address"])


@contextmanager
def emulator(seed: object, directory: Path, router: str, *options: str) -> Iterator[str]:
    """HOST:PORT of the emulator's loopback listener, with the rules of `seed` in force in the router."""
    recording = directory / "seed.json"
    recording.write_text(json.dumps(seed))
    command = [sys.executable, "-m", "e2e.lab.cloud", "--seed", str(recording), "--state", str(directory)]
    command += ["--router-netns", router, "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            yield next(word for word in words if word.startswith("http://127")).removeprefix("http://")
        finally:
            process.terminate()
    assert process.returncode == 0


def ask(endpoint: str, method: str, path: str, body: object = None) -> Any:
    """The API's answer, which must be a good one."""
    connection = http.client.HTTPConnection(endpoint, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer
    finally:
        connection.close()


def inside(namespace: str, work: Callable[[], T]) -> T:
    """What `work` gives in a thread that is in the namespace; a socket that it makes stays there."""
    gave: list[T] = []
    failed: list[BaseException] = []

    def enter_and_work() -> None:
        try:
            enter_namespace(namespace)
            gave.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter_and_work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return gave[0]
