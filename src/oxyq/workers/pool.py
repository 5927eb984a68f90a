"""All workers of one process: one per queue, sharing two connections, started and stopped together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from oxyq.engine.duty import Duty
from oxyq.engine.events import EngineEvent
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job
from oxyq.engine.settlement import Keep
from oxyq.engine.turns import Turns
from oxyq.engine.worker import Rate, Worker
from oxyq.outcomes import Outcome
from oxyq.queues import DEAD_LETTER, QueuePolicy
from oxyq.settings import Settings


class WorkerPool:
    """Runs `run_job` for every queue in `policies`; `weights`: the turns that organizations have, as they are now."""

    def __init__(
        self,
        hub: Hub,
        policies: Iterable[QueuePolicy],
        settings: Settings,
        run_job: Callable[[Job], Awaitable[Outcome]],
        on_event: Callable[[EngineEvent], None],
        weights: Mapping[str, float],
    ) -> None:
        self._hub = hub
        self._workers = [_worker(hub, policy, settings, run_job, on_event, weights) for policy in policies]

    async def start(self) -> None:
        """Begin to work on every queue."""
        for worker in self._workers:
            await worker.start()

    async def stop(self, grace_seconds: float) -> None:
        """Stop them all at once; see `Worker.stop`."""
        await asyncio.gather(*(worker.stop(grace_seconds) for worker in self._workers))

    async def wait(self) -> None:
        """Return when all have stopped; raises as soon as one gave up."""
        await asyncio.gather(*(worker.wait() for worker in self._workers))

    @property
    def jobs_in_hand(self) -> int:
        """How many jobs are running now."""
        return sum(worker.jobs_in_hand for worker in self._workers)

    def duties(self) -> list[Duty]:
        """What this process must get on with."""
        return [*self._hub.duties(), *(worker.duty() for worker in self._workers)]

    def signs(self) -> dict[str, bool]:
        """Which queues gave a sign of life since this was last asked."""
        return {worker.name: worker.gave_a_sign() for worker in self._workers}


def _worker(
    hub: Hub,
    policy: QueuePolicy,
    settings: Settings,
    run_job: Callable[[Job], Awaitable[Outcome]],
    on_event: Callable[[EngineEvent], None],
    weights: Mapping[str, float],
) -> Worker:
    return Worker(
        policy.name,
        run_job,
        hub=hub,
        concurrency=policy.concurrency,
        rate=Rate(policy.rate_max, policy.rate_seconds),
        turns=Turns(by="organizationId", priority=policy.priority, weights=weights),
        lock_seconds=settings.lock_seconds,
        stalled_interval_seconds=settings.stalled_interval_seconds,
        max_stalled=settings.max_stalled,
        timeout_seconds=policy.timeout_seconds,
        keep_completed=Keep(policy.keep_completed_count, policy.keep_completed_seconds),
        keep_failed=Keep(policy.keep_failed_count, policy.keep_failed_seconds),
        default_jitter=policy.backoff_jitter,
        dead_letter_queue=DEAD_LETTER,
        on_event=on_event,
    )
