"""Language models on a server of this machine's own, and the tokens counted in a real Redis."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq.replies.llm import LanguageModels
from oxyq.replies.token_usage import TokenUsage
from tests.integration.replies.model_server import ModelServer

#: 2026-11-23, 00:31 in São Paulo and the day before in Manaus.
NOW_MS = 1_795_404_684_000


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """The other side."""
    async with ModelServer() as server:
        yield server


@pytest.fixture
def usage(redis_client: "redis.asyncio.Redis", prefix: str) -> TokenUsage:
    """What organizations used, at a fixed time."""
    return TokenUsage(redis_client, prefix=prefix, clock_ms=lambda: NOW_MS)


@pytest.fixture
async def models(server: ModelServer, usage: TokenUsage) -> AsyncIterator[LanguageModels]:
    """Models as an installation has them, with the keys of its settings."""
    models = LanguageModels(server.openai_url, "key-o", server.anthropic_url, "key-a", usage, clock_ms=lambda: NOW_MS)
    yield models
    await models.close()
