"""One pass: gather → decide → apply.

Gathering touches no network: the world is what the watches have shown, the firewall is the last recording. Deciding is the core's.
Applying raises, and the work queue tries again; whatever was done already is found done the next time, because nothing is
remembered here that the world does not say. No verdict is looked at in this file.

    key                  asked by                                         does
    ("check", NAME)      its spec, a report of a node it touches,         Events, then status; asks for proofs and recordings
                         nodes, Services, endpoints, the firewall
    ("fleet",)           checks, nodes, Services, endpoints, probe pods   PathProbes and probe pods, as all checks together need
    ("prove", NODE)      a check that saw something negative              proveAfter of one PathProbe
    ("firewall",)        the firewall                                     a FirewallChange, and who made it (shell/history.py)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

import structlog

from pathcheck.core.decide import decide_check, decide_fleet
from pathcheck.model.checks import PathCheck
from pathcheck.model.datapath import Shown
from pathcheck.model.drift import FirewallChange
from pathcheck.model.findings import Announcement
from pathcheck.model.firewall import Firewall
from pathcheck.model.probing import Assignment, PathProbe
from pathcheck.model.situation import CheckDecision, Snapshot, Unavailable
from pathcheck.shell.metrics import Metrics
from pathcheck.shell.ports import (
    ENDPOINT_SLICES,
    EVENTS,
    FIREWALL_CHANGES,
    NODES,
    PATH_CHECKS,
    PATH_PROBES,
    PODS,
    SERVICES,
    Conflict,
    Forbidden,
    KubeApi,
    NotFound,
    Refused,
    Resource,
    Unreachable,
)
from pathcheck.shell.work import Gone
from pathcheck.shell.world import Change, World
from pathcheck.wire.events import event_of
from pathcheck.wire.gcloud import command
from pathcheck.wire.path_probes import manifest_of
from pathcheck.wire.probe_pods import FINGERPRINT, SELECTOR, pod_manifest
from pathcheck.wire.statuses import status_manifest_of

log = structlog.get_logger()

Key = tuple[str, ...]
FLEET: Key = ("fleet",)
FIREWALL: Key = ("firewall",)

# A proof costs a round of dials on the target's node; several checks that ask at once share one.
PROOFS_APART = timedelta(seconds=0.5)
# Writes to the API server under way at one time, for one fleet decision.
AT_ONCE = 8


class FirewallSource(Protocol):
    """What a pass asks of shell/recordings.py."""

    @property
    def current(self) -> Firewall | Unavailable:
        """The last good reading, or why there is none."""

    @property
    def trouble(self) -> Unavailable | None:
        """Set while newer readings fail."""

    @property
    def previous(self) -> Firewall | None:
        """The reading before the rules last changed, for a while."""

    def ask(self) -> None:
        """Read again soon."""


class FirewallHistory(Protocol):
    """What a pass asks of shell/history.py."""

    @property
    def kept(self) -> Firewall | None:
        """The firewall as it was when any operator last could read it."""

    async def look(self, snapshot: Snapshot) -> float | None:
        """Compare and attribute; after how many seconds again, if soon."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What every probe pod is made with."""

    namespace: str
    image: str
    heartbeat_seconds: int
    key: str
    instance: str


