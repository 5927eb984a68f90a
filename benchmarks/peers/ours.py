"""Oxyq: its engine, on uvloop as `oxyq workers` runs it."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any

import uvloop

from benchmarks.peers.conversation import AT_ONCE, QUEUE, converse, message, note
from oxyq.engine import Entry, Hub, Job, JobOptions, Keep, Queue, Rate, Turns, Worker
from oxyq.outcomes import JsonValue
from oxyq.producer import job_options
from oxyq.queues import POLICIES

POLICY = POLICIES[QUEUE]
OPTIONS = {"plain": JobOptions(attempts=3), "policy": job_options(POLICY)}


async def handler(job: Job) -> JsonValue:
    """Notes the job."""
    note(job.data)  # type: ignore[arg-type]  # always what `message` made
    return 1


class Ours:
    """A queue and its workers over one hub; the jobs are for so many organizations, and may have `turns`."""

    def __init__(self, redis_url: str, organizations: int = 1, turns: Turns | None = None) -> None:
        self._organizations, self._turns = organizations, turns
        self._hub = Hub(redis_url)
        self._queue = Queue(QUEUE, hub=self._hub)
        self._workers: list[Worker] = []

    async def add(self, way: str, first: int, count: int, rules: str) -> None:
        """See Peer."""
        numbers, options = range(first, first + count), OPTIONS[rules]
        if way == "bulk":
            await self._queue.add_many(Entry("message", self._message(number), options=options) for number in numbers)
        elif way == "concurrent":
            for start in range(0, count, AT_ONCE):
                await self._add_at_once(numbers[start : start + AT_ONCE], options)
        else:
            for number in numbers:
                await self._add(number, options)

    async def work(self, concurrency: int, rules: str, rate: list[int] | None, queues: list[str]) -> None:
        """See Peer."""
        self._workers = [self._worker(queue, concurrency, rules, rate) for queue in queues]
        for worker in self._workers:
            await worker.start()

    async def pause(self) -> None:
        """Let the workers take nothing."""
        await self._queue.pause()

    async def resume(self) -> None:
        """Let them go on."""
        await self._queue.resume()

    async def close(self) -> None:
        """See Peer."""
        await asyncio.gather(*(worker.stop(0) for worker in self._workers))
        await self._queue.close()
        await self._hub.close()

    def _worker(self, queue: str, concurrency: int, rules: str, rate: list[int] | None) -> Worker:
        plain = rules == "plain"
        return Worker(
            queue,
            handler,
            hub=self._hub,
            concurrency=concurrency,
            rate=Rate(rate[0], rate[1] / 1000) if rate else None,
            keep_completed=Keep() if plain else Keep(POLICY.keep_completed_count, POLICY.keep_completed_seconds),
            keep_failed=Keep() if plain else Keep(POLICY.keep_failed_count, POLICY.keep_failed_seconds),
            timeout_seconds=None if plain else POLICY.timeout_seconds,
            turns=self._turns,
        )

    def _message(self, number: int) -> dict[str, Any]:
        return message(number) | {"organizationId": f"org_{number % self._organizations}"}

    async def _add_at_once(self, numbers: Iterable[int], options: JobOptions) -> None:
        await asyncio.gather(*(self._add(number, options) for number in numbers))

    async def _add(self, number: int, options: JobOptions) -> str:
        return await self._queue.add(
            "message", self._message(number), priority=options.priority, attempts=options.attempts,
            backoff=options.backoff, keep_completed=options.keep_completed, keep_failed=options.keep_failed,
        )  # fmt: skip


async def _main() -> None:
    await converse(Ours(sys.argv[1]))


if __name__ == "__main__":
    uvloop.run(_main())
