"""Exporting: an installation, or one organization, as a stream of records.

While workers go on, each record is as of a moment of its own. The order of reading is what keeps that harmless:

1. *Ids that were accepted.* One that is accepted later may be missing: it is a job all the same, or was added after.
   The other way round its id would be taken, and nobody would have the job.
2. *Jobs*, each with its place at one moment; those in hand wait again, as after the death of their worker.
3. *All else*, each campaign's and each chat's keys together (campaign_records.py). A campaign that was under way is
   marked as cut off in the middle of a release, so that its next run looks for rows whose jobs are missing.
4. *The ledger.* It knows of every send that any job or campaign read before may believe still to come, so none of
   them sends again.

What came in, or was sent, after the reading is not in the snapshot: an exact one is made while nothing works.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from oxyq.engine.hub import Hub
from oxyq.engine.keys import QueueKeys
from oxyq.engine.transfer import QueueTransfer, StoredJob
from oxyq.snapshot.campaign_records import campaign_records
from oxyq.snapshot.inventory import FOLLOWERS, OurKey
from oxyq.snapshot.key_records import records_of_all, records_of_items
from oxyq.snapshot.records import Job, Key, Record, Scheduler, value_of, values_of
from oxyq.snapshot.scope import scope_of
from oxyq.snapshot.values import look, read_together
from oxyq.snapshot.walk import Walk

#: The beginnings of so many keys are held at once: at the worst 20 items of 50 KB each.
_READ_AT_ONCE: Final = 32

T = TypeVar("T")


async def export(
    hub: Hub, *, organization_id: str | None = None, paused_for_it: Collection[str] = ()
) -> AsyncIterator[Record]:
    """All records of the installation, or of one organization, in the order of this file's docstring.

    `paused_for_it` are queues that are paused only while this goes on (pausing.py). Raises QueueUnavailable.
    """
    walk = Walk(hub, await scope_of(hub, organization_id))
    queues = set[str]()
    async for page in walk.queue_keys(queues):
        async for record in _of_queues(walk, [key.name for key in page]):
            yield _as_before(record, paused_for_it)
    for queue in sorted(queues):
        async for record in _queue(walk, queue):
            yield record
    for are_last in (False, True):
        async for ours in walk.our_keys(are_last=are_last):
            async for record in _our_keys(walk, ours):
                yield record


def _as_before(record: Record, paused_for_it: Collection[str]) -> Record:
    """What a queue says of itself, without the pause that this export asked for."""
    if not isinstance(record, Key) or record.key not in {f"{queue}:meta" for queue in paused_for_it}:
        return record
    pairs = zip(record.items[::2], record.items[1::2], strict=True)
    return msgspec.structs.replace(record, items=[part for pair in pairs if pair[0] != "paused" for part in pair])


async def _queue(walk: Walk, name: str) -> AsyncIterator[Record]:
    transfer = walk.queue(name)
    ids = await transfer.ids()
    some = list[StoredJob]()
    async for job in transfer.jobs(ids):
        some += [job] if walk.scope.holds_job(job) else []
        if len(some) == _READ_AT_ONCE:
            async for record in _jobs(walk, transfer, some):
                yield record
            some = []
    async for record in _jobs(walk, transfer, some):
        yield record
    known = set(ids)
    for scheduler in await transfer.schedulers():
        fields = dict(zip(scheduler.fields[::2], scheduler.fields[1::2], strict=True))
        # Of one that is older than schedulers (a repeatable job) only its next job says whose it is.
        next_id = b"repeat:%b:%b" % (scheduler.id, scheduler.score)
        next_jobs = [job async for job in transfer.jobs([next_id])]
        if not walk.scope.holds_data(fields.get(b"data") or (next_jobs[0].field(b"data") if next_jobs else None)):
            continue
        yield Scheduler(
            queue=name, id=value_of(scheduler.id), score=scheduler.score.decode(), fields=values_of(scheduler.fields)
        )
        # It may have been made since the ids were read; a scheduler without its next job would never go on.
        async for record in _jobs(walk, transfer, [] if next_id in known else next_jobs):
            yield record


async def _jobs(walk: Walk, transfer: QueueTransfer, jobs: Sequence[StoredJob]) -> AsyncIterator[Record]:
    """Some jobs, and before them what lies beside each."""
    async for record in _of_queues(walk, [name for job in jobs for name in _beside(walk, transfer.keys, job)]):
        yield record
    for job in jobs:
        yield Job(
            queue=transfer.keys.name,
            id=value_of(job.id),
            state=job.state,
            score=job.score.decode(),
            fields=values_of(job.fields),
            in_hand=job.in_hand,
        )


def _beside(walk: Walk, keys: QueueKeys, job: StoredJob) -> list[bytes]:
    base = keys.base.encode()
    names = [base + job.id + b":" + part.encode() for part in job.parts]
    if walk.scope.organization_id is not None:
        # All ids that were accepted are read before; those of one organization are known by its jobs only.
        names.append(keys.accepted.encode() + job.id)
        deduplication = job.field(b"deid")
        names += [base + b"de:" + deduplication] if deduplication else []
    return names


async def _of_queues(walk: Walk, names: Sequence[bytes]) -> AsyncIterator[Record]:
    for some in _batches(names):
        found = [(one, None) for one in await look(walk.hub.commands, some) if one is not None]
        async for record in records_of_all(walk, "queue", found):
            yield record


async def _our_keys(walk: Walk, page: Sequence[tuple[bytes, OurKey]]) -> AsyncIterator[Record]:
    for some in _batches(page):
        are_led = await asyncio.gather(*(_goes_with_its_leader(walk, key) for _, key in some))
        free = [one for one, is_led in zip(some, are_led, strict=True) if not is_led]
        found = zip(await look(walk.hub.commands, [name for name, _ in free]), free, strict=True)
        there = [(one, key) for one, (_, key) in found if one is not None]
        async for record in records_of_all(walk, "oxyq", [one for one in there if _group_of(one[1]) is None]):
            yield record
        for _, key in there:
            if (group := _group_of(key)) is not None:
                async for record in group(walk, key):
                    yield record


async def _goes_with_its_leader(walk: Walk, key: OurKey) -> bool:
    leader = key.family.leader
    return bool(leader) and await walk.hub.commands.call("EXISTS", walk.full(key.sibling(leader))) == 1


async def _chat(walk: Walk, key: OurKey) -> AsyncIterator[Record]:
    """All keys of one chat, as of one moment."""
    families = (key.family, *FOLLOWERS[key.family.name])
    keys = [(walk.full(key.sibling(family.name)), family.type) for family in families]
    together, _ = await read_together(walk.hub.commands, keys)
    for found, items in together.values():
        for record in records_of_items(walk, found, items):
            yield record


def _group_of(key: OurKey) -> Callable[[Walk, OurKey], AsyncIterator[Record]] | None:
    return None if key.organization_id is None else _GROUPS.get(key.family.name)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _READ_AT_ONCE] for start in range(0, len(items), _READ_AT_ONCE))


_GROUPS: Final[dict[str, Callable[[Walk, OurKey], AsyncIterator[Record]]]] = {
    "campaign": campaign_records,
    "conversation": _chat,
}
