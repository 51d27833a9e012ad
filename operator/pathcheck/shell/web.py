"""/healthz, /readyz and /metrics. It reads; it writes nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


def application(ready: Callable[[], str], metrics: Callable[[], bytes]) -> web.Application:
    """`ready` returns what is missing, "" when nothing is."""

    # That the loop answers is all there is to health: a watch that dies is noticed and renewed by kopf, and a task that ends
    # ends the process.
    async def healthz(_: web.Request) -> web.Response:
        return _answer("")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready())

    async def scrape(_: web.Request) -> web.Response:
        text = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return _last(web.Response(body=metrics(), headers=text))

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", scrape)
    return app


async def serve(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Answers until the runner's `cleanup`. An empty host is every address of the machine.

    Raises OSError when the port is taken.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host or None, port).start()
    return runner


def _answer(wrong: str) -> web.Response:
    return _last(web.Response(text=(wrong or "ok") + "\n", status=503 if wrong else 200))


def _last(response: web.Response) -> web.Response:
    """The last one on its connection: kopf, when it ends, waits five seconds for each task that is younger than it, and a connection
    that a scraper keeps open is one."""
    response.force_close()
    return response
