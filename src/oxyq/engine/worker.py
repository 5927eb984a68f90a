"""The worker: its options, and its life from start to stop."""

import asyncio
import base64
import math
import os
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from oxyq.engine.attempt import Handler, Rules
from oxyq.engine.backoff import BackoffRules, BackoffStrategy
from oxyq.engine.connection import Connection
from oxyq.engine.duty import Duty
from oxyq.engine.events import EngineEvent, Listener, WorkerTrouble
from oxyq.engine.hub import DEFAULT_URL, Hub
from oxyq.engine.keys import QueueKeys
from oxyq.engine.processor import Processor
from oxyq.engine.recovery import StallCheck
from oxyq.engine.scripts import FetchRules, QueueScripts
from oxyq.engine.settlement import Keep
from oxyq.engine.turns import Turns
from oxyq.errors import ConfigurationError

#: Crashes of our own code within one minute after which the worker gives up, so that its process can restart.
CRASHES_A_MINUTE = 5
PAUSE_AFTER_CRASH_SECONDS = 1.0
#: Seconds that writing the last endings may take once the grace period is over.
LAST_WORDS_SECONDS = 5.0
KEEP_COMPLETED = Keep(count=100, age_seconds=24 * 3600)
KEEP_FAILED = Keep(count=500, age_seconds=7 * 24 * 3600)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `max_jobs` start in any window of `per_seconds`, counted by BullMQ's limiter for all workers together."""

    max_jobs: int
    per_seconds: float

    def __post_init__(self) -> None:
        if self.max_jobs < 1 or self.per_seconds <= 0:
            raise ConfigurationError(f"rate {self.max_jobs}/{self.per_seconds} must be at least 1 job in more than 0 s")


