"""Adding jobs together: whatever is added in one turn of the event loop goes to Redis in few calls."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from oxyq.engine.connection import ConnectionLost
from oxyq.engine.scripts import NewJob, QueueScripts

#: Jobs per call of the script: well under a millisecond of Redis's time.
MOST_PER_CALL = 50


@dataclass(frozen=True, slots=True)
class Adding:
    """A job to be added; with a fingerprint its id is remembered for `remember_ms`, beyond the job itself."""

    job: NewJob
    fingerprint: str = ""
    remember_ms: int = 0


class Adder:
    """Adds the jobs of one queue; callers wait for their own job only.

    `ready` waits for Redis, or raises QueueUnavailable.
    """

    def __init__(self, scripts: QueueScripts, ready: Callable[[], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._ready = ready
        self._waiting: list[tuple[Adding, asyncio.Future[int | bytes]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def add(self, adding: Adding) -> int | bytes:
        """Add one job, together with all that are added in this moment; the answers are those of `add_batch.lua`."""
        await self._ready()
        return await self._enqueue(adding)

    async def add_all(self, addings: list[Adding]) -> list[int | bytes]:
        """Add many jobs in order; raises what became of the first that failed."""
        await self._ready()
        return list(await asyncio.gather(*map(self._enqueue, addings)))

    def _enqueue(self, adding: Adding) -> "asyncio.Future[int | bytes]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int | bytes] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._send_waiting)
        self._waiting.append((adding, answer))
        return answer

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_PER_CALL):
            task = asyncio.get_running_loop().create_task(self._send(waiting[start : start + MOST_PER_CALL]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, batch: "list[tuple[Adding, asyncio.Future[int | bytes]]]") -> None:
        addings = [adding for adding, _ in batch]
        try:
            answers = await self._safe_to_repeat(addings)
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), said in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(said)

    async def _safe_to_repeat(self, addings: list[Adding]) -> list[int | bytes]:
        """Add, and once more when the reply got lost: every job has an id, so a second add changes nothing."""
        try:
            return await self._scripts.add_batch([(a.job, a.fingerprint, a.remember_ms) for a in addings])
        except ConnectionLost:
            await self._ready()
            return await self._scripts.add_batch([(a.job, a.fingerprint, a.remember_ms) for a in addings])
