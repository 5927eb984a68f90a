"""One command's work on the queues: settings read, everything opened, and closed again whatever happens."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from oxyq.cli.deeds import audited
from oxyq.cli.endings import SIGNALLED
from oxyq.cli.output import note

if TYPE_CHECKING:  # so that `--help` loads none of it
    import asyncio

    from oxyq.app import App
    from oxyq.settings import Settings

T = TypeVar("T")
P = TypeVar("P")

#: Where the program keeps, for the command that runs, on which shard it is to work (`oxyq --shard NAME …`).
SHARD: Final = "oxyq.shard"


def with_app(
    work: Callable[[App], Coroutine[Any, Any, T]], *, is_deed: bool = True, organization_id: str | None = None
) -> T:
    """Do `work` with everything open; the embedded server is joined, or started for as long as it takes.

    What a command does is in the audit; not what it only looks at before it asks (`is_deed` false). Where there are
    several shards the app is that of `organization_id`, or of whom the command line is about (cli/shard_choice.py).
    """
    import asyncio

    settings = settings_of_this_process()
    if settings.redis_url is None:
        note(f"REDIS_URL is not set: using the embedded server in {settings.data_dir.absolute()}")
    done = partial(audited, work=work) if is_deed else work
    if settings.redis_shards is None:
        return asyncio.run(supervised(open_app_of(settings), done))
    from oxyq.cli.shard_choice import on_its_shard
    from oxyq.shards.shards import open_shards

    return asyncio.run(supervised(open_shards(settings), on_its_shard(done, organization_id)))


def open_app_of(settings: Settings) -> AbstractAsyncContextManager[App]:
    """The app of these settings."""
    from oxyq.app import open_app

    return open_app(settings)


def settings_of_this_process() -> Settings:
    """The settings; `redis_connection` has a loud word about what makes them unsafe."""
    from oxyq.settings import load_settings

    return load_settings()


async def supervised(opened: AbstractAsyncContextManager[P], work: Callable[[P], Coroutine[Any, Any, T]]) -> T:
    """Signals only stop the work itself: a server that is being started or stopped must not be left behind."""
    import asyncio

    stopped: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
    _listen(stopped)
    async with opened as parts:
        task = asyncio.ensure_future(work(parts))
        either: set[asyncio.Future[Any]] = {task, stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if task.cancelled():
        raise typer.Exit(SIGNALLED + stopped.result())
    return task.result()


def _listen(stopped: asyncio.Future[signal.Signals]) -> None:
    import asyncio

    def stop(sign: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(sign)

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is not signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(sign, stop, sign)
