"""The operator, put together: the only place where things are built. It ends when kopf's watches end, which SIGTERM makes them do."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from secrets import token_bytes

import kopf
import structlog
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from pathcheck.core.ways.scope import scope_of
from pathcheck.model.firewall import Firewall
from pathcheck.shell import logs, web
from pathcheck.shell.cluster import Cluster, configuration
from pathcheck.shell.handlers import registry_of
from pathcheck.shell.handlers import settings as kopf_settings
from pathcheck.shell.history import History
from pathcheck.shell.metrics import Metrics
from pathcheck.shell.pod_network import PodNetwork
from pathcheck.shell.ports import FIREWALL_CHANGES, PATH_CHECKS, PATH_PROBES, SECRETS, ClusterError, KubeApi, NotFound
from pathcheck.shell.reconcile import FIREWALL, FLEET, Fleet, Key, Reconciler
from pathcheck.shell.recordings import Recordings
from pathcheck.shell.settings import Settings, SettingsError, settings_of, unknown_in
from pathcheck.shell.work import Agenda, Work
from pathcheck.shell.world import World

log = structlog.get_logger()

KEY_SECRET = "pathcheck-probe-key"
CENSUS_SECONDS = 600.0
RETRY_SECONDS = 2.0


def run() -> int:
    """Until SIGTERM or SIGINT: 0. A wrong setting: 2. Anything that cannot go on: 1, and Kubernetes starts us again."""
    try:
        settings = settings_of(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.set_up()
    for name in unknown_in(os.environ):
        log.warning("no such setting", variable=name)
    try:
        return asyncio.run(_operate(settings))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except ConfigException as error:
        print(f"neither in a pod nor with a usable KUBECONFIG: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except Exception:
        log.exception("cannot go on")
        return 1


async def _operate(settings: Settings) -> int:
    # kopf takes SIGTERM over once it runs; until then, as process 1 of a container, we would not even notice it.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    world = World()
    recordings = Recordings(settings, lambda: scope_of(world.nodes().values()))
    metrics = Metrics(lambda: recordings.current.last_read if isinstance(recordings.current, Firewall) else None)
    cluster = Cluster(ApiClient(await configuration()), metrics.requested)
    ready = "the watches have not listed everything yet"
    application = web.application(lambda: "" if world.complete.is_set() else ready, metrics.text)
    try:
        server = await web.serve(application, settings.listen.host, settings.listen.port)
    except OSError as error:
        await cluster.close()
        raise SettingsError(f"PATHCHECK_LISTEN cannot be listened on: {error.strerror or error}") from error
    try:
        fleet = Fleet(
            namespace=settings.namespace,
            image=settings.probe_image,
            heartbeat_seconds=settings.heartbeat_seconds,
            key=await _prepared(cluster, settings.namespace),
            instance=settings.pod_name,
        )
        network = PodNetwork(settings, cluster)
        await (
            network.look()
        )  # before anything is decided: an operator that restarts in an outage must not lose its cause
        history = History(world, cluster, recordings, settings.namespace, lambda: datetime.now(UTC))
        reconciler = Reconciler(
            world,
            cluster,
            recordings,
            fleet,
            metrics,
            lambda key: work.ask(key),
            datapath=lambda: network.current,
            history=history,
        )
        work: Work[Key] = Work(reconciler.do, Agenda())
        world.on_change = reconciler.changed
        work.ask(FIREWALL)  # what was kept is known also where nothing is read
        work.ask(FLEET)  # where there is no check any more, too: what is left of the last one goes
        async with asyncio.TaskGroup() as beside:
            # kopf, when it ends, cancels what was started after it; these it leaves to us.
            tasks = [
                beside.create_task(_when_complete(world, passage))
                for passage in (
                    lambda: work.run(),
                    lambda: recordings.run(reconciler.firewall_changed),
                    lambda: network.run(reconciler.firewall_changed),
                    lambda: _census(reconciler),
                )
            ]
            registry = registry_of(world, settings.namespace, _login)
            log.info("started", namespace=settings.namespace, firewall=":".join(settings.firewall))
            await kopf.operator(registry=registry, settings=kopf_settings(), clusterwide=True)
            for task in tasks:
                task.cancel()
    except asyncio.CancelledError:
        pass  # SIGTERM, before kopf took it over
    finally:
        await server.cleanup()
        await cluster.close()
    log.info("stopped")
    return 0


async def _prepared(cluster: KubeApi, namespace: str) -> str:
    """The probes' key, once all that must be installed is: kopf would watch on without a kind that is missing, and say nothing."""
    while True:
        try:
            await cluster.census(PATH_CHECKS)
            await cluster.census(PATH_PROBES, namespace)
            await cluster.census(FIREWALL_CHANGES, namespace)
            return await _key(cluster, namespace)
        except ClusterError as error:
            log.warning("not ready to start", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def _key(cluster: KubeApi, namespace: str) -> str:
    """In hex; made now where there is none yet."""
    metadata = {"name": KEY_SECRET, "namespace": namespace}
    try:
        data = (await cluster.get(SECRETS, KEY_SECRET, namespace)).get("data") or {}
    except NotFound:
        data = {}
    if "key" in data:
        return b64decode(data["key"]).hex()
    key = token_bytes(32)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": b64encode(key).decode()}}
    await cluster.apply(SECRETS, secret)
    return key.hex()


async def _when_complete(world: World, go: Callable[[], Awaitable[None]]) -> None:
    """Nothing is decided, and no firewall read, on half a world."""
    await world.complete.wait()
    await go()


async def _census(reconciler: Reconciler) -> None:
    while True:
        await asyncio.sleep(CENSUS_SECONDS * random.uniform(0.8, 1.2))
        try:
            await reconciler.census()
        except ClusterError as error:
            log.warning("no census", error=str(error))


async def _login() -> kopf.ConnectionInfo:
    """Anew each time it is asked for, so that a renewed token is found. By the address we use ourselves: no DNS involved."""
    found: Configuration = await configuration()
    scheme, _, token = (found.api_key.get("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        scheme=scheme or None,
        token=token.strip() or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )
