"""Puts the parts together: what is assigned is listened on and dialled, what is seen is reported.

Beside its dials the probe dials itself: `self` (an own port, proves that the dialler works), `self icmp`, and `self udp/53` for each
port it listens on. These control dials prove its listeners up to the operator when somebody else finds them silent. They are
reported when they change, with every other report, and at once after a `proveAfter` that is newer than their last round.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pathcheck.probe.assignment import Assignment, Dial, assignment_of
from pathcheck.probe.attempts import Attempt, SourcePorts
from pathcheck.probe.book import Book
from pathcheck.probe.listen import Listeners
from pathcheck.probe.loop import Loop, Timer
from pathcheck.probe.rounds import Rounds
from pathcheck.probe.words import UNMEASURED, Outcome, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTROL_INTERVAL = 5.0
COALESCE_SECONDS = 0.06  # what happens together is said together


class Agent:
    """`report` is called with each status that is to be written; `wall` is in seconds since 1970."""

    def __init__(
        self,
        loop: Loop,
        wall: Callable[[], float],
        roll: Callable[[], float],
        pod_uid: str,
        pod_ip: str,
        heartbeat_seconds: float,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._loop = loop
        self._wall = wall
        self._roll = roll
        self._pod_uid = pod_uid
        self._pod_ip = pod_ip
        self._heartbeat = heartbeat_seconds
        self._report = report
        self._book = Book()
        self._ports = SourcePorts(int(roll() * 2**15))
        self._listeners = Listeners(loop, pod_ip, self._listeners_changed)
        self._rounds = Rounds(loop, wall, roll, self._attempt, self._concluded)
        self._key = b""
        # A key that nobody else has: `self` proves the dialler, whatever the assignment says.
        self._own_key = os.urandom(32)
        self._own = Listeners(loop, pod_ip, lambda: None)
        self._own.key = self._own_key
        try:
            self._own_l4, self._own_trouble = self._own.own(), ""
        except OSError as error:
            self._own_l4, self._own_trouble = "udp/0", f"no port of its own: {error}"
        self._assignment: Assignment | None = None
        self._dials: dict[str, Dial] = {}
        self._told: tuple[str, int] = ("", 0)
        self._reported_once = False
        self._proven_after = ""
        self._proof_began = 0.0
        self._proving: list[set[str]] = []
        self._due: Timer | None = None
        self._soon: Timer | None = None

    def told(self, body: dict[str, Any]) -> None:
        """The PathProbe as the API server has it now."""
        try:
            assignment = assignment_of(body)
            version = (body["metadata"]["uid"], body["metadata"]["generation"])
        except (KeyError, TypeError, ValueError) as error:
            say(f"the assignment cannot be read and is not followed: {type(error).__name__} {error}")
            return
        if version == self._told:
            return  # the watch brings our own reports back, too
        before, self._told = self._told, version
        first, self._assignment = self._assignment is None, assignment
        self._key = self._listeners.key = assignment.key
        self._listeners.assign(assignment.listeners)
        self._assign()
        if not first and before[0] != version[0]:
            self._say_soon()  # another object of the same name: what we said is gone with its predecessor
        if assignment.prove_after != self._proven_after and not first:
            self._prove()
        self._proven_after = assignment.prove_after

    def _assign(self) -> None:
        assert self._assignment is not None
        self._dials = self._assignment.dials | self._controls(self._assignment)
        self._book.keep(self._dials)
        for proving in self._proving:
            proving &= self._dials.keys()
        self._rounds.assign(self._dials)

    def _controls(self, assignment: Assignment) -> dict[str, Dial]:
        interval = min((d.interval for d in assignment.dials.values()), default=CONTROL_INTERVAL)
        controls = [
            Dial("self", "Echo", self._own_l4, self._pod_ip, interval, trouble=self._own_trouble),
            # One attempt: where pings are not permitted, three would put off each proof.
            Dial("self icmp", "Ping", "icmp", self._pod_ip, interval, attempts=1),
        ]
        for l4, trouble in self._listeners.troubles().items():
            controls.append(Dial(f"self {l4}", "Echo", l4, self._pod_ip, interval, trouble=trouble))
        return {dial.id: dial for dial in controls}

    def _attempt(self, dial: Dial, ended: Callable[[Outcome], None]) -> Attempt:
        key = self._own_key if dial.id == "self" else self._key
        return Attempt(self._loop, dial, self._pod_ip, self._ports, key, ended)

    def _listeners_changed(self) -> None:
        self._assign()
        self._say_soon()

    def _prove(self) -> None:
        """Begins a round of everything. It is reported when the control dials are done, and again when the slow ones are."""
        self._proof_began = self._loop.now()
        self._proving = [{id_ for id_ in self._dials if id_.startswith("self")}, set(self._dials)]
        self._rounds.again()

    def _concluded(self, id_: str, began: float, wall: float, outcome: Outcome) -> None:
        changed = self._book.record(id_, began, wall, outcome)
        if outcome[0] == UNMEASURED and changed:
            say(f"{id_} is unmeasured: {outcome[1]}")
        if began >= self._proof_began:
            for proving in self._proving:
                proving.discard(id_)
                changed = changed or not proving
            self._proving = [proving for proving in self._proving if proving]
        if changed or not self._reported_once:
            self._say_soon()

    def _say_soon(self) -> None:
        if self._soon is None and (self._reported_once or self._book.knows(self._dials)):
            self._soon = self._loop.call_later(COALESCE_SECONDS, self._say_now)

    def _say_now(self) -> None:
        for timer in (self._soon, self._due):
            if timer is not None:
                timer.cancel()
        self._soon = None
        self._reported_once = True
        self._due = self._loop.call_later(self._heartbeat * (0.9 + 0.2 * self._roll()), self._say_now)
        self._report(self._book.status(self._pod_uid, self._pod_ip, self._wall(), self._listeners.troubles()))
