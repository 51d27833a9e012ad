"""`python -m e2e.kind.cloud SEED STATE`: the lab's Compute Engine emulator for kind's nodes; ends cleanly on SIGTERM.

It listens on the loopback address for the user's clients, with the side door, and at the Docker network's gateway for pods.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

from e2e.kind.enforce import InNodes
from e2e.lab.cloud.api import Api
from e2e.lab.cloud.enforce import EnforcementError
from e2e.lab.cloud.faults import Faults
from e2e.lab.cloud.journal import Journal
from e2e.lab.cloud.server import Emulator, Listener, listening_socket
from e2e.lab.cloud.store import SeedError
from e2e.lab.topology import LOCAL_COMPUTE_PORT, ROUTER


def main(seed: str, state: str) -> int:
    """Serves until SIGTERM or Ctrl-C; 0 then, 1 if it could not start, with the reason as one line."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        sockets = [listening_socket(address, LOCAL_COMPUTE_PORT) for address in ("127.0.0.1", str(ROUTER))]
        emulator = Emulator(Api(json.loads(Path(seed).read_text()), InNodes()), Faults(), Journal(Path(state)))
    except (SeedError, EnforcementError, OSError, ValueError) as error:
        print(f"the emulator cannot start: {error}", file=sys.stderr)
        return 1
    listeners = [
        Listener(name, found, emulator, side_door=name == "loopback")
        for name, found in zip(("loopback", "gateway"), sockets, strict=True)
    ]
    for listener in listeners:
        listener.start()
    print(f"project {emulator.api.project}: {emulator.api.number_of_rules()} firewall rules in force", flush=True)
    ended.wait()
    for listener in listeners:
        listener.shutdown()
        listener.server_close()
    emulator.journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
