"""What becomes of the firewall, kept in the cluster: who deleted what must survive the operator.

Each time the last reading differs from the one that is kept in a Secret, a FirewallChange says what is otherwise, which checks it flips,
and, as soon as the audit log has it, who did it. What was read while no operator ran is compared as well, when the next one starts.
The object comes first and the Secret after: an operator that dies between the two finds the object there and does not write a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from pathcheck.core.changes.attribute import EARLIER, attribute, window
from pathcheck.core.checks.recount import sentence, summary, who
from pathcheck.core.drift import drift
from pathcheck.model.drift import MAX_CHANGES, Attribution, Entry, FirewallChange
from pathcheck.model.firewall import Firewall
from pathcheck.model.situation import Snapshot
from pathcheck.shell.child import NotRead
from pathcheck.shell.ports import FIREWALL_CHANGES, SECRETS, Conflict, KubeApi, NotFound
from pathcheck.shell.recordings import NoLog
from pathcheck.shell.world import World
from pathcheck.wire.audit import ahead_of, entries_of, projects_of, question
from pathcheck.wire.firewall_changes import manifest_of
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.kept import SECRET, Kept, comparable, kept_of, pack, secret_of, unpack

log = structlog.get_logger()

# How long to wait before the audit log is asked again, by how long ago the change was noticed; Cloud Logging takes 60 such questions a
# minute and project (https://cloud.google.com/logging/quotas#api-limits).
_AGAIN = ((timedelta(seconds=10), 2.0), (timedelta(minutes=1), 5.0))
_LAST_AGAIN = 30.0


class Readings(Protocol):
    """What this asks of shell/recordings.py."""

    packed: bytes

    async def audit(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """The audit log's answer. Raises NotRead."""

    async def rest(self) -> None:
        """The audit log will not be asked soon."""


