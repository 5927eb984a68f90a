"""Jobs of an organization that is paused: put off, and woken when it is resumed."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import as_text
from oxyq.errors import QueueUnavailable
from oxyq.outcomes import Later
from oxyq.workers.runner import Organizations

#: How often a process looks whether those it knows of may go on: one command for each organization that is paused.
WAKE_SECONDS: Final = 3.0
#: When a job that nobody woke looks by itself: whoever held it may have died.
LOOK_AGAIN_MS: Final = 600_000
#: Jobs woken in one write; each is a script of some 20 µs.
PAGE: Final = 200


class Holding:
    """Keeps jobs waiting without using an attempt. What is held is known in Redis, so that others wake it too."""

    def __init__(self, hub: Hub, queues: Mapping[str, Queue], organizations: Organizations) -> None:
        self._hub = hub
        self._queues = queues
        self._organizations = organizations
        self._paused = set[str]()
        self._knows_others = False

    async def hold(self, job: Job, organization_id: str) -> Later:
        """Put a job off until its organization is resumed."""
        now = now_ms()
        # Without Redis it only wakes later.
        with suppress(QueueUnavailable):
            await asyncio.gather(
                self._call("ZADD", self._held(organization_id), "NX", now, f"{job.queue} {job.id}"),
                self._call("SADD", redis_keys.holding(prefix=self._hub.prefix), organization_id),
            )
        self._paused.add(organization_id)
        return Later(now + LOOK_AGAIN_MS, "paused")

    async def run_once(self) -> str | None:
        """Wake the jobs of organizations that are resumed; asks Redis nothing while none is paused."""
        if not self._knows_others:
            members = await self._call("SMEMBERS", redis_keys.holding(prefix=self._hub.prefix))
            self._paused.update(as_text(member) for member in (members if isinstance(members, list) else ()))
            self._knows_others = True
        woken = 0
        for organization_id in sorted(self._paused):
            organization = await self._organizations.get(organization_id)
            if organization is None or not organization.is_paused:
                woken += await self._wake(organization_id)
        return f"{woken} held jobs go on" if woken else None

    async def _wake(self, organization_id: str) -> int:
        """Wake them in the order in which they were held; one that is still in hand waits for the next run."""
        held, woken = self._held(organization_id), 0
        while True:
            reply = await self._call("ZRANGE", held, 0, PAGE - 1)
            page = [as_text(member) for member in (reply if isinstance(reply, list) else ())]
            if not page:
                await self._call("SREM", redis_keys.holding(prefix=self._hub.prefix), organization_id)
                self._paused.discard(organization_id)
                return woken
            settled = await asyncio.gather(*map(self._wake_job, page))
            done = [member for member, is_settled in zip(page, settled, strict=True) if is_settled]
            woken += len(done)
            if done:
                await self._call("ZREM", held, *done)
            if len(done) < len(page):
                return woken

    async def _wake_job(self, member: str) -> bool:
        """Whether the job goes on; False while whoever held it has not put it off yet."""
        name, _, job_id = member.partition(" ")
        queue = self._queues.get(name)
        return queue is None or await queue.promote(job_id) or await queue.state(job_id) != "active"

    async def _call(self, *command: str | int) -> object:
        await self._hub.commands.ready()
        return await self._hub.commands.call(*command)

    def _held(self, organization_id: str) -> str:
        return redis_keys.held(organization_id, prefix=self._hub.prefix)
