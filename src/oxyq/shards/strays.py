"""Jobs on the wrong shard: those that somebody added where an organization was, or never was."""

from dataclasses import replace
from typing import Final

from oxyq.clock import now_ms
from oxyq.engine.job import Job
from oxyq.engine.options import MOST_ATTEMPTS
from oxyq.jobs import AnyPayload
from oxyq.outcomes import Done, Later, Outcome
from oxyq.producer import job_options
from oxyq.queues import REMEMBER_SECONDS
from oxyq.shards.shards import Shard, Shards

#: A move takes some seconds. Each look costs the queue one start of those that its rate allows.
LOOK_AGAIN_MS: Final = 10_000


class Strays:
    """Says to the workers of one shard what is not for them, and takes it where it belongs."""

    def __init__(self, shards: Shards, here: Shard) -> None:
        self._shards = shards
        self._here = here

    async def elsewhere(self, job: Job, payload: AnyPayload, is_known: bool) -> Outcome | None:
        """What becomes of a job that is not for here: taken to its organization, or put off while that moves.

        None: it is for here. Raises QueueUnavailable, IdConflict when the other shard has other data under its id.
        """
        organization_id = payload.organization_id
        if is_known and await self._here.is_at_home_here(organization_id):
            return None
        place = await self._shards.place(organization_id)
        if place.is_moving:
            return Later(now_ms() + LOOK_AGAIN_MS, "its organization is being moved")
        if place.shard not in self._shards.by_name:
            return Later(now_ms() + LOOK_AGAIN_MS, f"OXYQ_REDIS_SHARDS has no {place.shard}, where its organization is")
        if place.shard != self._here.name:
            there = self._shards.named(place.shard)
            await self._carry(job, payload, there)
            return Done({"movedTo": there.name})
        # Either nobody knows it, or the list was read a moment before it came here, or a moment after it left.
        if await self._here.is_at_home_here(organization_id):
            return None
        return Later(now_ms() + LOOK_AGAIN_MS, "its organization is being moved")

    async def _carry(self, job: Job, payload: AnyPayload, there: Shard) -> None:
        """Add it there, unless the same was added there before, however long ago it ended."""
        policy = there.app.settings.policies[job.queue]
        options = replace(
            job_options(policy), attempts=min(job.attempts, MOST_ATTEMPTS), priority=job.priority or policy.priority
        )
        await there.app.queues[job.queue].add_once(
            job.name, job.data, job_id=job.id, options=options, fingerprint=payload.fingerprint(),
            remember_seconds=REMEMBER_SECONDS,
        )  # fmt: skip
