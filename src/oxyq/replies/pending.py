"""What an owner was asked and has not answered yet."""

from collections.abc import Callable
from typing import Final, Protocol

import pydantic
import redis.asyncio
from pydantic import BaseModel

from oxyq.redis_connection import as_unavailable
from oxyq.replies.owner_commands import CampaignVerb

#: Who says "sim" after a longer time may mean something else.
PENDING_SECONDS: Final = 5 * 60


class Question(BaseModel):
    """Which of `options` (ids of campaigns) is meant; once one is `chosen`, whether that is to be done to it."""

    verb: CampaignVerb
    options: list[str]
    chosen: str | None = None


class Pending(Protocol):
    """One open question per owner of an organization, as text; each is forgotten after 5 minutes."""

    async def get(self, organization_id: str, owner: str) -> str | None:
        """The open question, or None."""

    async def put(self, organization_id: str, owner: str, text: str) -> None:
        """Open this question, in place of another."""

    async def drop(self, organization_id: str, owner: str) -> None:
        """Forget it."""


class RedisPending:
    """Open questions in Redis, under `key(organization id, owner)`; all raise QueueUnavailable."""

    def __init__(self, client: redis.asyncio.Redis, key: Callable[[str, str], str]) -> None:
        self._client = client
        self._key = key

    async def get(self, organization_id: str, owner: str) -> str | None:
        """The open question, or None."""
        with as_unavailable("questions to owners"):
            stored = await self._client.get(self._key(organization_id, owner))
        return str(stored, "utf-8") if isinstance(stored, bytes) else stored

    async def put(self, organization_id: str, owner: str, text: str) -> None:
        """Open this question, in place of another."""
        with as_unavailable("questions to owners"):
            await self._client.set(self._key(organization_id, owner), text, ex=PENDING_SECONDS)

    async def drop(self, organization_id: str, owner: str) -> None:
        """Forget it."""
        with as_unavailable("questions to owners"):
            await self._client.delete(self._key(organization_id, owner))


def read_question(stored: str | None) -> Question | None:
    """A question as it was put; None when there is none, or none that we understand."""
    if stored is None:
        return None
    try:
        return Question.model_validate_json(stored)
    except pydantic.ValidationError:
        return None
