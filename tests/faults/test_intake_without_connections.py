"""Redis takes no more connections, or our process has no more file descriptors: no hang, and over by itself."""

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from oxyq.app import App
from tests.conftest import StartRedis
from tests.faults.api_process import api_process, takes_jobs
from tests.faults.ends import until_all_is_done
from tests.faults.load import HttpLoad
from tests.integration.api.server_process import ServerProcess
from tests.integration.engine.journal import eventually
from tests.journeys.conftest import StartProcess, WhatsApp
from tests.redis_server import RedisServer

#: Callers that do nothing, more than the process has descriptors for.
IDLE_CALLERS, DESCRIPTORS_LEFT = 40, 10


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    """One whose connections may be used up."""
    return start_redis()


@pytest.fixture
def redis_url(server: RedisServer) -> str:
    """The installation is on it."""
    return server.url


async def test_no_connection_left_at_redis_is_503_and_over_when_there_is_one(
    server: RedisServer, app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, tmp_path: Path, prefix: str
) -> None:
    # Given a busy API and a busy worker
    worker = start_oxyq("workers", "automation")
    async with api_process(tmp_path, server.url, prefix) as api, HttpLoad(api.url) as load:
        await whatsapp.until(30)

        # When Redis takes one connection only, and it is somebody else's
        with server.client() as client:
            client.config_set("maxclients", 1)
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await load.until_refused(30)

            # Then it is 503, and over by itself when there are more
            client.config_set("maxclients", 1000)
        await load.until_accepted(30)
    await until_all_is_done(app, whatsapp, load.acknowledged)
    print(f"accepted {len(load.acknowledged)}, refused {len(load.refused)}, slowest {load.slowest_seconds:.2f} s")
    assert load.problems == []
    assert worker.popen.poll() is None


async def test_no_file_descriptor_left_for_callers_is_over_when_some_of_them_leave(
    server: RedisServer, app: App, tmp_path: Path, prefix: str
) -> None:
    # Given an API whose process may open only a few more files
    async with api_process(tmp_path, server.url, prefix) as api:
        assert await takes_jobs(api)
        async with HttpLoad(api.url, first=1000) as load:
            await load.until_accepted(10)
        most = psutil.Process(api.pid).num_fds() + DESCRIPTORS_LEFT
        resource.prlimit(api.pid, resource.RLIMIT_NOFILE, (most, most))

        # When more callers come than it has descriptors for
        with ExitStack() as callers:
            for _ in range(IDLE_CALLERS):
                callers.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=5))
            await eventually(lambda: open_files(api), most)
            with pytest.raises(httpx.TimeoutException):
                async with httpx.AsyncClient(base_url=api.url, timeout=0.5) as client:
                    await client.get("/health")

        # Then it goes on when they have left, and takes jobs
        before = (await app.queues["automation"].counts())["waiting"]
        async with HttpLoad(api.url) as load:
            await load.until_accepted(30)
        assert load.problems == []
        assert (await app.queues["automation"].counts())["waiting"] == len(load.acknowledged) + before


async def open_files(api: ServerProcess) -> int:
    return psutil.Process(api.pid).num_fds()
