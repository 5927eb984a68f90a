"""The command line against the shared server, under a prefix of the test's own."""

import asyncio
import os
import pty
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from oxyq.app import App, open_app
from oxyq.engine import Job, Worker
from oxyq.settings import load_settings
from tests.command_line import CommandLine
from tests.integration.engine.journal import eventually
from tests.terminal import Terminal

T = TypeVar("T")
Work = Callable[[App], Coroutine[Any, Any, T]]


@pytest.fixture
def oxyq(tmp_path: Path, redis_url: str, prefix: str) -> CommandLine:
    """`oxyq …` with queues of the test's own."""
    return CommandLine(tmp_path, REDIS_URL=redis_url, OXYQ_REDIS_PREFIX=prefix)


@pytest.fixture
def in_app(oxyq: CommandLine) -> Callable[[Work[T]], T]:
    """Does something with the same queues directly, to set a scene or to look."""

    async def opened(work: Work[T]) -> T:
        async with open_app(load_settings(oxyq.settings)) as app:
            return await work(app)

    return lambda work: asyncio.run(opened(work))


@pytest.fixture
def fail_jobs(in_app: Callable[[Work[None]], None]) -> Callable[..., None]:
    """Adds jobs to a queue and lets a worker fail each for the last time."""

    def fail(queue: str, *ids: str, reason: str = "the gateway is away", organization: str = "org_1") -> None:
        async def handler(job: Job) -> None:
            raise RuntimeError(reason)

        async def failed(app: App, queue: str) -> int:
            return (await app.queues[queue].counts())["failed"]

        async def work(app: App) -> None:
            for job_id in ids:
                data = {"organizationId": organization, "text": f"Olá {job_id}"}
                await app.queues[queue].add("made", data, job_id=job_id)
            before = await failed(app, queue)
            worker = Worker(queue, handler, hub=app.hub)
            await worker.start()
            await eventually(lambda: failed(app, queue), before + len(ids))
            await worker.stop()

        in_app(work)

    return fail


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    yield Terminal(ours, theirs)
    os.close(ours)
    os.close(theirs)
