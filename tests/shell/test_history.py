"""What becomes of the firewall is kept in the cluster, across restarts, and attributed when the audit log has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pathcheck.model.drift import MAX_CHANGES, Attribution
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Snapshot, Unavailable
from pathcheck.shell.child import NotRead
from pathcheck.shell.history import History
from pathcheck.shell.ports import FIREWALL_CHANGES, SECRETS, Body, Resource, Unreachable
from pathcheck.shell.recordings import NoLog
from pathcheck.shell.world import TRANSLATIONS, World
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.kept import SECRET, kept_of, pack
from tests.builders import check, nodes, pods, seconds
from tests.fakes import FakeCluster
from tests.recordings import NODE_TAG, Raw, entry, recording, rule

NAMESPACE = "pathcheck-system"
POD_RANGE = rule("pods", sourceRanges=["10.24.0.0/14"], targetTags=[NODE_TAG])
WEB = rule("web", allowed=[entry("tcp", "80")])


def logged(id_: str, method: str, name: str, who: str, at: float) -> Raw:
    """An entry of the audit log."""
    return {
        "insertId": id_,
        "timestamp": seconds(at).isoformat(),
        "protoPayload": {
            "methodName": f"v1.compute.firewalls.{method}",
            "resourceName": f"projects/p/global/firewalls/{name}",
            "authenticationInfo": {"principalEmail": who},
            "requestMetadata": {"callerSuppliedUserAgent": "gcloud/528"},
        },
    }


class Cloud:
    """A firewall that is read, an audit log that answers what the test puts in, and a clock that goes when told."""

    def __init__(self) -> None:
        self.packed = b""
        self.entries: list[Raw] = []
        self.trouble: NotRead | None = None
        self.ahead: float | None = None
        self.questions: list[Mapping[str, Any]] = []
        self.rests = 0

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        self.questions.append(question)
        if self.trouble is not None:
            raise self.trouble
        return {"entries": self.entries, **({} if self.ahead is None else {"clockAheadSeconds": self.ahead})}

    async def rest(self) -> None:
        self.rests += 1


class Harness:
    """One cluster; operators come and go."""

    def __init__(self) -> None:
        self.cluster, self.cloud = FakeCluster(), Cloud()
        self.time: datetime = seconds(0)
        self.firewall: Firewall | Unavailable = Unavailable("not read yet")
        self.previous: Firewall | None = None
        self.restart()

    def restart(self) -> None:
        """Another operator, which knows what the cluster tells it."""
        self.world = World()
        self.cluster.watch = self._happened
        for body in self.cluster.all(FIREWALL_CHANGES).values():
            self.world.put(FIREWALL_CHANGES, body)
        self.previous = None
        self.history = History(self.world, self.cluster, self.cloud, NAMESPACE, lambda: self.time)

    def _happened(self, type_: str, resource: Resource, body: Body) -> None:
        if resource in TRANSLATIONS:
            self.world.remove(resource, body) if type_ == "DELETED" else self.world.put(resource, body)

    async def read(self, at: float, raw: Raw) -> float | None:
        """The firewall is read at this time, and looked at."""
        found = replace(firewall_of(raw), first_read=seconds(at), last_read=seconds(at))
        if isinstance(self.firewall, Firewall) and self.firewall.revision != found.revision:
            self.previous = self.firewall
        self.firewall, self.cloud.packed = found, pack(raw)
        return await self.look(at + 0.3)

    async def look(self, at: float) -> float | None:
        """After how many seconds the next look is wished."""
        self.time = seconds(at)
        asks = check()
        return await self.history.look(
            Snapshot(
                now=self.time,
                nodes=nodes(),
                services={},
                backends={},
                probes={},
                pods=pods(),
                checks={asks.name: asks},
                firewall=self.firewall,
                previous=self.previous,
            )
        )

    def told(self) -> list[tuple[int, list[str], list[str], Attribution, str]]:
        """Number, edits, authors, how far they are known, and why not."""
        return [
            (
                c.number,
                [e.sentence.partition(" (")[0] for e in c.difference.edits],
                [call.principal for e in c.difference.edits for call in e.by],
                c.attribution,
                c.why,
            )
            for c in self.world.changes()
        ]


async def test_the_first_reading_is_kept_and_is_no_change() -> None:
    """There is nothing to compare it with."""
    it = Harness()
    assert await it.read(0, recording(POD_RANGE)) is None
    assert it.told() == []
    kept = kept_of(it.cluster.all(SECRETS)[SECRET])
    assert kept is not None
    assert (kept.number, kept.read) == (0, seconds(0))


async def test_a_deleted_rule_is_told_with_who_did_it_and_what_it_flips() -> None:
    """One object: the edit, its author, and the check with the flows that will die."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3)]
    assert await it.read(5, recording(WEB)) is None
    assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]
    (change,) = it.world.changes()
    assert [(a.check, a.worse, a.better) for a in change.affected] == [("kube-dns", 6, 0)]
    assert (change.not_before, change.noticed) == (seconds(0), seconds(5))


