"""What the stories of the HTTP door start from: the application on a real Redis, callers, and a look into the data."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import redis.asyncio

from oxyq.access.tokens import issue
from oxyq.api.application import create_api
from oxyq.app import App, open_app
from oxyq.organizations import Organization
from oxyq.settings import Settings, load_settings
from tests.integration.api.server_process import SECRET

#: Headers for a role and an organization (None: all).
As = Callable[..., dict[str, str]]


@pytest.fixture
def settings(redis_url: str, prefix: str, tmp_path: Path) -> Settings:
    """Settings on the shared Redis, under a prefix of this test's own."""
    return load_settings(
        {
            "REDIS_URL": redis_url,
            "OXYQ_REDIS_PREFIX": prefix,
            "OXYQ_JWT_SECRET": SECRET,
            "OXYQ_DATA_DIR": str(tmp_path),
        }
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    """The parts behind the door."""
    async with open_app(settings) as app:
        yield app


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token; an exception that leaves the application fails the test."""
    transport = httpx.ASGITransport(create_api(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://oxyq.test") as client:
        yield client


@pytest.fixture
def as_(settings: Settings) -> As:
    """A function that gives the headers of a caller."""

    def headers(role: str = "service", org: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(settings, 'tests', role, org)}"}

    return headers


@pytest.fixture
def keys(redis_client: "redis.asyncio.Redis", prefix: str) -> Callable[[], Awaitable[set[str]]]:
    """A function that lists every key that this test's installation has in Redis, but for who did what."""

    async def list_keys() -> set[str]:
        found = {key async for key in redis_client.scan_iter(f"*{prefix}*", count=1000)}
        return {key for key in found if "audit" not in key}

    return list_keys


@pytest.fixture
def stored(redis_client: "redis.asyncio.Redis", prefix: str) -> Callable[[str, str], Awaitable[object]]:
    """A function that reads the data of a job as Node would."""

    async def read(queue: str, job_id: str) -> object:
        return json.loads(await redis_client.hget(f"{prefix}:{queue}:{job_id}", "data") or "null")

    return read


@pytest.fixture
async def shops(app: App) -> tuple[str, str]:
    """The ids of two organizations that exist."""
    for organization_id in ("org_123", "org_2"):
        await app.organizations.save(Organization(id=organization_id, name="Pet Shop", instances=["wa_1"]))
    return "org_123", "org_2"
