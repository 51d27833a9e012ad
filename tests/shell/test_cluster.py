"""shell/cluster.py, against an HTTP server of ours on loopback that shows what was sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from pathcheck.shell.cluster import Cluster
from pathcheck.shell.ports import (
    DAEMON_SETS,
    PATH_CHECKS,
    PATH_PROBES,
    PODS,
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Unreachable,
)


class Server:
    """Answers with what it was given, in order, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.asked: list[tuple[str, str, str, Any]] = []
        self.accepts: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append((request.method, request.path_qs, request.content_type, json.loads(text) if text else None))
        self.accepts.append(request.headers["Accept"])
        status, body = self.answers.pop(0)
        return web.Response(status=status, text=body, content_type="application/json")


class Harness:
    """A server, a client to it, and what the client counted."""

    def __init__(self, server: Server, client: ApiClient) -> None:
        self.server = server
        self.counted: list[tuple[str, str]] = []
        self.cluster = Cluster(client, lambda verb, outcome: self.counted.append((verb, outcome)))

    def answer(self, body: object, status: int = 200) -> None:
        """What the server says next."""
        self.server.answers.append((status, json.dumps(body)))


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    """Both ends, on loopback."""
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with ApiClient(Configuration(host=f"http://{host}:{port}")) as client:
        yield Harness(server, client)
    await runner.cleanup()


async def test_apply_status(harness: Harness) -> None:
    """A status is applied server-side, forced, in our name, to the subresource, with no namespace for what has none."""
    body = {"metadata": {"name": "kube-dns", "uid": "u"}, "status": {"observedGeneration": 1}}
    harness.answer(body | {"kind": "PathCheck"})
    assert await harness.cluster.apply(PATH_CHECKS, body, "status") == body | {"kind": "PathCheck"}
    assert harness.server.asked == [
        (
            "PATCH",
            "/apis/pathcheck.dev/v1alpha1/pathchecks/kube-dns/status?fieldManager=pathcheck&force=true",
            "application/apply-patch+yaml",
            body,
        )
    ]
    assert harness.counted == [("apply", "done")]


async def test_create(harness: Harness) -> None:
    """An object is created in the namespace that it says itself."""
    pod = {"metadata": {"name": "p", "namespace": "pathcheck-system"}}
    harness.answer(pod, 201)
    await harness.cluster.create(PODS, pod)
    assert harness.server.asked == [
        ("POST", "/api/v1/namespaces/pathcheck-system/pods?fieldManager=pathcheck", "application/json", pod)
    ]


async def test_delete(harness: Harness) -> None:
    """A deletion carries the uid that is meant, so that a successor of this name survives."""
    harness.answer({})
    await harness.cluster.delete(PATH_PROBES, "node-1", "pathcheck-system", "u-1")
    assert harness.server.asked == [
        (
            "DELETE",
            "/apis/pathcheck.dev/v1alpha1/namespaces/pathcheck-system/pathprobes/node-1",
            "application/json",
            {"preconditions": {"uid": "u-1"}},
        )
    ]


async def test_census(harness: Harness) -> None:
    """A census reads every page, of metadata only, and says at which version; a list without items counts none."""
    harness.answer({"metadata": {"resourceVersion": "7", "continue": "tok"}, "items": [{"metadata": {"uid": "a"}}]})
    harness.answer({"metadata": {"resourceVersion": "7"}, "items": None})
    assert await harness.cluster.census(PODS, "ns", "app=x") == (frozenset({"a"}), 7)
    assert [path for _, path, _, _ in harness.server.asked] == [
        "/api/v1/namespaces/ns/pods?limit=500&labelSelector=app%3Dx",
        "/api/v1/namespaces/ns/pods?limit=500&labelSelector=app%3Dx&continue=tok",
    ]
    assert {accept.partition(";")[2] for accept in harness.server.accepts} == {
        "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    }


async def test_read_all(harness: Harness) -> None:
    """All pages of a kind, with the objects; an empty list is null there."""
    harness.answer({"metadata": {"continue": "c"}, "items": [{"metadata": {"name": "a"}}]})
    harness.answer({"metadata": {}, "items": None})
    assert await harness.cluster.read_all(DAEMON_SETS) == ({"metadata": {"name": "a"}},)
    assert [path for _, path, _, _ in harness.server.asked] == [
        "/apis/apps/v1/daemonsets?limit=500",
        "/apis/apps/v1/daemonsets?limit=500&continue=c",
    ]
    assert harness.server.accepts == ["application/json", "application/json"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, Refused),
        (422, Refused),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
async def test_errors(harness: Harness, status: int, error: type[ClusterError]) -> None:
    """Each refusal is the one class of ours that says what can be done, with the server's own sentence; it is counted."""
    harness.answer({"message": "because"}, status)
    with pytest.raises(ClusterError) as caught:
        await harness.cluster.get(PATH_CHECKS, "kube-dns")
    assert type(caught.value) is error
    assert str(caught.value) == f"GET /apis/pathcheck.dev/v1alpha1/pathchecks/kube-dns: {status} because"
    assert harness.counted == [("get", error.__name__.lower())]


async def test_not_json(harness: Harness) -> None:
    """An answer from something else on the way is no answer of the API server."""
    harness.server.answers.append((502, "<html>Bad Gateway</html>"))
    with pytest.raises(Unreachable, match="502, and the answer is not JSON"):
        await harness.cluster.get(PATH_CHECKS, "kube-dns")


async def test_nobody_there() -> None:
    """Where nobody listens, the error is ours and keeps the transport's as its cause."""
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as client:
        with pytest.raises(Unreachable) as caught:
            await Cluster(client).get(PATH_CHECKS, "kube-dns")
    assert isinstance(caught.value.__cause__, OSError)
