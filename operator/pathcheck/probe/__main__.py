"""`python3 -m pathcheck.probe`. Ends with 0 on SIGTERM or SIGINT, 1 on a fatal error, 2 on a wrong environment; the last two say why in
the termination message, which travels by the kubelet where the pod's own network does not.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping

from pathcheck.probe.agent import Agent
from pathcheck.probe.api import ACCOUNT, Api, servers_of
from pathcheck.probe.courier import Courier
from pathcheck.probe.loop import READ, Loop
from pathcheck.probe.words import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Settings:
    """What the environment says. Raises ValueError naming every variable that is missing or wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        wrong = []

        def needed(name: str) -> str:
            value = environment.get(f"PATHCHECK_{name}", "")
            if not value:
                wrong.append(f"PATHCHECK_{name} is not set")
            return value

        self.node = needed("NODE")
        self.namespace = needed("NAMESPACE")
        self.pod_ip = needed("POD_IP")
        self.pod_uid = needed("POD_UID")
        self.account = environment.get("PATHCHECK_ACCOUNT", ACCOUNT)
        self.heartbeat_seconds = 30.0
        self.servers: list[tuple[str, int]] = []
        try:
            self.heartbeat_seconds = float(environment.get("PATHCHECK_HEARTBEAT_SECONDS") or 30)
        except ValueError:
            wrong.append("PATHCHECK_HEARTBEAT_SECONDS is not a number")
        try:
            self.servers = servers_of(environment.get("PATHCHECK_API_SERVERS", ""))
        except ValueError as error:
            wrong.append(f"PATHCHECK_API_SERVERS: {error}")
        # The Service's address is what remains when every machine of the list was replaced since the pod began.
        if environment.get("KUBERNETES_SERVICE_HOST"):
            port = environment.get("KUBERNETES_SERVICE_PORT_HTTPS") or "443"
            self.servers.append((environment["KUBERNETES_SERVICE_HOST"], int(port)))
        if not self.servers and not wrong:
            wrong.append("PATHCHECK_API_SERVERS is not set")
        if wrong:
            raise ValueError("; ".join(wrong))


def chance() -> float:
    """Evenly in [0, 1); the random module would cost 0.3 MiB."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def main() -> int:
    """Runs until told to stop."""
    try:
        settings = Settings(os.environ)
    except ValueError as error:
        return _last_words(str(error), 2)
    try:
        return run(settings)
    except Exception as error:  # nothing may end this program without a word
        sys.excepthook(type(error), error, error.__traceback__)  # the traceback module would cost half a MiB
        return _last_words(f"{type(error).__name__}: {error}", 1)


def run(settings: Settings) -> int:
    """The exit code. Raises whatever ended one of the two threads."""
    # A round of silent dials has three sockets each, and many runtimes begin with 1024.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = Loop()
    heard: deque[dict[str, Any] | Exception | None] = deque()
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)

    def hand_over(what: dict[str, Any] | Exception | None) -> None:
        heard.append(what)
        try:
            wake.send(b"!")
        except BlockingIOError:
            return  # it is awake

    courier = Courier(Api(settings.servers, settings.account), settings.namespace, settings.node, hand_over, chance)
    agent = Agent(loop, time.time, chance, settings.pod_uid, settings.pod_ip, settings.heartbeat_seconds, courier.take)

    def carry() -> None:
        try:
            courier.run()
        except Exception as error:
            hand_over(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: hand_over(None))
    loop.watch(woken, READ, lambda: _drain(woken))
    # A daemon: an exit does not wait for the API server's answer.
    threading.Thread(target=carry, daemon=True).start()
    say(f"probe on {settings.node} at {settings.pod_ip}")
    while True:
        loop.turn()
        while heard:
            what = heard.popleft()
            if what is None:
                return 0
            if isinstance(what, Exception):
                raise what
            agent.told(what)


def _drain(sock: socket.socket) -> None:
    sock.recv(4096)


def _last_words(text: str, code: int) -> int:
    say(text)
    try:
        with open(os.environ.get("PATHCHECK_TERMINATION_LOG", "/dev/termination-log"), "w") as file:  # noqa: PTH123
            file.write(text[:4000])
    except OSError as error:
        say(f"no termination message: {error}")
    return code


if __name__ == "__main__":
    sys.exit(main())