async def test_a_change_while_no_operator_ran_is_found_by_the_next() -> None:
    """What was kept is compared with the first reading after the restart."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.restart()
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 1800)]
    await it.read(3600, recording(WEB))
    assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]


async def test_a_restart_tells_nothing_twice() -> None:
    """The history is there, and the same firewall is no change."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    await it.read(5, recording(WEB))
    before = it.told()
    it.restart()
    await it.read(9, recording(WEB))
    assert it.told() == before


async def test_an_operator_that_dies_before_it_has_kept_the_reading_writes_no_second_change() -> None:
    """The object comes first; who comes next finds it, and what is known of it stays."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.cluster.failures[f"apply secrets {SECRET}"] = Unreachable("gone")
    with pytest.raises(Unreachable):
        await it.read(5, recording(WEB))
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3)]
    await it.look(6)
    it.restart()
    await it.read(9, recording(WEB))
    assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]


async def test_two_changes_within_one_poll_are_one_with_two_authors() -> None:
    """Whoever did what is kept apart."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.cloud.entries = [
        logged("1", "delete", "pods", "dana@example.com", 2),
        logged("2", "insert", "dns", "eve@example.com", 3),
    ]
    await it.read(5, recording(WEB, rule("dns")))
    assert it.told() == [
        (1, ["pods deleted", "dns created"], ["dana@example.com", "eve@example.com"], Attribution.COMPLETE, "")
    ]


async def test_a_late_entry_is_waited_for() -> None:
    """Asked for often at first and seldom later; once it is there the same object has it, and the log is left alone."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    assert await it.read(5, recording(WEB)) == 2.0
    assert await it.look(30) == 5.0
    assert await it.look(120) == 30.0
    assert it.told() == [(1, ["pods deleted"], [], Attribution.PENDING, "the audit log has no entry for pods yet")]
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3)]
    assert await it.look(150) is None
    assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]
    asked = len(it.cloud.questions)
    await it.look(200)
    assert len(it.cloud.questions) == asked


async def test_a_late_entry_is_found_by_the_next_operator() -> None:
    """What is pending is read back from the cluster."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    await it.read(5, recording(WEB))
    it.restart()
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3)]
    await it.read(60, recording(WEB))
    assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]


