"""The HTTP side of a process: uvicorn on the configured port, stopped in order."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from oxyq.alerts.watch import WATCH_SECONDS
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.errors import ConfigurationError, QueueUnavailable
from oxyq.maintenance.periodic import Periodic
from oxyq.operating.doctor.start_up import refuse_loss
from oxyq.process import hear_stray_errors, stop_on_signal
from oxyq.settings import Settings
from oxyq.telemetry.events import ProcessNews, Telemetry

HTTP_STOP_SECONDS = 5
#: Longer the API does not wait for Redis: whoever asks shall hear that it is away.
LOOK_SECONDS = 2.0


class _Http(uvicorn.Server):
    """uvicorn without its own signal handlers: stopping is decided in one place, here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def http_server(app: App, api: ASGIApp | None = None) -> AsyncIterator[str]:
    """The API on the configured port while the block runs; gives its address. `api`: one over more than this app."""
    settings = app.settings
    listening = _listen(settings.host, settings.port)
    served = api or create_api(app)
    config = uvicorn.Config(
        served, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=HTTP_STOP_SECONDS,
        server_header=False, proxy_headers=False, h11_max_incomplete_event_size=64 * 1024,
    )  # fmt: skip
    # A stranger's malformed request is answered 400 by uvicorn itself; its line about it is no news of ours.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    server = _Http(config)
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    try:
        async with app.bulk.running(), _watching(app), app.telemetry.metrics.running():
            yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=HTTP_STOP_SECONDS + 1)
        listening.close()


@asynccontextmanager
async def _watching(app: App) -> AsyncIterator[None]:
    """Look for alerts while the block runs, beside the workers: were there none, nobody else could tell."""
    if not app.alert_watch.is_on:
        yield
        return
    chore = Periodic("alerts", app.alert_watch.run_once, WATCH_SECONDS, app.telemetry)
    chore.start()
    try:
        yield
    finally:
        await chore.stop()


async def serve_api(settings: Settings, telemetry: Telemetry) -> int:
    """Serve HTTP until a signal; returns the exit code. ConfigurationError for a Redis that loses jobs, in production.

    Redis is looked at before anything is taken in. Is it away, the API says so to whoever asks, and looks at it later.
    """
    hear_stray_errors(telemetry)
    if settings.redis_shards is not None:
        return await _serve_shards(settings, telemetry)
    async with (
        stop_on_signal() as stop,
        open_app(settings, telemetry) as app,
        _redis_looked_at(app, stop),
        http_server(app) as url,
    ):
        telemetry.emit(ProcessNews(f"API on {url}"))
        await stop.wait()
        telemetry.emit(ProcessNews("stopping"))
    return 0


async def _serve_shards(settings: Settings, telemetry: Telemetry) -> int:
    from oxyq.api.shard_door import create_sharded_api
    from oxyq.shards.shards import open_shards

    async with stop_on_signal() as stop, open_shards(settings, telemetry) as shards, AsyncExitStack() as stack:
        for shard in shards.by_name.values():
            await stack.enter_async_context(_redis_looked_at(shard.app, stop))
            if shard is not shards.home:  # whose tasks http_server runs
                await stack.enter_async_context(shard.app.bulk.running())
                await stack.enter_async_context(_watching(shard.app))
        url = await stack.enter_async_context(http_server(shards.home.app, create_sharded_api(shards)))
        telemetry.emit(ProcessNews(f"API on {url}, before {len(shards.by_name)} shards"))
        await stop.wait()
        telemetry.emit(ProcessNews("stopping"))
    return 0


@asynccontextmanager
async def _redis_looked_at(app: App, stop: asyncio.Event) -> AsyncIterator[None]:
    """Run the block unless Redis loses jobs; is it away, it is looked at beside the block, which it may stop."""

    def stop_if_refused(looked: "asyncio.Task[None]") -> None:
        if not looked.cancelled() and looked.exception() is not None:
            stop.set()

    looking = asyncio.get_running_loop().create_task(_look_at_redis(app))
    looking.add_done_callback(stop_if_refused)
    try:
        await asyncio.wait({looking}, timeout=LOOK_SECONDS)
        if looking.done():
            looking.result()
        yield
        if looking.done():
            looking.result()
    finally:
        looking.cancel()
        await asyncio.wait({looking})


async def _look_at_redis(app: App) -> None:
    while True:
        try:
            await app.hub.commands.ready()
            return await refuse_loss(app.hub, app.settings)
        except QueueUnavailable:
            continue  # it went again: the connection waits for it


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With its protocol named: asyncio turns Nagle's delay off only then.
        listening = socket.socket(family, proto=socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
        listening.set_inheritable(False)
    except OSError as error:
        raise ConfigurationError(
            f"OXYQ_PORT: cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or set another OXYQ_PORT"
        ) from None
    return listening
