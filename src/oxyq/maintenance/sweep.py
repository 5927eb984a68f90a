"""Setting right what workers of other makes left: a job failed without a dead letter, a canary with one."""

import asyncio
from collections.abc import Sequence

from oxyq.clock import now_ms
from oxyq.dead_letters import DeadLetters
from oxyq.engine.attempt import dead_letter, dead_letter_id
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.json_text import encode_json
from oxyq.engine.keys import CANARY_ID
from oxyq.engine.quarantine import unreadable_letter
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import NOBODY
from oxyq.engine.settlement import Burial, RawJob
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER

PAGE = 200
#: How far the clocks of other machines may differ from ours, since a failure's time is told by whoever failed the job.
OTHER_CLOCKS_MS = 10 * 60 * 1000


class Sweep:
    """Looks through the failed jobs of some queues, newest first, back to where it has been already."""

    def __init__(self, hub: Hub, queues: Sequence[str]) -> None:
        self._hub = hub
        self._queues = [Queue(name, hub=hub) for name in queues]
        self._letters, self._letter_keys = DeadLetters(hub), Queue(DEAD_LETTER, hub=hub).keys
        #: Everything that failed before this time (ms) has been looked at.
        self._looked_ms: dict[str, int] = {}

    async def run_once(self) -> str | None:
        """Bury what is not, and throw away letters of canaries; says how many jobs were buried."""
        buried = sum([await self._sweep(queue) for queue in self._queues])
        await self._purge_canaries()
        return f"{buried} jobs that others failed went to the dead letters" if buried else None

    async def _sweep(self, queue: Queue) -> int:
        started_ms, back_to_ms = now_ms(), self._looked_ms.get(queue.name, 0)
        buried, start = 0, 0
        while ids := await queue.ids("failed", start, start + PAGE - 1, newest_first=True):
            # A worker in Node may fail a canary, of which it knows nothing.
            failures = await self._failures(queue, [job_id for job_id in ids if job_id != CANARY_ID])
            for job_id, finished_on, buried_on in failures:
                if finished_on and finished_on != buried_on:
                    buried += await self._bury(queue, job_id, finished_on)
            if all(int(finished_on or 0) < back_to_ms for _, finished_on, _ in failures):
                break
            start += len(ids)
        self._looked_ms[queue.name] = started_ms - OTHER_CLOCKS_MS
        return buried

    async def _purge_canaries(self) -> None:
        # No canary is sent while a worker lives that would bury it; but one of the release before takes jobs for a
        # moment before it says that it lives.
        ids = [dead_letter_id(queue.name, CANARY_ID) for queue in self._queues]
        if await self._hub.commands.call("EXISTS", *map(self._letter_keys.job, ids)):
            await self._letters.purge_all(ids)

    async def _failures(self, queue: Queue, ids: Sequence[str]) -> list[tuple[str, str, str]]:
        """(job id, when it failed, which failure is buried) of each; empty texts where there is no such thing."""
        replies = await asyncio.gather(
            *(self._hub.commands.call("HMGET", queue.keys.job(job_id), "finishedOn", "buried") for job_id in ids),
            return_exceptions=True,
        )
        return [(job_id, *_marks(reply)) for job_id, reply in zip(ids, replies, strict=True)]

    async def _bury(self, queue: Queue, job_id: str, finished_on: str) -> bool:
        raw = await queue.raw(job_id, NOBODY)
        if raw is None:
            return False
        body = _letter(raw, queue.name)
        return await queue.scripts.bury(job_id, finished_on, Burial(dead_letter_id(queue.name, job_id), body))


def _marks(reply: object) -> tuple[str, str]:
    if not isinstance(reply, list):
        return "", ""  # its key is no job
    finished_on, buried_on = (value.decode() if isinstance(value, bytes) else "" for value in reply)
    return (finished_on if finished_on.isdigit() else ""), buried_on


def _letter(raw: RawJob, queue: str) -> str:
    reason = raw.fields.get(b"failedReason", b"").decode("utf-8", "replace")
    try:
        job = Job(raw, queue, notes=None)
    except MalformedJob as error:
        return encode_json(unreadable_letter(raw, queue, f"malformed: {error}"))
    # Its attempts are spent: the count in the hash includes the last one.
    job.attempt = max(job.attempt - 1, 1)
    history: list[JsonValue] = job.history or [{"attempt": job.attempt, "error": reason}]
    return encode_json(dead_letter(job, reason, "failed-elsewhere", history))
