"""Removing one organization with all that belongs to it; done again after it broke off, it goes on."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final, TypeAlias

from oxyq.engine.atomically import PATIENCE_SECONDS
from oxyq.engine.hub import Hub
from oxyq.engine.queue import Queue
from oxyq.engine.transfer import StoredJob
from oxyq.errors import NotAllowed
from oxyq.snapshot.inventory import How, OurKey
from oxyq.snapshot.scope import scope_of
from oxyq.snapshot.values import STEP, look, read
from oxyq.snapshot.walk import Walk
from oxyq.snapshot.writing import Counts

#: Queue and id of the jobs that are meant; None: all of the organization.
Chosen: TypeAlias = frozenset[tuple[str, bytes]] | None

_AT_ONCE: Final = 100
#: By these is known what else belongs to it, so they go last.
_KEPT_TO_THE_END: Final = frozenset(("organization", "audit", "tasks"))
_REMOVAL: Final = {"hash": "HDEL", "set": "SREM", "zset": "ZREM"}


async def remove(hub: Hub, organization_id: str, *, jobs: Collection[tuple[str, bytes]] | None = None) -> Counts:
    """Remove everything that `export` finds of an organization; `made` says how much that was.

    With `jobs` (queue, id) only these of its jobs: what others added since it was exported stays.

    Raises NotAllowed while workers have jobs of it in hand (nothing is removed then), and QueueUnavailable.
    """
    walk, counts = Walk(hub, await scope_of(hub, organization_id)), Counts()
    queues = set[str]()
    async for _ in walk.queue_keys(queues):
        pass
    chosen = None if jobs is None else frozenset(jobs)
    in_hand = sum([await _in_hand(walk, queue, chosen) for queue in queues])
    for queue in () if in_hand else sorted(queues):
        in_hand += await _empty(walk, queue, chosen, counts)
    if in_hand:
        raise NotAllowed(
            f"workers have {in_hand} jobs of organization {organization_id} in hand; pause it, wait until they have "
            "ended, and remove it again"
        )
    for is_end in (False, True):
        for are_last in (False, True):
            async for page in walk.our_keys(are_last=are_last):
                for name, key in page:
                    if _is_kept_to_the_end(key) is is_end:
                        await _forget(walk, name, key, counts)
    return counts


async def _in_hand(walk: Walk, name: str, chosen: Chosen) -> int:
    transfer = walk.queue(name)
    active = transfer.jobs(await transfer.active_ids())
    return sum([job.in_hand and _is_meant(walk, name, job, chosen) async for job in active])


def _is_meant(walk: Walk, queue: str, job: StoredJob, chosen: Chosen) -> bool:
    return walk.scope.holds_job(job) and (chosen is None or (queue, job.id) in chosen)


async def _empty(walk: Walk, name: str, chosen: Chosen, counts: Counts) -> int:
    """Remove the organization's jobs and schedulers of one queue; returns how many were taken meanwhile."""
    transfer, queue = walk.queue(name), Queue(name, hub=walk.hub)
    for scheduler in await transfer.schedulers():
        fields = dict(zip(scheduler.fields[::2], scheduler.fields[1::2], strict=True))
        if walk.scope.holds_data(fields.get(b"data")):
            await queue.scripts.remove_scheduler(scheduler.id.decode("utf-8", "surrogateescape"))
            counts.made[f"schedulers of {name}"] += 1
    if walk.scope.organization_id is not None:
        await transfer.forget_turns(walk.scope.organization_id)
    in_hand, some = 0, list[StoredJob]()
    async for job in transfer.jobs(await transfer.ids()):
        if _is_meant(walk, name, job, chosen):
            some.append(job)
        if len(some) >= _AT_ONCE:
            in_hand += await _remove_jobs(queue, some, counts)
            some = []
    return in_hand + await _remove_jobs(queue, some, counts)


async def _remove_jobs(queue: Queue, jobs: Sequence[StoredJob], counts: Counts) -> int:
    ids = [job.id.decode("utf-8", "surrogateescape") for job in jobs]
    are_gone = await asyncio.gather(*(queue.forget(job_id) for job_id in ids))
    counts.made[f"jobs of {queue.keys.name}"] += sum(are_gone)
    return len(ids) - sum(are_gone)


async def _forget(walk: Walk, name: bytes, key: OurKey, counts: Counts) -> None:
    commands = walk.hub.commands
    if key.organization_id is not None or key.family.how is not How.MEMBERS:
        await commands.ready(PATIENCE_SECONDS)
        counts.made[key.family.name] += await commands.call("UNLINK", name) == 1
        return
    [found] = await look(commands, [name])
    if found is None:
        return
    step, gone = STEP[found.type], 0
    async for piece in read(commands, found):
        members = [one for one in piece.items[::step] if walk.scope.holds_member(key, one)]
        if members:
            gone += len(members)
            await commands.call(_REMOVAL[found.type], name, *members)
    counts.made[key.family.name] += gone > 0


def _is_kept_to_the_end(key: OurKey) -> bool:
    if key.organization_id is None:
        return key.family.how is How.MEMBERS
    return key.family.name in _KEPT_TO_THE_END
