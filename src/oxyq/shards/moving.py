"""Moving one organization to another shard while all goes on: done again after it broke off anywhere, it goes on.

1. *Frozen.* The list at home says `home>south`, the fence of both shards that nothing is done for it. All processes
   know that BELIEVED_SECONDS later at most: from then on no door takes anything for it, and what a door was doing
   meanwhile it does not call done. Workers put its jobs off. What workers had in hand before is waited for.
2. *Copied.* All that is at home is made at south (oxyq.snapshot). Until that is complete only what is at home counts,
   and a copy that broke off is thrown away first.
3. *Cleared.* The list says `home>>south`: only what is at south counts. What was copied is removed at home, and nothing
   else: a job that somebody added there meanwhile stays, and is carried after it (strays.py).
4. *Opened.* The fence at south is taken away, the one at home says south from now on, and the list says `south`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from oxyq import redis_keys
from oxyq.errors import NotAllowed, NotFound
from oxyq.shards.hands import until_nothing_in_hand
from oxyq.shards.lease import Lease, held_lease
from oxyq.shards.numbers import bridged_numbers, give_numbers, take_numbers
from oxyq.shards.place import Place
from oxyq.shards.shards import MOVING, Shard, Shards
from oxyq.shards.watched import BELIEVED_SECONDS
from oxyq.snapshot import Job, Record, export, remove, restore
from oxyq.snapshot.records import bytes_of

#: Until every process knows of a fence, with half a second for a busy one to end what it began to ask.
SETTLE_SECONDS: Final = BELIEVED_SECONDS + 0.5
#: Bulk tasks that are looked at for one that is still under way; more than that nobody orders at once.
_LATEST_TASKS: Final = 50
#: While workers put a job off it cannot be removed, for some milliseconds.
_REMOVAL_TRIES: Final = 100
_REMOVAL_PAUSE_SECONDS: Final = 0.1

Tell = Callable[[str], None]
#: Queue and id.
JobName = tuple[str, bytes]


async def move(shards: Shards, organization_id: str, to: str, tell: Tell) -> int:
    """Move an organization to the shard `to`, or go on with a move that broke off; returns how many records went along.

    To the shard that it is leaving: what was copied is thrown away, and it stays. `tell` hears each step as it begins.
    Raises NotFound, NotAllowed, ConfigurationError, and QueueUnavailable: run it again, it goes on where it was.
    """
    home = shards.home.app
    key = redis_keys.shard_move(organization_id, prefix=home.settings.redis_prefix)
    shards.named(to)
    async with held_lease(home.hub, key) as lease:
        place = await shards.place_now(organization_id)
        one = _Move(shards, organization_id, lease, tell)
        if place.to is not None and place.shard == to:
            await one.call_off(place)
            return 0
        if place.is_moving and to not in (place.to, place.shard):
            raise NotAllowed(
                f"organization {organization_id} is on its way to {place.to or place.shard}; finish that first: "
                f"oxyq shards move {organization_id} {place.to or place.shard}"
            )
        if place.shard == to and not place.is_moving:
            return 0
        return await one.go(place, to)


class _Move:
    def __init__(self, shards: Shards, organization_id: str, lease: Lease, tell: Tell) -> None:
        self._shards = shards
        self._organization = organization_id
        self._lease = lease
        self._tell = tell

    async def go(self, place: Place, to: str) -> int:
        copied, jobs = 0, None
        if not place.is_moving:
            place = await self._begin(place, to)
        if place.to is not None:
            source, target = self._shards.named(place.shard), self._shards.named(place.to)
            await self._freeze(source, target)
            jobs, copied = await self._copy(source, target)
            place = await self._change(place, place.copied())
        source, target = self._shards.named(place.source or place.shard), self._shards.named(place.shard)
        await self._clear(source, target, jobs)
        await self._open(source, target)
        await self._change(place, Place(place.shard))
        self._tell(f"at {to}")
        return copied

    async def call_off(self, place: Place) -> None:
        source, target = self._shards.named(place.shard), self._shards.named(place.to or place.shard)
        self._tell(f"calling it off, staying at {source.name}")
        await self._remove(target, await self._in_both(target, source))
        await give_numbers(source.app, await bridged_numbers(source.app, self._organization))
        await target.away.put(self._organization, source.name)
        await source.away.put(self._organization, None)
        await self._change(place, Place(place.shard))

    async def _begin(self, place: Place, to: str) -> Place:
        source, target = self._shards.named(place.shard), self._shards.named(to)
        if await source.app.organizations.get(self._organization) is None:
            raise NotFound(f"there is no organization {self._organization} at {source.name}; see: oxyq shards show")
        tasks = await source.app.bulk.list(self._organization, limit=_LATEST_TASKS)
        if under_way := next((task for task in tasks if not task.has_ended), None):
            raise NotAllowed(f"the task {under_way.id} works on its jobs; wait until it has ended, or cancel it")
        await target.app.admission.admit()
        return await self._change(place, place.leaving(to))

    async def _freeze(self, source: Shard, target: Shard) -> None:
        self._tell("freezing")
        for shard in (source, target):
            await shard.away.put(self._organization, MOVING)
        await asyncio.sleep(SETTLE_SECONDS)
        self._tell("waiting for what workers have in hand")
        await until_nothing_in_hand(source.app, self._organization)

    async def _copy(self, source: Shard, target: Shard) -> tuple[list[JobName], int]:
        self._tell("copying")
        numbers = await bridged_numbers(source.app, self._organization)
        for shard in (source, target):
            await take_numbers(shard.app, numbers)
        await self._remove(target, await self._in_both(target, source))
        jobs, records = list[JobName](), 0

        async def passing() -> AsyncIterator[Record]:
            nonlocal records
            async for record in export(source.app.hub, organization_id=self._organization):
                self._lease.check()
                records += 1
                if isinstance(record, Job):
                    jobs.append((record.queue, bytes_of(record.id)))
                yield record

        await restore(target.app.hub, passing())
        return jobs, records

    async def _clear(self, source: Shard, target: Shard, jobs: list[JobName] | None) -> None:
        """Remove at the source what is at the target; nothing was done there since it was copied."""
        self._tell(f"clearing {source.name}")
        await self._remove(source, await self._in_both(source, target) if jobs is None else jobs)

    async def _in_both(self, one: Shard, other: Shard) -> list[JobName]:
        """Its jobs on one shard that are on the other too, as long as it works on neither: what was copied."""
        found = list[JobName]()
        await other.app.hub.commands.ready()
        async for record in export(one.app.hub, organization_id=self._organization):
            if isinstance(record, Job):
                queue, job_id = record.queue, bytes_of(record.id)
                base = f"{other.app.settings.redis_prefix}:{queue}:".encode()
                if await other.app.hub.commands.call("EXISTS", base + job_id):
                    found.append((queue, job_id))
        return found

    async def _remove(self, shard: Shard, jobs: list[JobName]) -> None:
        """Remove all of it there, but of its jobs only these."""
        for tries in range(_REMOVAL_TRIES):
            self._lease.check()
            try:
                await remove(shard.app.hub, self._organization, jobs=jobs)
                return
            except NotAllowed:
                if tries == _REMOVAL_TRIES - 1:
                    raise
            await asyncio.sleep(_REMOVAL_PAUSE_SECONDS)

    async def _open(self, source: Shard, target: Shard) -> None:
        self._tell(f"opening at {target.name}")
        self._lease.check()
        await source.away.put(self._organization, target.name)
        numbers = await bridged_numbers(target.app, self._organization)
        for shard in (source, target):
            await give_numbers(shard.app, numbers)
        await target.away.put(self._organization, None)

    async def _change(self, before: Place, after: Place) -> Place:
        self._lease.check()
        if not await self._shards.change(self._organization, before, after):
            raise NotAllowed("somebody else changed where it is meanwhile; see: oxyq shards show")
        return after
