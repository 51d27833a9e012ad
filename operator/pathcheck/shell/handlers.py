"""kopf as watch and index, nothing else: each body it sees goes into the world. It writes nothing to any object.

kopf calls index handlers for every object of the first lists, and lets no event handler run before *all* kinds are listed and
indexed (its `operator_indexed` toggle). So the index handlers fill the world, and the first event handler that is called at all
says that the world is complete: a decision on half of it would delete probes and write wrong statuses. There always is an event,
since a cluster always has the Service default/kubernetes. What the index handlers return is nothing, so that kopf keeps nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf

from pathcheck.shell.ports import FIREWALL_CHANGES, PATH_PROBES, PODS, Resource
from pathcheck.shell.world import TRANSLATIONS, World
from pathcheck.wire.probe_pods import SELECTOR

OURS = (PODS, PATH_PROBES, FIREWALL_CHANGES)

Login = Callable[[], Awaitable[kopf.ConnectionInfo]]


def registry_of(world: World, namespace: str, login: Login) -> kopf.OperatorRegistry:
    """A registry of our own, so that nothing is global. Of what is ours only that in `namespace` counts."""
    registry = kopf.OperatorRegistry()

    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return await login()

    kopf.on.login(registry=registry, id="login", errors=kopf.ErrorsMode.TEMPORARY, backoff=2)(log_in)
    for resource in TRANSLATIONS:
        _watch(registry, world, resource, namespace if resource in OURS else None)
    return registry


def settings() -> kopf.OperatorSettings:
    """Watches that notice a dead stream, requests that end, nothing posted, and only the pods that are ours."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.watching.server_timeout = 290
    chosen.watching.client_timeout = 300
    chosen.watching.connect_timeout = 10
    chosen.watching.label_selectors[PODS.group, PODS.version, PODS.plural] = SELECTOR
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    return chosen


def _watch(registry: kopf.OperatorRegistry, world: World, resource: Resource, only: str | None) -> None:
    async def seen(body: kopf.Body, **_: Any) -> None:
        world.put(resource, dict(body))

    async def happened(type: str | None, body: kopf.Body, **_: Any) -> None:
        world.complete.set()
        if type == "DELETED":
            world.remove(resource, dict(body))

    def counts(namespace: str | None, **_: Any) -> bool:
        return only is None or namespace == only

    selector = (resource.group, resource.version, resource.plural)
    kopf.index(*selector, registry=registry, id=f"seen-{resource}", when=counts)(seen)
    kopf.on.event(*selector, registry=registry, id=f"happened-{resource}", when=counts)(happened)
