"""Between the probe and an API server of ours, over TLS on loopback. Each step waits for what is next, so nothing needs to sleep."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pathcheck.probe import courier as module
from pathcheck.probe.api import Api
from pathcheck.probe.courier import BackOff, Courier
from tests.probe.api_server import COLLECTION, ApiServer, account, serving


class Desk:
    """A courier at work: `heard` are the specs that it brought."""

    def __init__(self, servers: list[tuple[str, int]], directory: Path) -> None:
        self.heard: list[Any] = []
        self.courier = Courier(
            Api(servers, str(account(directory / "account"))),
            "pathcheck-system",
            "node-1",
            lambda body: self.heard.append(body["spec"]),
            lambda: 0.0,
        )

    def until(self, holds: Callable[[], object]) -> None:
        """Steps until it holds."""
        while not holds():
            self.courier.step()


@contextmanager
def working(directory: Path) -> Iterator[tuple[ApiServer, Desk]]:
    """Both, the courier without any assignment yet."""
    with serving(directory) as server:
        desk = Desk([("127.0.0.1", server.port)], directory)
        try:
            yield server, desk
        finally:
            desk.courier.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without waiting."""
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "LAST_RETRY_SECONDS", 0.02)


def test_it_brings_what_is_there_and_what_changes(tmp_path: Path) -> None:
    """The watch begins with the PathProbe as it is, or with it once it is created."""
    with working(tmp_path) as (server, desk):
        desk.until(lambda: server.requests.qsize() == 1)
        server.put({"key": "01"})
        desk.until(lambda: len(desk.heard) == 1)
        server.put({"key": "02"})
        desk.until(lambda: len(desk.heard) == 2)
    assert desk.heard == [{"key": "01"}, {"key": "02"}]


@pytest.mark.parametrize("fault", [ApiServer.cut, ApiServer.expire], ids=["the connection is cut", "410 Gone"])
def test_a_watch_that_ends_is_begun_again(tmp_path: Path, fault: Callable[[ApiServer], None]) -> None:
    """Nothing that was written in between is missed."""
    with working(tmp_path) as (server, desk):
        server.put({"key": "01"})
        desk.until(lambda: len(desk.heard) == 1)
        fault(server)
        server.put({"key": "02"})
        desk.until(lambda: desk.heard[-1] == {"key": "02"})


def test_a_report_is_a_merge_patch_of_the_status(tmp_path: Path) -> None:
    """It goes to the node's own PathProbe."""
    with working(tmp_path) as (server, desk):
        server.put({})
        desk.courier.take({"podUID": "91a0"})
        desk.until(lambda: server.statuses.qsize() == 1)
        assert server.statuses.get() == {"podUID": "91a0"}
        assert f"PATCH {COLLECTION}/node-1/status" in list(server.requests.queue)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
def test_a_report_that_is_refused_is_brought_again(tmp_path: Path, status: int) -> None:
    """Whatever the API server says, the newest report is not lost."""
    with working(tmp_path) as (server, desk):
        server.put({})
        desk.until(lambda: desk.heard)
        server.fail = [status] * 3
        desk.courier.take({"time": "12:00"})
        desk.until(lambda: not server.fail)
        desk.courier.take({"time": "12:05"})
        desk.until(lambda: server.statuses.qsize() == 1)
        assert server.statuses.get() == {"time": "12:05"}


def test_a_watch_that_is_refused_is_asked_for_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is logged once, not at each try."""
    with working(tmp_path) as (server, desk):
        server.put({"key": "01"})
        server.fail = [403, 403, 403]
        desk.until(lambda: desk.heard)
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said == ["watch: the API server says 403: a fault was asked for: 403", "watch: works"]


def test_while_the_api_server_is_away_only_the_newest_report_waits(tmp_path: Path) -> None:
    """It is brought when the server is back, by the next address of the list."""
    with serving(tmp_path) as server, socket.create_server(("127.0.0.1", 0)) as nobody:
        server.put({})
        port = nobody.getsockname()[1]
        nobody.close()
        desk = Desk([("127.0.0.1", port)], tmp_path)
        desk.courier.take({"time": "12:00"})
        for _ in range(3):
            desk.courier.step()
        desk.courier.take({"time": "12:05"})
        desk.courier._api._servers.append(("127.0.0.1", server.port))
        desk.until(lambda: server.statuses.qsize())
        desk.courier.close()
        assert server.statuses.get() == {"time": "12:05"}
        with pytest.raises(queue.Empty):
            server.statuses.get_nowait()


def test_a_token_that_was_renewed_is_used(tmp_path: Path) -> None:
    """It is read again for each request."""
    with working(tmp_path) as (server, desk):
        server.put({})
        server.tokens = {"another"}
        desk.courier.take({"time": "12:00"})
        desk.courier.step()
        (tmp_path / "account" / "token").write_text("another\n")
        desk.until(lambda: server.statuses.qsize() == 1)


def test_a_server_with_another_certificate_gets_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The token is sent to whom the cluster's authority vouches for, at this very address, and to nobody else."""
    with serving(tmp_path) as server:
        desk = Desk([("localhost", server.port)], tmp_path)  # its certificate is for 127.0.0.1
        desk.courier.step()
        desk.courier.step()
        desk.courier.close()
        assert server.requests.qsize() == 0
    assert "certificate verify failed" in capsys.readouterr().err


def test_waiting_grows_to_a_limit_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as long after each failure, at least half of it, and short again once it worked."""
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 1.0)
    monkeypatch.setattr(module, "LAST_RETRY_SECONDS", 5.0)
    back_off = BackOff(lambda: 0.5)
    assert [back_off.failed() for _ in range(5)] == [0.75, 1.5, 3.0, 3.75, 3.75]
    back_off.worked()
    assert back_off.failed() == 0.75