class Reconciler:
    """`ask` puts a key on the work queue; `now` is the wall clock, in UTC; `datapath` what was shown of the pod network last.

    `history` is that of the firewall (shell/history.py).
    """

    def __init__(
        self,
        world: World,
        api: KubeApi,
        firewall: FirewallSource,
        fleet: Fleet,
        metrics: Metrics,
        ask: Callable[[Key], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        datapath: Callable[[], Shown] = Shown,
        history: FirewallHistory | None = None,
    ) -> None:
        self._world = world
        self._api = api
        self._firewall = firewall
        self._fleet = fleet
        self._metrics = metrics
        self._ask = ask
        self._now = now
        self._datapath = datapath
        self._history = history
        # Which nodes each check's last decision spoke of: only a hint whom to wake, the resync finds the rest.
        self._touches: dict[str, frozenset[str]] = {}

    def changed(self, change: Change) -> None:
        """Whom does this concern?"""
        before, after = change.before, change.after
        if isinstance(before, PathProbe) and isinstance(after, PathProbe) and _same_work(before, after):
            # A proof that is asked for concerns the probe alone; what it comes to is a report.
            if before.report != after.report:
                self._ask_checks(name for name, nodes in self._touches.items() if after.node in nodes)
        elif isinstance(before, PathCheck) and isinstance(after, PathCheck) and _same_but_status(before, after):
            pass  # our own writing, or somebody's meddling with it, which the resync puts right
        elif isinstance(before or after, FirewallChange):
            told = [noun for noun in (before, after) if isinstance(noun, FirewallChange)]
            self._ask_checks(name for name in self._world.checks() if any(noun.flips(name) for noun in told))
        else:
            self._ask(FLEET)
            gone = [before.name] if isinstance(before, PathCheck) and after is None else []
            self._ask_checks([*self._world.checks(), *gone])

    def firewall_changed(self) -> None:
        """A new recording, or none any more; or something else was shown of the pod network."""
        self._ask_checks(self._world.checks())
        self._ask(FIREWALL)

    async def do(self, key: Key) -> float | None:
        """Work on one key; after how many seconds to look again, if that should be soon.

        Raises Gone where the key stands for nothing any more, ClusterError where something could not be applied.
        """
        passes: dict[str, Callable[..., Awaitable[float | None]]] = {
            "check": self._check,
            "fleet": self._all_probes,
            "prove": self._prove,
            "firewall": self._compare,
        }
        what, *names = key
        start = monotonic()
        again = await passes[what](*names)
        self._metrics.took(what, monotonic() - start)
        return again

    async def census(self) -> None:
        """Forget what is gone without the watch having said so: kopf lists anew when its place in the stream is too old."""
        own = self._fleet.namespace
        kinds: list[tuple[Resource, str | None, str]] = [
            (NODES, None, ""),
            (SERVICES, None, ""),
            (ENDPOINT_SLICES, None, ""),
            (PATH_CHECKS, None, ""),
            (PATH_PROBES, own, ""),
            (PODS, own, SELECTOR),
            (FIREWALL_CHANGES, own, ""),
        ]
        for resource, namespace, selector in kinds:
            self._world.keep_only(resource, *await self._api.census(resource, namespace, selector))

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            now=self._now(),
            nodes=self._world.nodes(),
            services=self._world.services(),
            backends=self._world.backends(),
            probes=self._world.probes(),
            pods=self._world.pods(),
            checks=self._world.checks(),
            firewall=self._firewall.current,
            firewall_trouble=self._firewall.trouble,
            key=self._fleet.key,
            heartbeat_seconds=self._fleet.heartbeat_seconds,
            datapath=self._datapath(),
            previous=self._firewall.previous,
            kept=self._kept(),
            changes=self._world.changes(),
        )

    def _ask_checks(self, names: Iterable[str]) -> None:
        for name in names:
            self._ask(("check", name))

    # one check

    async def _check(self, name: str) -> float | None:
        snapshot = self._snapshot()
        check = snapshot.checks.get(name)
        if check is None:
            self._forget(name)
            raise Gone
        decision = decide_check(snapshot, name, command)
        self._touches[name] = decision.nodes
        for node in decision.prove:
            self._ask(("prove", node))
        if decision.read_firewall:
            self._firewall.ask()
        # Events first: were the status first and we died between, the transition would never be announced.
        for announcement in decision.announcements:
            await self._announce(check, announcement, snapshot.now)
        changed = decision.status != check.status
        if changed:
            await self._write_status(check, decision)
        self._metrics.decided(name, decision.status, changed)
        return decision.look_again_seconds

    async def _write_status(self, check: PathCheck, decision: CheckDecision) -> None:
        try:
            body = await self._api.apply(PATH_CHECKS, status_manifest_of(check, decision.status), "status")
        except (NotFound, Conflict):  # deleted, perhaps made again under this name: the watch will say
            return
        self._world.put(PATH_CHECKS, body)
        upheld = decision.status.condition("Upheld")
        log.info(
            "decided",
            object=check.name,
            upheld=upheld.status.value if upheld else "Unknown",
            reason=upheld.reason.value if upheld else "",
            message=upheld.message if upheld else "",
            flows=asdict(decision.status.flows),
        )

    async def _announce(self, check: PathCheck, announcement: Announcement, now: datetime) -> None:
        try:
            await self._api.create(EVENTS, event_of(check, announcement, self._fleet.instance, now))
        except Conflict:
            pass  # done already, by the pass before
        except (Forbidden, Refused) as error:
            # Would be so for ever: an Event that cannot be written must not keep the status from being written.
            log.warning("not announced", object=check.name, reason=announcement.reason.value, error=str(error))

    def _forget(self, name: str) -> None:
        self._touches.pop(name, None)
        self._metrics.forget(name)

    async def _prove(self, node: str) -> float | None:
        probe = self._world.probes().get(node)
        now = self._now()
        if probe is None:
            raise Gone
        asked = probe.assignment.prove_after
        if asked is None or now - asked >= PROOFS_APART:
            await self._tell(replace(probe.assignment, prove_after=now))
        raise Gone  # asked once; whoever still misses the proof asks again

    async def _compare(self) -> float | None:
        if self._history is None:
            raise Gone
        before = self._kept()
        again = await self._history.look(self._snapshot())
        if before is not self._kept():
            self._ask_checks(self._world.checks())
        return again

    def _kept(self) -> Firewall | None:
        """Only where it is all that is known: a second firewall in memory is as large as the first."""
        unread = isinstance(self._firewall.current, Unavailable)
        return self._history.kept if self._history is not None and unread else None

    # the fleet

    async def _all_probes(self) -> float | None:
        snapshot = self._snapshot()
        decision = decide_fleet(snapshot)
        surplus = [p for p in snapshot.pods.values() if p.name in decision.pods_to_delete and not p.deleting]
        await _all(
            [
                *(self._probe(snapshot, node, told) for node, told in decision.assignments.items()),
                *(self._delete(PATH_PROBES, node, snapshot.probes[node].uid) for node in decision.probes_to_delete),
                *(self._delete(PODS, pod.name, pod.uid) for pod in surplus),
            ]
        )
        return None

    async def _probe(self, snapshot: Snapshot, node: str, assignment: Assignment) -> None:
        """The PathProbe of one node, then its pod, which the PathProbe owns."""
        had = snapshot.probes.get(node)
        if had is None or _sorted(had.assignment) != _sorted(assignment):
            await self._tell(assignment)
        owner = self._world.probes().get(node)
        servers = self._world.api_servers()
        if owner is None or not servers:
            # Said again at each retry: without an address of the API server a probe could not report.
            raise Unreachable(
                f"no probe pod for {node} yet: " + ("no PathProbe" if servers else "no API server address")
            )
        wanted = pod_manifest(
            node, self._fleet.namespace, self._fleet.image, servers, self._fleet.heartbeat_seconds, owner
        )
        pod = snapshot.pods.get(node)
        if pod is None:
            try:
                self._world.put(PODS, await self._api.create(PODS, wanted))
            except Conflict:
                return  # there already: the watch will say
            log.info("created", object=wanted["metadata"]["name"], node=node)
        elif not pod.deleting and (pod.ended or pod.fingerprint != wanted["metadata"]["annotations"][FINGERPRINT]):
            await self._delete(PODS, pod.name, pod.uid)

    async def _tell(self, assignment: Assignment) -> None:
        manifest = manifest_of(assignment.node, assignment, self._fleet.namespace)
        self._world.put(PATH_PROBES, await self._api.apply(PATH_PROBES, manifest))

    async def _delete(self, resource: Resource, name: str, uid: str) -> None:
        try:
            await self._api.delete(resource, name, self._fleet.namespace, uid)
        except (NotFound, Conflict):
            return  # gone, or another one by now
        log.info("deleted", object=name, kind=str(resource))


async def _all(passes: list[Coroutine[None, None, None]]) -> None:
    """All of them, a few at a time, whatever becomes of the others; then the first error, if there was one."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(work: Coroutine[None, None, None]) -> None:
        async with turn:
            await work

    results = await asyncio.gather(*(one(work) for work in passes), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _sorted(told: Assignment) -> Assignment:
    """Server-side apply merges lists by their keys and promises no order."""
    return replace(
        told,
        listeners=tuple(sorted(told.listeners, key=str)),
        dials=tuple(sorted(told.dials, key=lambda dial: dial.id)),
    )


def _same_work(a: PathProbe, b: PathProbe) -> bool:
    return replace(a.assignment, prove_after=None) == replace(b.assignment, prove_after=None)


def _same_but_status(a: PathCheck, b: PathCheck) -> bool:
    return replace(a, status=None) == replace(b, status=None)
