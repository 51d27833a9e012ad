"""`KubeApi` over kubernetes.aio: one client on the loop that kopf runs on.

Its transport, TLS, credentials and token renewal are used, its typed models are not: they would cost 30 MiB and a second copy of every
object, and our bodies are checked where they are made. https://kubernetes.io/docs/reference/using-api/server-side-apply/ is the
source for the content type and the query parameters.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from pathcheck.shell.ports import (
    FIELD_MANAGER,
    Body,
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Resource,
    Unreachable,
)

APPLY = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TIMEOUT_SECONDS = 10.0
PAGE = 500

Count = Callable[[str, str], None]


async def configuration() -> Configuration:
    """In a pod its service account, by the address in the environment (never by name: DNS may be what is broken); else $KUBECONFIG.

    Raises kubernetes.aio.config.ConfigException where there is neither.
    """
    found = Configuration()
    # A developer who sets KUBECONFIG means it, also in a pod.
    if "KUBECONFIG" not in os.environ and Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists():
        load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
        return found
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if not any(Path(path).exists() for path in paths.split(os.pathsep)):
        raise ConfigException(f"{paths} does not exist")
    try:
        await load_kube_config(client_configuration=found)  # type: ignore[no-untyped-call]
    except ConfigException:
        raise
    except Exception as error:
        # The loader takes the file for what it should be: whatever it is not comes out as any error at all.
        raise ConfigException(f"{paths}: {' '.join(str(error).split())}") from error
    return found


class Cluster:
    """The real cluster. `count` is told each call's verb and what came of it."""

    def __init__(self, client: ApiClient, count: Count = lambda verb, outcome: None) -> None:
        self._client = client
        self._count = count

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def apply(self, resource: Resource, body: Body, subresource: str = "") -> Body:
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        return await self._call("apply", "PATCH", path, query=query, body=body, headers={"Content-Type": APPLY})

    async def create(self, resource: Resource, body: Body) -> Body:
        path = resource.path(body["metadata"].get("namespace"))
        return await self._call("create", "POST", path, query=[("fieldManager", FIELD_MANAGER)], body=body)

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Body:
        return await self._call("get", "GET", resource.path(namespace, name))

    async def read_all(self, resource: Resource) -> tuple[Body, ...]:
        return tuple([item async for page in self._pages(resource.path(), {}) for item in page.get("items") or ()])

    async def census(
        self, resource: Resource, namespace: str | None = None, label_selector: str = ""
    ) -> tuple[frozenset[str], int]:
        uids: set[str] = set()
        version = 0
        async for page in self._pages(resource.path(namespace), {"Accept": METADATA_ONLY}, label_selector):
            uids.update(item["metadata"]["uid"] for item in page.get("items") or ())  # an empty list is null there
            version = int(page["metadata"]["resourceVersion"])
        return frozenset(uids), version

    async def _pages(
        self, path: str, headers: dict[str, str], label_selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        token = ""
        while True:
            query = [("limit", str(PAGE)), ("labelSelector", label_selector), ("continue", token)]
            given = [(key, value) for key, value in query if value]
            page = await self._call("list", "GET", path, query=given, headers=headers)
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def delete(self, resource: Resource, name: str, namespace: str | None = None, uid: str = "") -> None:
        body = {"preconditions": {"uid": uid}} if uid else {}
        await self._call("delete", "DELETE", resource.path(namespace, name), body=body)

    async def _call(
        self,
        verb: str,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Body | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            answer = await self._request(method, path, query or [], body, headers or {})
        except ClusterError as error:
            self._count(verb, type(error).__name__.lower())
            raise
        self._count(verb, "done")
        return answer

    async def _request(
        self, method: str, path: str, query: list[tuple[str, str]], body: Body | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        what = f"{method} {path}"
        try:
            request = await self._client.param_serialize(
                method=method,
                resource_path=quote(path),
                query_params=query,
                header_params={"Accept": "application/json", "Content-Type": "application/json"} | headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._client.call_api(*request, _request_timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS))
            text = await response.read()  # type: ignore[no-untyped-call]
            status = response.status
        except TimeoutError as error:
            raise Unreachable(f"{what}: no answer within {TIMEOUT_SECONDS:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error
        try:
            answer = json.loads(text)
        except ValueError as error:
            raise Unreachable(f"{what}: {status}, and the answer is not JSON") from error
        if status < 300:
            return dict(answer)
        raise _error(status)(f"{what}: {status} {answer.get('message', '')}")


def _error(status: int) -> type[ClusterError]:
    known = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: NotFound, 429: Unreachable}
    return known.get(status, Refused if status < 500 else Unreachable)
