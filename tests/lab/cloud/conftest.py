"""The emulator on a free loopback port, in this process and enforcing nothing, for clients that are not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials

from e2e.lab.cloud.api import Api
from e2e.lab.cloud.enforce import EnforcementError
from e2e.lab.cloud.faults import Faults
from e2e.lab.cloud.journal import Journal
from e2e.lab.cloud.server import Emulator, Listener, listening_socket
from e2e.lab.cloud.wanted import Wanted
from tests.lab.cloud.seeds import recording


@dataclass
class Remembering:
    """An enforcer that remembers what it was given each time, of VPC rules the names, and can be told to refuse."""

    given: list[list[str]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    refusal: str = ""

    def enforce(self, wanted: Wanted) -> None:
        if self.refusal:
            raise EnforcementError(self.refusal)
        self.wanted.append(wanted)
        self.given.append([rule["name"] for rule in wanted.rules])


@dataclass
class Serving:
    """A running emulator and how to reach it."""

    url: str
    enforcer: Remembering
    journal: Journal

    def client(self, kind: Callable[..., Any]) -> Any:
        """A google-cloud-compute client, as `client(compute_v1.FirewallsClient)`."""
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
        return kind(credentials=credentials, client_options=ClientOptions(api_endpoint=self.url))


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Serving]]:
    """Starts an emulator from a recording; `side_door=False` makes its listener one that pods could reach."""
    # A proxy of the machine's cannot reach its loopback.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running: list[Listener] = []

    def start(seed: dict[str, Any] | None = None, *, side_door: bool = True) -> Serving:
        enforcer = Remembering()
        journal = Journal(tmp_path / str(len(running)))
        emulator = Emulator(Api(seed or recording(), enforcer), Faults(), journal)
        listener = Listener("loopback", listening_socket("127.0.0.1", 0), emulator, side_door=side_door)
        running.append(listener)
        listener.start()
        return Serving(listener.url, enforcer, journal)

    yield start
    for listener in running:
        listener.shutdown()
        listener.server_close()
        listener.emulator.journal.close()


@pytest.fixture
def emulator(serve: Callable[..., Serving]) -> Serving:
    """The emulator with the story's rules."""
    return serve()
