"""The other thread: brings what the API server says of our PathProbe, and takes the newest report there.

A watch without resourceVersion begins with what is there now and goes on with what changes
(https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch): each cut, expiry (410) or restart of the server is
answered alike, by beginning it again, and there is no state that could be wrong.
While the API server is away, measuring goes on by the last assignment; of the reports only the newest is kept.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from collections.abc import Callable

from pathcheck.probe.api import Answer, Api, ApiError
from pathcheck.probe.words import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0
WATCH_SECONDS = 270
# The server ends a watch after WATCH_SECONDS; one that does not has forgotten us.
WATCH_GRACE_SECONDS = 30


class BackOff:
    """Waits longer after each failure; half of it by chance, so that a fleet does not come back all at once."""

    def __init__(self, roll: Callable[[], float]) -> None:
        self._roll = roll
        self._seconds = FIRST_RETRY_SECONDS

    def failed(self) -> float:
        """How long to wait now."""
        wait = self._seconds * (0.5 + 0.5 * self._roll())
        self._seconds = min(self._seconds * 2, LAST_RETRY_SECONDS)
        return wait

    def worked(self) -> None:
        """The next failure is a first one."""
        self._seconds = FIRST_RETRY_SECONDS


class Courier:
    """`heard` is called in this thread with each PathProbe as the watch says it. `run` does not return."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        node: str,
        heard: Callable[[dict[str, Any]], None],
        roll: Callable[[], float],
    ) -> None:
        self._api = api
        self._heard = heard
        self._roll = roll
        collection = f"/apis/pathcheck.dev/v1alpha1/namespaces/{namespace}/pathprobes"
        self._status_path = f"{collection}/{node}/status"
        self._watch_path = (
            f"{collection}?watch=1&fieldSelector=metadata.name%3D{node}&allowWatchBookmarks=true&timeoutSeconds="
        )
        self._newest: dict[str, Any] | None = None
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._report_back_off, self._watch_back_off = BackOff(roll), BackOff(roll)
        self._report_at = self._watch_at = 0.0
        self._watch: tuple[ssl.SSLSocket, Answer] | None = None
        self._watch_until = 0.0
        self._trouble: dict[str, str] = {}

    def take(self, status: dict[str, Any]) -> None:
        """From the other thread: the newest report. One that was not delivered yet is not worth it any more."""
        self._newest = status
        self._nudge()

    def _nudge(self) -> None:
        try:
            self._wake.send(b"!")
        except BlockingIOError:
            return  # it is awake

    def run(self) -> None:
        """For ever."""
        while True:
            self.step()

    def close(self) -> None:
        """Ends the watch; `run` must have ended before."""
        self._end_watch()
        self._woken.close()
        self._wake.close()

    def step(self) -> None:
        """Waits for the next thing to do, and does it."""
        now = time.monotonic()
        due = [self._watch_until if self._watch else self._watch_at]
        if self._newest is not None:
            due.append(self._report_at)
        poll = select.poll()  # select() ends at the 1024th file, and a round of many dials opens more
        poll.register(self._woken, select.POLLIN)
        if self._watch is not None:
            poll.register(self._watch[0], select.POLLIN)
        for file, _ in poll.poll(max(0.0, min(due) - now) * 1000 + 1):
            if file == self._woken.fileno():
                self._woken.recv(4096)
            else:
                self._hear()
        now = time.monotonic()
        if self._newest is not None and now >= self._report_at:
            self._deliver()
        if self._watch is not None and now >= self._watch_until:
            self._end_watch()
        if self._watch is None and now >= self._watch_at:
            self._begin_watch()

    def _deliver(self) -> None:
        report, self._newest = self._newest, None
        try:
            self._api.patch(self._status_path, {"status": report})
        except ApiError as error:
            if self._newest is None:
                self._newest = report
            self._report_at = time.monotonic() + self._report_back_off.failed()
            self._say("report", str(error))
            return
        self._report_back_off.worked()
        self._report_at = 0.0
        self._say("report", "")

    def _begin_watch(self) -> None:
        seconds = int(WATCH_SECONDS * (0.8 + 0.2 * self._roll()))
        try:
            self._watch = self._api.open(f"{self._watch_path}{seconds}")
        except ApiError as error:
            self._watch_at = time.monotonic() + self._watch_back_off.failed()
            self._say("watch", str(error))
            return
        self._watch_until = time.monotonic() + seconds + WATCH_GRACE_SECONDS
        self._say("watch", "")
        self._hear()  # what came with the head is in no socket any more

    def _hear(self) -> None:
        assert self._watch is not None
        sock, answer = self._watch
        try:
            ended = self._read(sock, answer)
        except (OSError, ApiError, ValueError, KeyError, TypeError) as error:
            self._watch_at = time.monotonic() + self._watch_back_off.failed()
            self._say("watch", f"the watch broke: {error}")
            self._end_watch()
            return
        if ended:
            # Also an ordinary end is followed by a little pause: a server that ends each watch at once must not be hammered.
            self._watch_at = time.monotonic() + self._watch_back_off.failed()
            self._end_watch()

    def _read(self, sock: ssl.SSLSocket, answer: Answer) -> bool:
        """All that is there; whether that was the end."""
        while True:
            for line in answer.lines():
                self._event(line)
            if answer.done:
                return True
            try:
                data = sock.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                return False
            if not data:
                return True
            answer.feed(data)

    def _event(self, line: bytes) -> None:
        if not line.strip():
            return
        event = json.loads(line)
        if event["type"] == "ERROR":
            raise ApiError(str(event["object"].get("message", "")) or "an error without a message")
        self._watch_back_off.worked()
        if event["type"] in ("ADDED", "MODIFIED"):
            # DELETED: the pod goes with its PathProbe; until then the last assignment does no harm.
            self._heard(event["object"])

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch[0].close()
            self._watch = None

    def _say(self, what: str, trouble: str) -> None:
        """Once for each change: a minute without the API server is not worth a hundred lines."""
        if self._trouble.get(what, "") != trouble:
            say(f"{what}: {trouble or 'works'}")
        self._trouble[what] = trouble
