"""Production does not start on a Redis that would lose what it acknowledges: each refusal names its fix."""

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.command_line import CommandLine
from tests.conftest import StartRedis
from tests.integration.api.server_process import SECRET
from tests.journeys.conftest import OxyqProcess
from tests.redis_server import RedisServer, free_port

DURABLE = ("--appendonly", "yes")
API, WORKERS = ("api",), ("workers", "start", "message")
#: `oxyq` on a machine whose clock is ten minutes ahead.
FAST_CLOCK = """
import sys, time
right = time.time
time.time = lambda: right() + 600
from oxyq.cli import main
sys.exit(main())
"""


def production(server: RedisServer | int, folder: Path) -> CommandLine:
    """An installation where people are written to."""
    url = server.url if isinstance(server, RedisServer) else f"redis://127.0.0.1:{server}/0"
    return CommandLine(
        folder, REDIS_URL=url, OXYQ_ENV="production", OXYQ_JWT_SECRET=SECRET, OXYQ_PORT=str(free_port()),
        OXYQ_DATA_DIR=str(folder), OXYQ_LOG_FORMAT="text",
    )  # fmt: skip


async def refused(oxyq: CommandLine, *command: str) -> list[str]:
    """What a command says that must end by itself with 2."""
    process = OxyqProcess(command, dict(oxyq.environment()), oxyq.folder / "output")
    try:
        assert await process.ended(30) == 2, process.output
    finally:
        process.end()
    return process.output.splitlines()


async def serves(process: OxyqProcess, seconds: float = 30.0) -> None:
    """Wait for the line that says so."""
    deadline = time.monotonic() + seconds
    while "API on http" not in process.output:
        assert process.popen.poll() is None, process.output
        assert time.monotonic() < deadline, process.output
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("command", [API, WORKERS], ids=" ".join)
@pytest.mark.parametrize(
    ("options", "problem", "fix"),
    [
        (("--appendonly", "no"), "append-only file: off", "CONFIG SET appendonly yes"),
        ((*DURABLE, "--maxmemory-policy", "allkeys-lru"), "eviction: allkeys-lru", "maxmemory-policy noeviction"),
    ],
    ids=["no append-only file", "eviction"],
)
async def test_what_loses_jobs_is_refused_with_its_fix(
    start_redis: StartRedis, tmp_path: Path, command: tuple[str, ...], options: tuple[str, ...], problem: str, fix: str
) -> None:
    """And exit code 2: a supervisor need not try again."""
    first, last = await refused(production(start_redis(*options), tmp_path), *command)

    assert problem in first
    assert fix in first
    assert "--i-accept-loss" in last


def test_a_clock_that_is_ten_minutes_off_is_refused(start_redis: StartRedis, tmp_path: Path) -> None:
    """What is to wait would run too early or too late on this machine."""
    oxyq = production(start_redis(*DURABLE), tmp_path)

    # It is ended, and the test fails, when it does not end by itself
    process = subprocess.run(
        [sys.executable, "-c", FAST_CLOCK, *WORKERS], env=oxyq.environment(), capture_output=True, text=True, timeout=30
    )

    assert process.returncode == 2
    assert re.search(r"clocks: this machine is (600|599)\.\d s ahead of Redis", process.stderr), process.stderr
    assert "NTP" in process.stderr


async def test_a_replica_is_refused(start_redis: StartRedis, tmp_path: Path) -> None:
    """A replica takes no jobs, and says so only when one comes."""
    server = start_redis(*DURABLE)
    with server.client() as client:
        client.replicaof("127.0.0.1", str(free_port()))

    first, _ = await refused(production(server, tmp_path), *WORKERS)

    assert "REDIS_URL name the master" in first


async def test_whoever_accepts_the_loss_starts_and_is_warned(start_redis: StartRedis, tmp_path: Path) -> None:
    """So does development, without being asked."""
    server = start_redis()
    for number, (arguments, environment) in enumerate(
        [((*API, "--i-accept-loss"), "production"), (API, "development")]
    ):
        oxyq = production(server, tmp_path)
        output = tmp_path / f"output-{number}"
        process = OxyqProcess(arguments, {**oxyq.environment(), "OXYQ_ENV": environment}, output)
        try:
            await serves(process)
            assert "append-only file: off" in process.output
        finally:
            process.end()
        assert process.popen.returncode == 0


async def test_a_redis_that_comes_later_and_loses_jobs_stops_what_waited(
    start_redis: StartRedis, tmp_path: Path
) -> None:
    """The API answers 503 until Redis is there; both look at it as soon as it is."""
    # Given an API and workers in production, and no Redis
    port = free_port()
    oxyq = production(port, tmp_path)
    api = OxyqProcess(API, dict(oxyq.environment()), tmp_path / "api")
    workers = OxyqProcess(WORKERS, dict(oxyq.environment()), tmp_path / "workers")
    try:
        await serves(api)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{oxyq.settings['OXYQ_PORT']}/ready")
        assert answer.status_code == 503

        # When one comes that keeps nothing
        start_redis(port=port)

        # Then both end, and say why
        for process in (api, workers):
            assert await process.ended(30) == 2
            assert "append-only file: off" in process.output
    finally:
        api.end()
        workers.end()


async def test_a_durable_redis_is_nothing_to_talk_about(start_redis: StartRedis, tmp_path: Path) -> None:
    """No warning where nothing is wrong."""
    oxyq = production(start_redis(*DURABLE), tmp_path)
    process = OxyqProcess(API, dict(oxyq.environment()), tmp_path / "output")
    try:
        await serves(process)
    finally:
        process.end()
    assert len(process.output.splitlines()) == 2, process.output
