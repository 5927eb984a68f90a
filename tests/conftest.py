"""What every test may ask for: a Redis server to share or to break, and a name of its own."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import hypothesis
import pytest
import redis.asyncio

from tests.redis_server import RedisServer

# No example has to be quick: a busy machine would fail tests that are not about time.
hypothesis.settings.register_profile("oxyq", deadline=None)
hypothesis.settings.load_profile("oxyq")


class StartRedis(Protocol):
    """Starts a server of the test's own; the arguments are those of RedisServer, without the folder."""

    def __call__(
        self, *options: str, port: int | None = None, password: str | None = None, tls: bool = False
    ) -> RedisServer: ...


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each missing thing how many tests it kept from running, and how to get it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} skipped: {reason}", yellow=True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio only (anyio's plugin would run each on every backend it finds)."""
    return "asyncio"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server that the tests share: never kill it, flush it or change its settings (see own_redis)."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of the shared server; keep to keys under `prefix`."""
    return redis_server.url


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses, such as "t-1f0c9a7e"."""
    return f"t-{secrets.token_hex(4)}"


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """A client of the shared server that answers with str, for a test's own looks into the data."""
    async with redis.asyncio.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """A function that starts servers of this test's own; they are gone when the test ends."""
    started: list[RedisServer] = []

    def start(*options: str, port: int | None = None, password: str | None = None, tls: bool = False) -> RedisServer:
        folder: Path = tmp_path_factory.mktemp("own-redis")
        server = RedisServer(folder, *options, port=port, password=password, tls=tls)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def own_redis(start_redis: StartRedis) -> RedisServer:
    """A server of this test's own, to be killed and restarted: with AOF it keeps what it acknowledged."""
    return start_redis("--appendonly", "yes")
