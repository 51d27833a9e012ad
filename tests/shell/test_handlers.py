"""shell/handlers.py, with the real kopf against an API of ours on loopback that can list, watch and wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import kopf
from aiohttp import web

from pathcheck.shell.handlers import registry_of, settings
from pathcheck.shell.ports import NODES, PATH_CHECKS, PATH_PROBES, PODS, SERVICES, Resource
from pathcheck.shell.world import TRANSLATIONS, World

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
NAMESPACES = Resource("", "v1", "namespaces")
SERVED = (*TRANSLATIONS, DEFINITIONS, NAMESPACES)
CLUSTER_SCOPED = {NODES, PATH_CHECKS, DEFINITIONS, NAMESPACES}


class Api:
    """Discovery, lists and watches of the kinds that we watch. `held` lists are answered only when `release` is set."""

    def __init__(self) -> None:
        self.objects: dict[Resource, list[dict[str, Any]]] = {resource: [] for resource in SERVED}
        self.held: set[Resource] = set()
        self.release = asyncio.Event()
        self.listed: set[Resource] = set()
        self.news: dict[Resource, asyncio.Queue[dict[str, Any]]] = {resource: asyncio.Queue() for resource in SERVED}
        self.queries: dict[Resource, dict[str, str]] = {}
        self.written: list[str] = []

    def app(self) -> web.Application:
        """The routes that kopf asks for."""
        app = web.Application()
        app.router.add_get("/api", self.core)
        app.router.add_get("/apis", self.groups)
        for root, group, version in {(r.path().rpartition("/")[0], r.group, r.version) for r in SERVED}:
            app.router.add_get(root, self.kinds(group, version))
        for resource in SERVED:
            app.router.add_get(resource.path(), self.objects_of(resource))
        app.router.add_route("*", "/{path:.*}", self.anything)
        return app

    async def core(self, _: web.Request) -> web.Response:
        return web.json_response({"versions": ["v1"]})

    async def groups(self, _: web.Request) -> web.Response:
        names = {(r.group, r.version) for r in SERVED if r.group}
        groups = [
            {"name": g, "versions": [{"version": v}], "preferredVersion": {"version": v}} for g, v in sorted(names)
        ]
        return web.json_response({"groups": groups})

    def kinds(self, group: str, version: str) -> Any:
        async def answer(_: web.Request) -> web.Response:
            kinds = [
                {
                    "name": r.plural,
                    "singularName": r.plural[:-1],
                    "kind": r.plural[:-1].title(),
                    "namespaced": r not in CLUSTER_SCOPED,
                    "verbs": ["get", "list", "watch", "patch"],
                }
                for r in SERVED
                if (r.group, r.version) == (group, version)
            ]
            return web.json_response({"resources": kinds})

        return answer

    def objects_of(self, resource: Resource) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            if "watch" in request.query:
                return await self.watch(resource, request)
            if resource in self.held:
                await self.release.wait()
            self.queries[resource] = dict(request.query)
            self.listed.add(resource)
            return web.json_response({"metadata": {"resourceVersion": "100"}, "items": self.objects[resource]})

        return answer

    async def watch(self, resource: Resource, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        while True:
            await stream.write(json.dumps(await self.news[resource].get()).encode() + b"\n")

    async def anything(self, request: web.Request) -> web.Response:
        self.written.append(f"{request.method} {request.path}")
        return web.json_response({"message": "no such thing"}, status=404)


def body(name: str, namespace: str = "", version: int = 1, **rest: Any) -> dict[str, Any]:
    """An object of any kind."""
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata | ({"namespace": namespace} if namespace else {})} | rest


class Watched:
    """The API, and the world that kopf fills from it."""

    def __init__(self, api: Api, world: World, changed: asyncio.Queue[None]) -> None:
        self.api, self.world, self.changed = api, world, changed


@asynccontextmanager
async def watching(prepare: Callable[[Api], None]) -> AsyncIterator[Watched]:
    """kopf runs against an API with these objects. No fixture: when kopf ends it cancels the tasks that are younger than it."""
    api, world = Api(), World()
    changed: asyncio.Queue[None] = asyncio.Queue()
    world.on_change = lambda change: changed.put_nowait(None)
    prepare(api)
    runner = web.AppRunner(api.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]

    async def login() -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=f"http://{host}:{port}")

    stop = asyncio.Event()
    operator = asyncio.create_task(
        kopf.operator(
            registry=registry_of(world, "pathcheck-system", login),
            settings=settings(),
            clusterwide=True,
            stop_flag=stop,
        )
    )
    yield Watched(api, world, changed)
    stop.set()
    await (
        runner.cleanup()
    )  # before kopf ends: it would wait five seconds for the server's tasks, which are younger than it
    await operator


def ordinary(api: Api) -> None:
    """A node, a Service, one of our pods and somebody else's."""
    api.objects[NODES] = [body("node-1")]
    api.objects[SERVICES] = [body("kubernetes", "default", spec={"clusterIP": "10.27.240.1"})]
    api.objects[PODS] = [body("pathcheck-probe-node-1", "pathcheck-system"), body("theirs", "elsewhere")]


def slow_checks(api: Api) -> None:
    """PathChecks are long in being listed."""
    ordinary(api)
    api.objects[PATH_CHECKS] = [body("kube-dns", spec={})]
    api.held = {PATH_CHECKS}


async def test_complete() -> None:
    """The world is complete only when every kind is listed, however long one of them takes."""
    async with watching(slow_checks) as watched:
        api, world = watched.api, watched.world
        while not (api.listed >= set(TRANSLATIONS) - api.held and world.nodes() and world.services() and world.pods()):
            await watched.changed.get()
        assert not world.complete.is_set()
        api.release.set()
        await world.complete.wait()
        assert set(world.checks()) == {"kube-dns"}


async def test_news() -> None:
    """What is added, changed and deleted later reaches the world, and nothing is ever written to any object."""
    async with watching(ordinary) as watched:
        api, world = watched.api, watched.world
        await world.complete.wait()
        api.news[NODES].put_nowait({"type": "ADDED", "object": body("node-2", version=101)})
        while "node-2" not in world.nodes():
            await watched.changed.get()
        api.news[NODES].put_nowait({"type": "DELETED", "object": body("node-1", version=102)})
        while "node-1" in world.nodes():
            await watched.changed.get()
        assert api.written == []


async def test_only_ours() -> None:
    """Pods are asked for by our label, and those of another namespace do not count."""
    async with watching(ordinary) as watched:
        await watched.world.complete.wait()
        assert watched.api.queries[PODS] == {"labelSelector": "app.kubernetes.io/name=pathcheck-probe"}
        assert [pod.name for pod in watched.world.pods().values()] == ["pathcheck-probe-node-1"]
        assert "labelSelector" not in watched.api.queries[PATH_PROBES]
