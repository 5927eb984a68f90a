"""How far a campaign is: one status per recipient and the counters, right even when jobs run twice."""

import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, cast

import redis.asyncio

from oxyq import redis_keys

Status: TypeAlias = Literal["planned", "sent", "failed", "unconfirmed", "opted_out"]

_RECORD = (Path(__file__).parent / "record.lua").read_text(encoding="utf-8")
#: Recipients noted per pipelined write.
CHUNK = 500


class CampaignProgress:
    """The counters of all campaigns, in Redis for 30 days after the last news."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix
        self._record = client.register_script(_RECORD)

    async def plan(self, organization_id: str, campaign_id: str, recipients: Sequence[str], skipped: int) -> None:
        """Open a campaign: these recipients are planned; saying so again changes nothing."""
        keys = self._keys(organization_id, campaign_id)
        for start in range(0, len(recipients), CHUNK):
            async with self._client.pipeline(transaction=False) as pipe:
                for recipient in recipients[start : start + CHUNK]:
                    await self._record(keys, self._arguments(recipient, "planned"), client=pipe)
                await pipe.execute()
        await self._client.hset(keys[0], "skipped", str(skipped))
        await self._client.expire(keys[0], redis_keys.CAMPAIGN_SECONDS)

    async def planned_all(self, organization_id: str, campaign_id: str) -> bool:
        """Say that every recipient has its job; True when all of them have ended already."""
        counters, _ = self._keys(organization_id, campaign_id)
        await self._client.hset(counters, "complete", "1")
        counts = await self.counts(organization_id, campaign_id)
        if counts.get("planned", 0) > 0:
            return False
        return bool(await self._client.hsetnx(counters, "endedAt", str(_now_ms())))

    async def record(self, organization_id: str, campaign_id: str, recipient: str, status: Status) -> bool:
        """Note how it ended for one recipient; True when that was the last one."""
        answer = await self._record(self._keys(organization_id, campaign_id), self._arguments(recipient, status))
        return int(answer) == 1

    async def counts(self, organization_id: str, campaign_id: str) -> dict[str, int]:
        """Recipients by status, and how many were skipped; empty when there is no such campaign."""
        counters, _ = self._keys(organization_id, campaign_id)
        stored = await cast("Awaitable[dict[str, str]]", self._client.hgetall(counters))
        return {name: int(number) for name, number in stored.items() if name not in ("complete", "endedAt")}

    def _keys(self, organization_id: str, campaign_id: str) -> list[str]:
        return [
            redis_keys.campaign(organization_id, campaign_id, prefix=self._prefix),
            redis_keys.campaign_recipients(organization_id, campaign_id, prefix=self._prefix),
        ]

    @staticmethod
    def _arguments(recipient: str, status: Status) -> list[str | int]:
        return [recipient, status, redis_keys.CAMPAIGN_SECONDS, _now_ms()]


def _now_ms() -> int:
    return int(time.time() * 1000)
