"""`python -m e2e.lab.cloud`: the Compute Engine emulator as a process of its own; ends cleanly on SIGTERM."""

from __future__ import annotations

import argparse
import ipaddress
import json
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from e2e.lab.cloud.api import Api
from e2e.lab.cloud.enforce import EnforcementError, Enforcer, Nothing, Router
from e2e.lab.cloud.faults import Faults
from e2e.lab.cloud.journal import Journal
from e2e.lab.cloud.server import Emulator, Listener, listening_socket
from e2e.lab.cloud.store import SeedError
from e2e.lab.forward import enter_namespace, parse_address


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or Ctrl-C; 0 then, 1 if it could not start, with the reason as one line."""
    asked = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        listeners = _listeners(asked)
    except (SeedError, EnforcementError, OSError) as error:
        print(f"the emulator cannot start: {error}", file=sys.stderr)
        return 1
    for listener in listeners:
        listener.start()
    api = listeners[0].emulator.api
    for note in api.notes:
        print(note, file=sys.stderr, flush=True)
    force = "not enforced" if asked.no_enforce else f"in force in {asked.router_netns}"
    places = " and ".join(f"{listener.url} ({listener.name})" for listener in listeners)
    print(f"project {api.project}: {api.number_of_rules()} firewall rules {force}, served at {places}", flush=True)
    ended.wait()
    for listener in listeners:
        listener.shutdown()
        listener.server_close()
    listeners[0].emulator.journal.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m e2e.lab.cloud", description=__doc__)
    parser.add_argument("--seed", type=Path, required=True, help="recording (JSON) to start from")
    parser.add_argument("--listen", type=_loopback, required=True, help="HOST:PORT on loopback, with the side door")
    parser.add_argument("--listen-in", type=_inside, metavar="NETNS/HOST:PORT", help="also inside a network namespace")
    parser.add_argument("--state", type=Path, required=True, help="directory of the request log")
    parser.add_argument("--router-netns", help="network namespace whose nftables enforce the rules")
    parser.add_argument(
        "--interface-prefix", default="v-", help="what the router's interfaces have before the instance"
    )
    parser.add_argument("--no-enforce", action="store_true", help="the API only")
    return parser


def _loopback(text: str) -> tuple[str, int]:
    host, port = parse_address(text)
    if not ipaddress.ip_address(host).is_loopback:
        raise argparse.ArgumentTypeError(f"{host} is not a loopback address, and the side door must not be reachable")
    return host, port


def _inside(text: str) -> tuple[str, tuple[str, int]]:
    namespace, slash, address = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"{text} is not NETNS/HOST:PORT")
    return namespace, parse_address(address)


def _listeners(asked: argparse.Namespace) -> list[Listener]:
    # The sockets first: a port that is taken must not cost the rules of whoever serves there.
    sockets = [("loopback", listening_socket(*asked.listen))]
    if asked.listen_in:
        namespace, address = asked.listen_in
        sockets.append((namespace, _elsewhere(namespace, lambda: listening_socket(*address))))
    try:
        recording = json.loads(asked.seed.read_text())
    except ValueError as error:
        raise SeedError(f"{asked.seed} is not JSON: {error}") from error
    emulator = Emulator(Api(recording, _enforcer(asked)), Faults(), Journal(asked.state))
    return [Listener(name, found, emulator, side_door=name == "loopback") for name, found in sockets]


def _enforcer(asked: argparse.Namespace) -> Enforcer:
    if asked.no_enforce:
        return Nothing()
    if not asked.router_netns:
        raise EnforcementError("--router-netns must be given (or --no-enforce)")
    return Router(asked.router_netns, asked.interface_prefix)


def _elsewhere(namespace: str, make: Callable[[], socket.socket]) -> socket.socket:
    """What `make` gives inside a network namespace: a socket stays where it was made, a thread can go there alone."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def work() -> None:
        try:
            enter_namespace(namespace)
            made.append(make())
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


if __name__ == "__main__":
    sys.exit(main())
