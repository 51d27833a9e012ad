"""What the cluster shows of its pod network, looked at when the operator starts and every few minutes.

Plain reads, not watches: these objects change when somebody exchanges the network, and a watch on ConfigMaps would need the right to
read them all. What may not be read is data: the text stands in the place of the thing, and nodes and routes have to tell. While the API
server does not answer, what was shown last stays.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

import structlog

from pathcheck.model.datapath import Datapath, Kind, Shown
from pathcheck.shell.ports import (
    CONFIG_MAPS,
    DAEMON_SETS,
    IP_POOLS,
    Body,
    ClusterError,
    KubeApi,
    NotFound,
    Resource,
    Unreachable,
)
from pathcheck.shell.settings import Settings
from pathcheck.wire.datapath import Seen, config_map_of, shown_of

log = structlog.get_logger()

INTERVAL_SECONDS = 180.0
RETRY_SECONDS = 5.0


class PodNetwork:
    """`current` is what was shown last; before the first look it is what the setting says."""

    def __init__(self, settings: Settings, api: KubeApi) -> None:
        self._chosen = chosen(settings)
        self._api = api
        self._looked = False
        self.current = Shown(self._chosen, unread="the pod network has not been looked at yet")

    async def run(self, on_change: Callable[[], None]) -> None:
        """Until it is cancelled. `on_change` is called when something else is shown than before."""
        while True:
            pause = INTERVAL_SECONDS if self._looked else RETRY_SECONDS
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))
            if await self.look():
                on_change()

    async def look(self) -> bool:
        """Whether something else is shown than before."""
        before = self.current
        try:
            self.current = shown_of(await self._seen(), self._chosen)
        except Unreachable as error:
            log.warning("pod network not looked at", error=str(error))
            return False
        self._looked = True
        if self.current == before:
            return False
        programs = [f"{found.evidence}: {found.why or found.kind}" for found in self.current.programs]
        log.info("pod network", programs=programs, unread=self.current.unread)
        return True

    async def _seen(self) -> Seen:
        daemon_sets = await self._all(DAEMON_SETS)
        if isinstance(daemon_sets, str):
            return Seen(daemon_sets)
        config_maps: dict[str, Mapping[str, str] | str] = {}
        for body in daemon_sets:
            name = config_map_of(body)
            if name is not None and (found := await self._data(name, body["metadata"]["namespace"])) is not None:
                config_maps[name] = found
        calico = any(body["metadata"]["name"] == "calico-node" for body in daemon_sets)
        return Seen(daemon_sets, config_maps, await self._all(IP_POOLS) if calico else ())

    async def _all(self, resource: Resource) -> tuple[Body, ...] | str:
        try:
            return await self._api.read_all(resource)
        except Unreachable:
            raise
        except ClusterError as error:
            return str(error)

    async def _data(self, name: str, namespace: str) -> Mapping[str, str] | str | None:
        try:
            return (await self._api.get(CONFIG_MAPS, name, namespace)).get("data") or {}
        except NotFound:
            return None
        except Unreachable:
            raise
        except ClusterError as error:
            return str(error)


def chosen(settings: Settings) -> Datapath | None:
    """PATHCHECK_DATAPATH as the noun it stands for; None for auto."""
    if settings.datapath[0] == "auto":
        return None
    port = settings.datapath[1] if len(settings.datapath) == 2 else None
    return Datapath(Kind(settings.datapath[0]), port, evidence="PATHCHECK_DATAPATH")
