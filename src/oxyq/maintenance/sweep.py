"""Burying what others failed: a Node worker leaves a job in failed and writes no dead letter."""

import asyncio
from collections.abc import Sequence

from oxyq.engine.attempt import dead_letter, dead_letter_id
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job, MalformedJob, encode_json
from oxyq.engine.quarantine import unreadable_letter
from oxyq.engine.queue import Queue
from oxyq.engine.scripts import NOBODY
from oxyq.engine.settlement import Burial, RawJob
from oxyq.outcomes import JsonValue

PAGE = 200


class Sweep:
    """Looks through the failed jobs of some queues, newest first, until it meets only buried ones."""

    def __init__(self, hub: Hub, queues: Sequence[str]) -> None:
        self._hub = hub
        self._queues = [Queue(name, hub=hub) for name in queues]

    async def run_once(self) -> str | None:
        """Bury what is not; says how many."""
        buried = sum([await self._sweep(queue) for queue in self._queues])
        return f"{buried} jobs that others failed went to the dead letters" if buried else None

    async def _sweep(self, queue: Queue) -> int:
        buried, start = 0, 0
        while ids := await queue.ids("failed", start, start + PAGE - 1, newest_first=True):
            marks = await asyncio.gather(
                *(self._hub.commands.call("HMGET", queue.keys.job(job_id), "finishedOn", "buried") for job_id in ids)
            )
            missing = [
                (job_id, mark[0])
                for job_id, mark in zip(ids, marks, strict=True)
                if isinstance(mark, list) and isinstance(mark[0], bytes) and mark[0] != mark[1]
            ]
            for job_id, finished_on in missing:
                buried += await self._bury(queue, job_id, finished_on.decode())
            if not missing:
                return buried
            start += len(ids)
        return buried

    async def _bury(self, queue: Queue, job_id: str, finished_on: str) -> bool:
        raw = await queue.raw(job_id, NOBODY)
        if raw is None:
            return False
        body = _letter(raw, queue.name)
        return await queue.scripts.bury(job_id, finished_on, Burial(dead_letter_id(queue.name, job_id), body))


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
