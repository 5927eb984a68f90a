"""A limiter on a real server; time is the test's own."""

from collections.abc import AsyncIterator

import pytest

from oxyq.engine import Hub
from oxyq.pacing.limiter import Limiter


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of this test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def limiter(hub: Hub) -> Limiter:
    """The limits of this test's installation."""
    return Limiter(hub)
