"""Putting jobs of dead workers back to work."""

import asyncio
import random
from collections.abc import Callable

from oxyq.engine.connection import RedisReplyError
from oxyq.engine.events import EngineEvent, JobsRecovered, WorkerTrouble
from oxyq.engine.quarantine import bury_foreign
from oxyq.engine.scripts import QueueScripts
from oxyq.errors import QueueUnavailable


class StallCheck:
    """Looks every `interval_seconds` for jobs whose lock ran out; all workers of a queue share one look per interval.

    A job comes back within the lock time plus two intervals: one look marks what is active, the next finds the mark
    still there and the lock gone. While nothing is active, the next look may wait for a whole lock time: a job that
    starts right afterwards holds its lock that long anyway.

    A look also finds jobs that wait although nobody was told: a marker dies with a worker that popped it and was
    killed before it asked for the job. `on_work` is called with 0 for "now", or with the time a delayed job is due.
    """

    def __init__(
        self,
        scripts: QueueScripts,
        max_stalled: int,
        interval_seconds: float,
        lock_seconds: float,
        *,
        tell: Callable[[EngineEvent], None],
        on_work: Callable[[int], None],
    ) -> None:
        self._scripts = scripts
        self._max_stalled = max_stalled
        self._interval = interval_seconds
        self._idle_interval = max(interval_seconds, lock_seconds)
        self._tell = tell
        self._on_work = on_work

    async def run_for_ever(self) -> None:
        """Look now and then again and again."""
        while True:
            await self._scripts.connection.ready()
            pause = await self.look()
            # Spread, so that many workers do not ask in the same moment; shorter, never longer, for the bound above.
            await asyncio.sleep(pause * random.uniform(0.95, 1.0))  # noqa: S311 - spreads looks, no secret

    async def look(self) -> float:
        """One look; trouble is told and left to the next one. Returns the seconds until then."""
        # The key that makes others skip must have run out when our own next look comes.
        shared_ms = max(int(self._interval * 900), 1)
        try:
            found = await self._scripts.recover_stalled(self._max_stalled, shared_ms)
            await bury_foreign(self._scripts, found.foreign, self._tell)
        except RedisReplyError as error:
            self._tell(WorkerTrouble(self._scripts.keys.name, f"looking for stalled jobs: {error}"))
            return self._interval
        except QueueUnavailable:
            return self._interval
        if found.recovered:
            self._tell(JobsRecovered(self._scripts.keys.name, found.recovered))
        if found.some_are_ready or found.next_at_ms:
            self._on_work(0 if found.some_are_ready else found.next_at_ms)
        return self._interval if found.active else self._idle_interval
