"""The parts of access on the shared server, with a clock that tests may turn."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.access.attempts import LoginAttempts
from oxyq.access.login_links import LoginLinks
from oxyq.access.revocations import Revocations
from oxyq.access.sessions import Sessions
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub


class Clock:
    """The time now, and later."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        return now_ms() + self.ahead_ms


@pytest.fixture
def clock() -> Clock:
    """The clock of the sessions; Redis has its own."""
    return Clock()


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """Connections to the shared server."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def revocations(hub: Hub) -> Revocations:
    """As one process knows them."""
    return Revocations(hub)


@pytest.fixture
def sessions(redis_client: "redis.asyncio.Redis", revocations: Revocations, prefix: str, clock: Clock) -> Sessions:
    """All sessions of this test's installation."""
    return Sessions(redis_client, revocations, prefix=prefix, clock=clock)


@pytest.fixture
def links(redis_client: "redis.asyncio.Redis", prefix: str) -> LoginLinks:
    """All links of this test's installation."""
    return LoginLinks(redis_client, prefix=prefix)


@pytest.fixture
def attempts(redis_client: "redis.asyncio.Redis", prefix: str) -> LoginAttempts:
    """All logins of this test's installation."""
    return LoginAttempts(redis_client, prefix=prefix)
