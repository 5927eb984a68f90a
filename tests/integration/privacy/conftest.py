"""A world in which one person is everywhere, and a second organization that knows the same person."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oxyq.app import App, open_app
from oxyq.settings import load_settings
from tests.redis_server import RedisServer


@pytest.fixture
async def app(own_redis: RedisServer, tmp_path: Path) -> AsyncIterator[App]:
    """Everything of a process, on a server of the test's own: what it keeps on disk is looked at too."""
    settings = load_settings(
        {
            "REDIS_URL": own_redis.url,
            "OXYQ_GATEWAY": "simulator",
            "OXYQ_DATA_DIR": str(tmp_path / "data"),
        }
    )
    async with open_app(settings) as opened:
        yield opened
