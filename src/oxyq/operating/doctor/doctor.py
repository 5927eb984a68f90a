"""Looks at an installation, and says what to change."""

import asyncio
import time
from collections.abc import Callable, Sequence

from oxyq.engine.hub import Hub
from oxyq.errors import QueueUnavailable
from oxyq.operating.doctor.finding import LEVELS, Finding, Level
from oxyq.operating.doctor.machine_rules import machine_findings
from oxyq.operating.doctor.redis_facts import ask_redis
from oxyq.operating.doctor.redis_rules import RULES
from oxyq.operating.liveness import Liveness, QueueLiveness
from oxyq.settings import Settings


def worst(findings: Sequence[Finding]) -> Level:
    """How bad it is altogether."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")


class Doctor:
    """Examines one installation; `clock` gives this machine's seconds since 1970. Nothing is changed by it."""

    def __init__(self, hub: Hub, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._settings = settings
        self._clock = clock

    async def examine(self) -> list[Finding]:
        """Every check. A Redis that is away is one finding."""
        try:
            facts = await ask_redis(self._hub, self._clock)
        except QueueUnavailable as error:
            found = [Finding("redis", "refuses", str(error), "start it, or correct REDIS_URL")]
        else:
            found = [Finding("redis", "ok", f"answers at {self._hub.address}"), *(rule.look(facts) for rule in RULES)]
        return found + await asyncio.to_thread(machine_findings, self._settings, self._hub.address)

    async def look_for_loss(self) -> list[Finding]:
        """What of Redis may cost jobs, and what of that nobody can know; raises QueueUnavailable."""
        facts = await ask_redis(self._hub, self._clock, commands=False)
        return [finding for rule in RULES if rule.loses_jobs and (finding := rule.look(facts)).level != "ok"]

    async def look_at_life(self, liveness: Liveness) -> list[Finding]:
        """Whether work gets through each queue."""
        try:
            queues = await liveness.look()
        except QueueUnavailable as error:
            return [Finding("work gets through", "refuses", str(error), "start Redis, or correct REDIS_URL")]
        return [_life(queue) for queue in queues.values()]


def _life(queue: QueueLiveness) -> Finding:
    check = f"work gets through {queue.queue}"
    if queue.alive:
        return Finding(check, "ok", queue.heard)
    fix = "see the workers' log, and start them anew" if queue.workers else f"oxyq workers start {queue.queue}"
    return Finding(check, "refuses", f"nothing comes through, and {queue.heard}", fix)