async def test_an_entry_that_never_comes_is_given_up_and_said() -> None:
    """After a quarter of an hour."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    await it.read(5, recording(WEB))
    assert await it.look(1000) is None
    assert it.told() == [
        (1, ["pods deleted"], [], Attribution.MISSING, "the audit log has no entry for pods, 15 minutes later")
    ]


async def test_a_log_that_may_not_be_read_costs_the_name_alone() -> None:
    """The change is there with what it closes; the missing permission is named."""
    it = Harness()
    it.cloud.trouble = NotRead("Permission denied", "logging.logEntries.list")
    await it.read(0, recording(POD_RANGE, WEB))
    await it.read(5, recording(WEB))
    why = "the audit log of august-period-234610 cannot be read: Permission denied (missing permission logging.logEntries.list)"
    assert it.told() == [(1, ["pods deleted"], [], Attribution.PENDING, why)]
    assert it.world.changes()[0].difference.closes != ()


async def test_a_firewall_from_a_file_has_no_authors() -> None:
    """Nobody is waited for."""
    it = Harness()
    it.cloud.trouble = NoLog("the firewall is read from a file, which has no audit log")
    await it.read(0, recording(POD_RANGE, WEB))
    assert await it.read(5, recording(WEB)) is None
    why = "the firewall is read from a file, which has no audit log"
    assert it.told() == [(1, ["pods deleted"], [], Attribution.MISSING, why)]


async def test_the_clouds_clock_may_be_another() -> None:
    """Ten minutes ahead or behind, as its answers tell: the entry is found all the same."""
    for ahead in (-600.0, 600.0):
        it = Harness()
        it.cloud.ahead = ahead
        await it.read(0, recording(POD_RANGE, WEB))
        it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3 + ahead)]
        await it.read(5, recording(WEB))
        assert it.told() == [(1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, "")]


async def test_only_the_time_in_question_is_asked_about_by_the_clouds_own_clock() -> None:
    """Once the answer shows how far the clocks are apart it is asked again; the next time at once."""
    it = Harness()
    it.cloud.ahead = 600
    await it.read(0, recording(POD_RANGE, WEB))
    await it.read(5, recording(WEB))
    asked = [re.findall(r'timestamp[<>]="(.*?)"', question["filter"]) for question in it.cloud.questions]
    ours = ["2026-01-26T11:59:50.000Z", "2026-01-26T12:00:20.000Z"]
    theirs = ["2026-01-26T12:09:50.000Z", "2026-01-26T12:10:20.000Z"]
    assert asked == [ours, theirs]
    await it.look(9)
    assert len(it.cloud.questions) == 3


async def test_deleted_restored_and_deleted_again_are_three_changes() -> None:
    """An entry explains one of them only."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.cloud.entries = [logged("1", "delete", "pods", "dana@example.com", 3)]
    await it.read(5, recording(WEB))
    it.cloud.entries += [logged("2", "insert", "pods", "eve@example.com", 8)]
    await it.read(10, recording(POD_RANGE, WEB))
    await it.read(15, recording(WEB))
    assert it.told() == [
        (1, ["pods deleted"], ["dana@example.com"], Attribution.COMPLETE, ""),
        (2, ["pods created"], ["eve@example.com"], Attribution.COMPLETE, ""),
        (3, ["pods deleted"], [], Attribution.PENDING, "the audit log has no entry for pods yet"),
    ]
    assert [(a.worse, a.better) for c in it.world.changes() for a in c.affected] == [(6, 0), (0, 6), (6, 0)]


async def test_a_node_that_comes_is_kept_and_is_no_change() -> None:
    """The next comparison begins with it."""
    it = Harness()
    fewer = recording(POD_RANGE, WEB)
    fewer["instances"] = fewer["instances"][:2]
    await it.read(0, fewer)
    await it.read(5, recording(POD_RANGE, WEB))
    assert it.told() == []
    kept = kept_of(it.cluster.all(SECRETS)[SECRET])
    assert kept is not None
    assert isinstance(it.firewall, Firewall)
    assert (kept.number, kept.revision) == (0, it.firewall.revision)


async def test_a_firewall_that_cannot_be_read_changes_nothing() -> None:
    """What was kept stays, until there is something to compare it with."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    it.firewall = Unavailable("forbidden")
    await it.look(5)
    await it.read(10, recording(WEB))
    assert [edits for _, edits, *_ in it.told()] == [["pods deleted"]]


async def test_who_cannot_read_the_firewall_knows_what_it_was() -> None:
    """The next operator, without access to the cloud, has the rules that the last one kept."""
    it = Harness()
    assert it.history.kept is None
    await it.read(0, recording(POD_RANGE, WEB))
    it.firewall = Unavailable("forbidden")
    it.restart()
    await it.look(60)
    assert it.history.kept is not None
    assert it.history.kept.rules == firewall_of(recording(POD_RANGE, WEB)).rules


async def test_the_history_is_bounded() -> None:
    """The oldest change makes room for the latest."""
    it = Harness()
    await it.read(0, recording(POD_RANGE, WEB))
    for i in range(MAX_CHANGES + 3):
        await it.read(5 + i, recording(WEB) if i % 2 == 0 else recording(POD_RANGE, WEB))
    numbers = [change.number for change in it.world.changes()]
    assert numbers == list(range(4, MAX_CHANGES + 4))
    assert len(it.cluster.all(FIREWALL_CHANGES)) == MAX_CHANGES
