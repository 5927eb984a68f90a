"""Adding jobs together: whatever is added in one turn of the event loop goes to Redis in few calls."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeAlias

from oxyq.engine.connection import ConnectionLost, RedisReplyError, Reply
from oxyq.engine.scripts import NewJob, QueueScripts, added

#: Jobs per call of the script: well under a millisecond of Redis's time.
MOST_PER_CALL = 50
#: Calls of one `add_all` under way at once: Redis works on some while the next are made, and memory stays bounded.
MOST_UNDER_WAY = 4

#: What `lua/add_batch.lua` says of one job.
Said: TypeAlias = int | bytes


@dataclass(slots=True)
class Adding:
    """A job to be added; with a fingerprint its id is remembered for `remember_ms`, beyond the job itself.

    `quota_key` is the hash of the quota that it is taken from if it is new, "" without one (`lua/add_batch.lua`).
    """

    job: NewJob
    fingerprint: str = ""
    remember_ms: int = 0
    quota_key: str = ""

    def arguments(self) -> tuple[NewJob, str, int, str]:
        """As `QueueScripts.add_batch` takes it."""
        return self.job, self.fingerprint, self.remember_ms, self.quota_key


class Adder:
    """Adds the jobs of one queue; callers wait for their own job only.

    `ready` waits for Redis, or raises QueueUnavailable.
    """

    def __init__(self, scripts: QueueScripts, ready: Callable[[], Awaitable[None]]) -> None:
        self._scripts = scripts
        self._ready = ready
        self._waiting: list[tuple[Adding, asyncio.Future[Said]]] = []
        self._repeating: set[asyncio.Task[None]] = set()

    async def add(self, adding: Adding) -> Said:
        """Add one job, together with all that are added in this moment; the answers are those of `add_batch.lua`."""
        if not self._scripts.connection.is_ready:
            await self._ready()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Said] = loop.create_future()
        self._waiting.append((adding, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._send_waiting)
        elif len(self._waiting) == MOST_PER_CALL:
            self._send_waiting()  # now, so that Redis works on these while the others are made
        return await answer

    async def add_all(self, addings: Iterable[Adding]) -> AsyncIterator[list[Said]]:
        """Add many jobs in order, reading them as fast as Redis takes them; gives their answers in the same order.

        Raises what became of the first call that failed.
        """
        await self._ready()
        under_way = deque[asyncio.Future[list[Said]]]()
        source = iter(addings)
        try:
            while batch := list(islice(source, MOST_PER_CALL)):
                under_way.append(self._call(batch))
                if len(under_way) == MOST_UNDER_WAY:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            # A wrong entry, or a caller that gave up: what was sent still is, and nobody else will look at it.
            for call in under_way:
                call.add_done_callback(_ignore)

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._call([adding for adding, _ in waiting]).add_done_callback(partial(_tell_each, waiting))

    def _call(self, batch: list[Adding]) -> "asyncio.Future[list[Said]]":
        """Send a batch now; it is added once, also when a reply gets lost."""
        loop = asyncio.get_running_loop()
        answers: asyncio.Future[list[Said]] = loop.create_future()

        def heard(reply: "asyncio.Future[Reply]") -> None:
            error = reply.exception()
            if answers.done():
                return  # whoever asked was cancelled
            if error is None:
                answers.set_result(added(reply.result()))
                return
            task = loop.create_task(self._repeat(batch, error, answers))
            self._repeating.add(task)
            task.add_done_callback(self._repeating.discard)

        try:
            reply = self._scripts.begin_add_batch([adding.arguments() for adding in batch])
        except Exception as error:  # something in one of them cannot be packed
            answers.set_exception(error)
        else:
            reply.add_done_callback(heard)
        return answers

    async def _repeat(self, batch: list[Adding], error: BaseException, answers: "asyncio.Future[list[Said]]") -> None:
        """Once more where that is harmless: Redis did not know the script, or the reply got lost.

        Every job has an id, so adding it a second time changes nothing as long as the id is known: while its job is
        kept, or for as long as it is remembered.
        """
        try:
            if isinstance(error, ConnectionLost):
                await self._ready()
            elif not isinstance(error, RedisReplyError) or error.code != "NOSCRIPT":
                raise error
            said = await self._scripts.add_batch([adding.arguments() for adding in batch])
        except Exception as final:
            if not answers.done():
                answers.set_exception(final)
        else:
            if not answers.done():
                answers.set_result(said)


def _tell_each(waiting: "list[tuple[Adding, asyncio.Future[Said]]]", answers: "asyncio.Future[list[Said]]") -> None:
    error = answers.exception()
    for number, (_, answer) in enumerate(waiting):
        if answer.done():
            continue  # its caller was cancelled
        if error is None:
            answer.set_result(answers.result()[number])
        else:
            answer.set_exception(error)


def _ignore(answers: "asyncio.Future[list[Said]]") -> None:
    if not answers.cancelled():
        answers.exception()