class Worker:
    """Runs the jobs of one queue with `handler`, up to `concurrency` at once.

    `handler(job)` returns JSON or an outcome (`oxyq.outcomes`); what it raises is a failed attempt. A plain function
    runs in a thread. `rate`, locks and everything written are BullMQ's, so Node workers can share the queue.
    `turns`: jobs are taken in fair turns of those whom they are for; the same for all our workers of a queue.
    `on_event` hears what happens (`oxyq.engine.events`). Workers that share a `hub` share its two connections.
    """

    def __init__(
        self,
        name: str,
        handler: Handler,
        *,
        redis_url: str = DEFAULT_URL,
        hub: Hub | None = None,
        concurrency: int = 1,
        rate: Rate | None = None,
        turns: Turns | None = None,
        prefix: str = "bull",
        lock_seconds: float = 30.0,
        stalled_interval_seconds: float = 10.0,
        max_stalled: int = 3,
        timeout_seconds: float | None = None,
        keep_completed: Keep = KEEP_COMPLETED,
        keep_failed: Keep = KEEP_FAILED,
        backoff_strategies: Mapping[str, BackoffStrategy] | None = None,
        default_jitter: float = 0.2,
        dead_letter_queue: str | None = "dead-letter",
        worker_name: str | None = None,
        on_event: Listener | None = None,
    ) -> None:
        _at_least("concurrency", concurrency, 1)
        _at_least("lock_seconds", lock_seconds, 0.1)
        _at_least("stalled_interval_seconds", stalled_interval_seconds, 0.1)
        _at_least("max_stalled", max_stalled, 0)
        self.name = name
        self.worker_name = worker_name or f"{socket.gethostname()}-{os.getpid()}"
        self._listener = on_event
        self._owns_hub = hub is None
        self._hub = hub or Hub(redis_url, prefix=prefix)
        keys = QueueKeys(name, self._hub.prefix)
        grave = QueueKeys(dead_letter_queue, self._hub.prefix) if dead_letter_queue else None
        scripts = QueueScripts(keys, self._hub.commands, grave)
        lock_ms = math.ceil(lock_seconds * 1000)
        self._processor = Processor(
            scripts,
            handler,
            concurrency=concurrency,
            timeout_seconds=timeout_seconds,
            lock_ms=lock_ms,
            fetch_rules=_fetch_rules(lock_ms, self.worker_name, rate, turns),
            rules=Rules(
                keep_completed, keep_failed, BackoffRules(backoff_strategies or {}, default_jitter), dead_letter_queue
            ),
            tell=self._tell,
            give_up=self._give_up,
            tracing=self._hub.tracing,
        )
        self._stall_check = StallCheck(
            scripts,
            max_stalled,
            stalled_interval_seconds,
            lock_seconds,
            tell=self._tell,
            on_work=self._processor.heard_of_work,
        )
        self._presence = Connection(self._hub.address, name=client_name(keys, self.worker_name))
        self._tasks: list[asyncio.Task[None]] = []
        self._crashes: deque[float] = deque(maxlen=CRASHES_A_MINUTE)
        self._ended: asyncio.Future[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin to work in the background; Redis may be away, the worker waits for it."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._processor.listen(self._hub.markers)
        self._hub.commands.start()
        self._presence.start()
        self._hub.locks.join(self._processor.locks)
        duties = [self._processor.converse] * self._processor.conversations + [self._stall_check.run_for_ever]
        self._tasks = [loop.create_task(self._for_ever(duty), name=f"{self.name} worker") for duty in duties]

    async def stop(self, grace_seconds: float = 25.0) -> None:
        """Take no new jobs, let running ones finish for `grace_seconds`, hand back what outlives it.

        Handed-back jobs are cancelled and go to the front of their queue without using up an attempt.
        Calling it again is harmless, and waits for the first call to be done.
        """
        if self._ended is None:
            return
        if self._stopping:
            await asyncio.wait([self._ended])  # and raise nothing: `wait` tells why it gave up
            return
        self._stopping = True
        self._processor.refuse_work()
        await self._until_idle(grace_seconds)
        self._processor.stop_handlers()
        await self._until_idle(LAST_WORDS_SECONDS)
        for task in self._tasks:
            task.cancel()
        await self._hub.locks.leave(self._processor.locks)
        await self._presence.close()
        if self._owns_hub:
            await self._hub.close()
        if not self._ended.done():
            self._ended.set_result(None)

    async def wait(self) -> None:
        """Return when the worker has stopped; raises what made it give up."""
        if self._ended is not None:
            await asyncio.shield(self._ended)

    @property
    def jobs_in_hand(self) -> int:
        """How many jobs are running or not yet written as ended."""
        return len(self._processor.locks.tokens)

    def gave_a_sign(self) -> bool:
        """Whether it gave a sign of life since this was last asked: a job ended, or all slots are busy in time."""
        return self._processor.gave_a_sign()

    def duty(self) -> Duty:
        """Its conversation with Redis, which must go on while there is something to say."""
        return Duty(f"the conversation about {self.name}", self._processor.owes, self._processor.rounds)

    async def _until_idle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._processor.is_idle():
            self._processor.idle.clear()
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                    await self._processor.idle.wait()
            except TimeoutError:
                return

    async def _for_ever(self, duty: Callable[[], Awaitable[None]]) -> None:
        """Run one duty; a bug in it is told and it starts again, until it crashes too often."""
        while True:
            try:
                await duty()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                task = asyncio.current_task()
                if isinstance(error, GeneratorExit) or task is None or task.cancelling():
                    raise  # by us
                self._tell(WorkerTrouble(self.name, f"{type(error).__name__} in the worker itself: {error}"))
                self._crashes.append(time.monotonic())
                if len(self._crashes) == CRASHES_A_MINUTE and self._crashes[-1] - self._crashes[0] < 60:
                    self._give_up(error)
                    return
                await asyncio.sleep(PAUSE_AFTER_CRASH_SECONDS)

    def _give_up(self, error: BaseException) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # told or not: whoever waits hears it, and if nobody does, it is no log line

    def _tell(self, event: EngineEvent) -> None:
        if self._listener is not None:
            try:  # noqa: SIM105 - contextlib.suppress costs more than most listeners, and every job comes by here
                self._listener(event)
            except BaseException:  # noqa: S110 - a listener that fails, however, must not stop the work
                pass


def client_name(keys: QueueKeys, worker_name: str) -> str:
    """The name of a connection by which Node BullMQ and Bull Board count a queue's workers."""
    encoded = base64.b64encode(keys.name.encode()).decode()
    safe = "".join(letter if "!" <= letter <= "~" else "-" for letter in worker_name)
    return f"{keys.prefix}:{encoded}:w:{safe}"


def _fetch_rules(lock_ms: int, worker_name: str, rate: Rate | None, turns: Turns | None) -> FetchRules:
    if rate is None:
        return FetchRules(lock_ms, worker_name, turns=turns)
    return FetchRules(lock_ms, worker_name, rate.max_jobs, math.ceil(rate.per_seconds * 1000), turns)


def _at_least(name: str, value: object, least: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:  # type: ignore[arg-type,operator]  # a number here
        raise ConfigurationError(f"{name} is {value!r}; it must be at least {least:g}")