class History:
    """`look` compares and attributes; all that it must know for that is read back from the cluster."""

    def __init__(
        self, world: World, api: KubeApi, readings: Readings, namespace: str, now: Callable[[], datetime]
    ) -> None:
        self._world = world
        self._api = api
        self._readings = readings
        self._namespace = namespace
        self._now = now
        self._loaded = False
        self._kept: Kept | None = None
        self._translated: tuple[str, Firewall] | None = None
        self._ahead = timedelta()

    @property
    def kept(self) -> Firewall | None:
        """The firewall as it was when any operator last could read it: for one that cannot, which is all it ever knows of the rules."""
        if self._kept is None or not self._kept.packed:
            return None
        if self._translated is None or self._translated[0] != self._kept.revision:
            self._translated = (self._kept.revision, firewall_of(unpack(self._kept.packed)))
        return self._translated[1]

    async def look(self, snapshot: Snapshot) -> float | None:
        """After how many seconds to look again, if that should be soon.

        Raises ClusterError where something could not be read or written.
        """
        packed = self._readings.packed  # of the firewall in the snapshot, which was taken a moment ago
        if not self._loaded:
            self._kept, self._loaded = await self._load(), True
        if isinstance(snapshot.firewall, Firewall):
            await self._compare(snapshot, snapshot.firewall, packed)
        return await self._attribute(snapshot)

    async def _load(self) -> Kept | None:
        try:
            return kept_of(await self._api.get(SECRETS, SECRET, self._namespace))
        except NotFound:
            return None

    async def _compare(self, snapshot: Snapshot, firewall: Firewall, packed: bytes) -> None:
        kept, first_read = self._kept, firewall.first_read
        if first_read is None or (kept is not None and kept.revision == firewall.revision):
            return
        if kept is None or not kept.packed:
            await self._keep(Kept(kept.number if kept else self._latest(), firewall.revision, first_read, packed))
            return
        previous = snapshot.previous
        if previous is not None and previous.last_read is not None and previous.revision == kept.revision:
            kept = replace(kept, read=max(kept.read, previous.last_read))
        change, completed = await asyncio.to_thread(_compared, snapshot, kept, packed, first_read)
        if change is not None:
            known = self._written(change, kept)
            change = known or replace(change, number=self._latest() + 1)
            if known is None:
                await self._write(change)
                log.info("firewall changed", number=change.number, what=sentence(change))
        await self._keep(Kept(change.number if change else kept.number, firewall.revision, first_read, completed))
        await self._prune()

    def _written(self, change: FirewallChange, kept: Kept) -> FirewallChange | None:
        """The same change, where it was written but the reading was not kept."""
        for other in self._world.changes():
            if other.number == kept.number + 1 and (other.before, other.after) == (change.before, change.after):
                return other
        return None

    def _latest(self) -> int:
        """The last number that was given."""
        numbers = [change.number for change in self._world.changes()]
        return max([*numbers, self._kept.number if self._kept is not None else 0])

    async def _keep(self, kept: Kept) -> None:
        body = secret_of(kept, self._namespace)
        if not body["data"]["recording"]:
            log.warning("the firewall is too large to be kept: changes across a restart are not noticed")
        await self._api.apply(SECRETS, body)
        self._kept = kept

    async def _write(self, change: FirewallChange) -> None:
        body = await self._api.apply(
            FIREWALL_CHANGES, manifest_of(change, self._namespace, who(change), summary(change))
        )
        self._world.put(FIREWALL_CHANGES, body)

    async def _prune(self) -> None:
        for change in self._world.changes()[:-MAX_CHANGES]:
            with suppress(NotFound, Conflict):
                await self._api.delete(FIREWALL_CHANGES, change.name, self._namespace)
            self._world.remove(FIREWALL_CHANGES, {"metadata": {"namespace": self._namespace, "name": change.name}})

    # who did it

    async def _attribute(self, snapshot: Snapshot) -> float | None:
        pending = [change for change in self._world.changes() if not change.settled]
        again: list[float] = []
        for change in pending:
            found = await self._asked(change, snapshot)
            if found != change:
                await self._write(found)
            if not found.settled:
                age = self._now() - found.noticed
                again.append(next((wait for limit, wait in _AGAIN if age < limit), _LAST_AGAIN))
        if not again:
            await self._readings.rest()
        return min(again, default=None)

    async def _asked(self, change: FirewallChange, snapshot: Snapshot) -> FirewallChange:
        """With whoever made it, as far as the audit log tells by now."""
        if not isinstance(snapshot.firewall, Firewall):
            return attribute(change, (), self._ahead, (), self._now(), "nothing can be read of the cloud now")
        entries: list[Entry] = []
        why = ""
        for owner in projects_of(snapshot.firewall.project, [n.name for n in snapshot.firewall.networks]):
            try:
                answer = await self._logged(owner, change)
            except NoLog as error:
                return replace(change, attribution=Attribution.MISSING, why=str(error))
            except NotRead as error:
                missing = f" (missing permission {error.forbidden})" if error.forbidden else ""
                why = f"the audit log of {owner} cannot be read: {error}{missing}"
                continue
            entries += entries_of(answer["entries"])
            if answer.get("truncated"):
                why = f"the audit log of {owner} has more entries for that time than are read"
        used = {
            call.id
            for other in self._world.changes()
            if other.number != change.number
            for edit in other.difference.edits
            for call in edit.by
        }
        return attribute(change, entries, self._ahead, used, self._now(), why)

    async def _logged(self, owner: str, change: FirewallChange) -> Mapping[str, Any]:
        """The log of the time in which the change was made. By the cloud's clock: where that is another than was thought, once more."""
        believed = self._ahead
        answer = await self._readings.audit(question(owner, *window(change, believed)))
        self._ahead = ahead_of(answer)
        if abs(self._ahead - believed) < EARLIER:
            return answer
        return await self._readings.audit(question(owner, *window(change, self._ahead)))


def _compared(snapshot: Snapshot, kept: Kept, packed: bytes, noticed: datetime) -> tuple[FirewallChange | None, bytes]:
    """The change, and the recording to keep: what could not be read this time is kept as it was. Some seconds of work at worst."""
    old, new = comparable(unpack(kept.packed), unpack(packed))
    before, after = firewall_of(old), firewall_of(new)
    # With the firewall as translated here: what is worked out of the other one is the loop's, and this is not on it.
    apart = replace(snapshot, firewall=after)
    return drift(apart, before, after, kept.number + 1, kept.read, noticed), pack(new)
