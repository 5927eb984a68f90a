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
    still there and the lock gone.
    """

    def __init__(
        self, scripts: QueueScripts, max_stalled: int, interval_seconds: float, tell: Callable[[EngineEvent], None]
    ) -> None:
        self._scripts = scripts
        self._max_stalled = max_stalled
        self._interval = interval_seconds
        self._tell = tell

    async def run_for_ever(self) -> None:
        """Look now and then again and again."""
        while True:
            await self._scripts.connection.ready()
            await self.look()
            # Spread, so that many workers do not ask in the same moment; shorter, never longer, for the bound above.
            await asyncio.sleep(self._interval * random.uniform(0.95, 1.0))  # noqa: S311

    async def look(self) -> None:
        """One look; trouble is told and left to the next one."""
        # The key that makes others skip must have run out when our own next look comes.
        shared_ms = max(int(self._interval * 900), 1)
        try:
            recovered, foreign = await self._scripts.recover_stalled(self._max_stalled, shared_ms)
            await bury_foreign(self._scripts, foreign, self._tell)
        except RedisReplyError as error:
            self._tell(WorkerTrouble(self._scripts.keys.name, f"looking for stalled jobs: {error}"))
        except QueueUnavailable:
            return
        else:
            if recovered:
                self._tell(JobsRecovered(self._scripts.keys.name, tuple(recovered)))
