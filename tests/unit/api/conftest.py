"""The application without Redis: whatever is refused must be refused before Redis is asked."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from oxyq.access.tokens import issue
from oxyq.api.application import create_api
from oxyq.app import open_app
from oxyq.settings import Settings, load_settings
from tests.unit.access.forge import SECRET
from tests.unit.api.without_redis import without_redis


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose Redis does not exist."""
    folder = tmp_path_factory.mktemp("data")
    return load_settings(
        {"REDIS_URL": f"unix://{folder}/nobody.sock", "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(folder)}
    )


@pytest.fixture(scope="session")
def api(settings: Settings) -> Iterator[FastAPI]:
    """The ASGI application, made once: it keeps nothing between requests, and no test here gets as far as Redis."""
    opening = open_app(settings)
    with asyncio.Runner() as runner:
        app = runner.run(opening.__aenter__())
        yield create_api(without_redis(app))
        runner.run(opening.__aexit__(None, None, None))


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token; an exception that leaves the application fails the test."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://oxyq.test") as client:
        yield client


@pytest.fixture(scope="session")
def token(settings: Settings) -> dict[str, str]:
    """The headers of a caller who may add jobs for every organization."""
    return {"Authorization": f"Bearer {issue(settings, 'tests', 'service')}"}
