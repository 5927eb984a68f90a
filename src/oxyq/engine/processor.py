"""The heart: take jobs of one queue, run them, write how they ended and take the next in the same breath."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from oxyq.engine.alarm import Alarm
from oxyq.engine.attempt import Attempt, Ending, Handler, Rules, Stopped, awaitable, bury, decide
from oxyq.engine.deadlines import Deadlines
from oxyq.engine.events import (
    EngineEvent,
    JobCompleted,
    JobFailed,
    JobHandedBack,
    JobLost,
    JobPostponed,
    JobQuarantined,
    WorkerTrouble,
)
from oxyq.engine.exchange import MOST_PER_CALL, Answer, Exchange, refusal
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.keys import CANARY_ID
from oxyq.engine.locks import HeldLocks
from oxyq.engine.markers import Markers
from oxyq.engine.quarantine import bury_foreign, malformed, write_foreign
from oxyq.engine.schedulers import Schedulers
from oxyq.engine.scripts import FetchRules, QueueScripts
from oxyq.engine.settlement import (
    LOST,
    CanaryThrough,
    Completed,
    Delayed,
    FailedForGood,
    HandedBack,
    RawJob,
    Retried,
    Settlement,
)
from oxyq.engine.tracing import Tracing, followed
from oxyq.errors import QueueUnavailable

#: What BullMQ's stall check writes into a job that lost its worker too often.
STALLED_TOO_OFTEN = "job stalled more than allowable limit"
#: Pauses after Redis refused or broke: from the first, doubling, to the last.
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 1.0


@dataclass(slots=True)
class _InHand:
    """A job whose lock we hold: running while `attempt` is set, otherwise about to be written as ended."""

    token: str
    started: float
    attempt: Attempt | None = None
    event: EngineEvent | None = None


class Processor:
    """Runs up to `concurrency` jobs of one queue at once.

    In: `Exchange.trade` hands over raw jobs → `_begin` → the handler. Out: `_attempt_ended` → `decide` → the next
    `trade` writes it → `_written` tells it. A job is in hand, and its lock is renewed, from the first to the last step.
    """

    def __init__(
        self,
        scripts: QueueScripts,
        handler: Handler,
        *,
        concurrency: int,
        timeout_seconds: float | None,
        lock_ms: int,
        fetch_rules: FetchRules,
        rules: Rules,
        tell: Callable[[EngineEvent], None],
        give_up: Callable[[BaseException], None],
        tracing: Tracing | None = None,
    ) -> None:
        self.queue = scripts.keys.name
        self.locks = HeldLocks(scripts, lock_ms, self._lock_lost)
        self.idle = asyncio.Event()
        self._scripts = scripts
        self._handler = awaitable(handler)
        if tracing is not None:
            self._handler = followed(self._handler, tracing)
        self._concurrency = concurrency
        # Half at most, so that Redis settles one half while the handlers of the other run here.
        self._most_per_call = max(min(concurrency // 2, MOST_PER_CALL), 1)
        self._timeout = math.inf if timeout_seconds is None else timeout_seconds
        self._deadlines = Deadlines(timeout_seconds)
        self._exchange = Exchange(scripts, fetch_rules)
        self._schedulers = Schedulers(scripts)
        self._rules = rules
        self._tell = tell
        self._give_up = give_up
        self._in_hand: dict[str, _InHand] = {}
        self._endings: list[Settlement] = []
        self._fetching = self._saying = 0
        self._resting: list[asyncio.Future[None]] = []
        self._called = False
        self._alarm: Alarm | None = None
        self._stopping = False
        self._pause = 0.0
        self._advances: set[asyncio.Task[None]] = set()
        self._some_ended = False
        #: Counts the exchanges with Redis, whatever came of them.
        self.rounds = 0

    def listen(self, markers: Markers) -> None:
        """Take work from now on."""
        self._alarm = Alarm(markers, self._scripts.keys.marker, self._call_one)

    def heard_of_work(self, due_ms: int) -> None:
        """There is a job that perhaps nobody told us of: ready now (0), or due at a time."""
        if self._alarm is not None and not self._stopping:
            self._alarm.heard_of_work(due_ms)

    def refuse_work(self) -> None:
        """Take no more jobs; those in hand go on."""
        self._stopping = True
        if self._alarm is not None:
            self._alarm.close()

    def stop_handlers(self) -> None:
        """Cancel what still runs; each such job goes back to its queue."""
        for held in list(self._in_hand.values()):
            if held.attempt is not None:
                held.attempt.stop()

    def is_idle(self) -> bool:
        """Whether no job is in hand or on its way to us."""
        return not self._in_hand and not self._fetching

    # --- signs of life ----------------------------------------------------------------------------------------

    def gave_a_sign(self) -> bool:
        """Whether a job ended since this was last asked, or all slots are busy with jobs that have time left."""
        ended, self._some_ended = self._some_ended, False
        if ended:
            return True
        latest = time.monotonic() - self._timeout
        running = sum(held.attempt is not None and held.started > latest for held in self._in_hand.values())
        return running >= self._concurrency

    @property
    def owes(self) -> bool:
        """Whether there is something to say to Redis, or to ask it, and nothing to wait for but its answer."""
        if self._scripts.connection.owes:
            return False
        if self._endings or self._saying or self._fetching:
            return True
        alarm = self._alarm
        may_ask = alarm is not None and not self._stopping and alarm.limit_is_open() and alarm.worth_a_look()
        return may_ask and self._free_slots() > 0

    # --- the conversation with Redis --------------------------------------------------------------------------

    @property
    def conversations(self) -> int:
        """How many `converse` should run side by side, so that every job can be on its way at once."""
        return max(math.ceil(self._concurrency / self._most_per_call), 2)

    async def converse(self) -> None:
        """Say what ended and ask for more, for ever."""
        connection = self._scripts.connection
        while True:
            if not connection.is_ready:
                await connection.ready()
            endings, wanted = self._take()
            if not endings and not wanted:
                await self._rest()
                continue
            reasons = self._alarm.reasons if self._alarm is not None else 0
            try:
                answer = await self._exchange.trade(endings, wanted)
            finally:
                self.rounds += 1
                self._fetching -= wanted
                self._saying -= len(endings)
            self._heard(answer, wanted, reasons)
            if answer.trouble is not None or answer.foreign:
                await self._recover_from(answer)
            else:
                self._pause = 0.0

    async def _rest(self) -> None:
        """Return when `_call_one` calls."""
        called = asyncio.get_running_loop().create_future()
        self._resting.append(called)
        try:
            await called
        finally:
            self._called = False
            if called in self._resting:
                self._resting.remove(called)

    def _call_one(self) -> None:
        """There is something to say: let one resting conversation say it. Those that are under way look by themselves.

        One is enough: if it leaves something over, it calls the next.
        """
        while self._resting and not self._called:
            resting = self._resting.pop()
            if not resting.done():  # one that is being stopped is, and hears nothing any more
                self._called = True
                resting.set_result(None)

    def _take(self) -> tuple[list[Settlement], int]:
        """What to say, and how many jobs to ask for."""
        most = self._most_per_call
        endings, self._endings = self._endings[:most], self._endings[most:]
        self._saying += len(endings)
        wanted = 0
        if not self._stopping and self._alarm is not None and self._alarm.limit_is_open():
            free = self._free_slots()
            # One more per ending costs nothing; beyond that only with a reason.
            wanted = max(min(free if self._alarm.worth_a_look() else min(free, len(endings)), most), 0)
        self._fetching += wanted
        if self._endings:
            # In a later turn of the loop: said in one breath, Redis would answer both together, and then it would have
            # nothing to do while all handlers run here, and we nothing while it works.
            asyncio.get_running_loop().call_soon(self._call_one)
        return endings, wanted

    def _free_slots(self) -> int:
        # A job frees its slot when its ending is on its way; one that cannot be written keeps it.
        return self._concurrency - (len(self._in_hand) - self._saying) - self._fetching

    def _heard(self, answer: Answer, wanted: int, reasons_before: int) -> None:
        # What ended first: a job that is retried at once may be among those just taken.
        for ending in answer.settled:
            self._written(ending)
        for ending, code in answer.refused:
            self._refused(ending, code)
        now = time.monotonic()
        for raw in answer.jobs:
            self._begin(raw, now)
        for ending, error in answer.unsayable:
            self._unsayable(ending, error)
        self._endings.extend(answer.unsaid)
        if wanted and answer.trouble is None and self._alarm is not None:
            taken = len(answer.jobs)
            if taken and answer.jobs[0].id == CANARY_ID:
                taken -= 1  # it comes first, and takes no place
            if taken >= wanted or answer.inconclusive:
                self._alarm.ring()
            else:
                self._alarm.nothing_found(reasons_before, answer.next_at_ms, answer.limited_ms)
        if self._endings:
            self._call_one()
        if self.is_idle():
            self.idle.set()

    async def _recover_from(self, answer: Answer) -> None:
        if answer.foreign:
            await self._bury_foreign(answer.foreign)
        if answer.wrong_type and await write_foreign(self._scripts, self._tell):
            return  # that was the trouble
        if answer.trouble is None:
            return
        if self._pause < LAST_PAUSE_SECONDS:  # told while it grows, not once a second for the rest of an outage
            self._tell(WorkerTrouble(self.queue, answer.trouble))
        self._pause = min(max(self._pause * 2, FIRST_PAUSE_SECONDS), LAST_PAUSE_SECONDS)
        await asyncio.sleep(self._pause)

    async def _bury_foreign(self, found: list[tuple[str, str]]) -> None:
        try:
            await bury_foreign(self._scripts, found, self._tell)
        except QueueUnavailable as error:
            self._tell(WorkerTrouble(self.queue, f"quarantine: {error}"))

    # --- the life of a job in hand ----------------------------------------------------------------------------

    def _begin(self, raw: RawJob, now: float) -> None:
        held = self._in_hand[raw.id] = _InHand(raw.token, now)
        self.locks.tokens[raw.id] = raw.token
        if self._stopping and raw.id != CANARY_ID:
            self._end(held, HandedBack(raw.id, raw.token), JobHandedBack(self.queue, raw.id))
            return
        try:
            job = Job(raw, self.queue, self._scripts)
        except MalformedJob as error:
            self._end(
                held, malformed(raw, self.queue, error, self._rules), JobQuarantined(self.queue, raw.id, str(error))
            )
            return
        if raw.id == CANARY_ID:
            held.attempt = Attempt(job, _sing, self._canary_ended)
            return
        if job.scheduler_id is not None:
            self._advance(job)
        if job.deferred_failure is not None:
            settlement = _deferred(job, job.deferred_failure, self._rules)
            self._end(held, settlement, JobFailed(job, settlement.reason, None))
            return
        held.attempt = attempt = Attempt(job, self._handler, self._attempt_ended)
        self._deadlines.watch(attempt)

    def _attempt_ended(self, attempt: Attempt, ending: Ending) -> None:
        job = attempt.job
        self._deadlines.forget(attempt)
        held = self._in_hand.get(job.id)
        if held is None or held.attempt is not attempt:
            return  # lost meanwhile: it belongs to somebody else
        held.attempt = None
        if isinstance(ending, Stopped):
            self._end(held, HandedBack(job.id, job.token), JobHandedBack(self.queue, job.id, job))
            return
        settlement, warning = decide(job, ending, self._rules)
        self._end(held, settlement, _event(job, settlement, time.monotonic() - held.started, warning))
        if isinstance(ending, BaseException) and _ran_out_of_memory(ending):
            self._tell(WorkerTrouble(self.queue, f"{job.id!a} ran out of memory; the worker gives up, to begin anew"))
            self._give_up(ending)

    def _canary_ended(self, attempt: Attempt, ending: Ending) -> None:
        held = self._in_hand.get(CANARY_ID)
        if held is not None and held.attempt is attempt:
            held.attempt = None
            self._end(held, CanaryThrough(CANARY_ID, held.token, self._scripts.keys.through), None)

    def _end(self, held: _InHand, settlement: Settlement, event: EngineEvent | None) -> None:
        held.event = event
        self._endings.append(settlement)
        if self._resting:
            self._call_one()

    def _written(self, ending: Settlement) -> None:
        held = self._release(ending)
        if held is not None and held.event is not None:
            self._some_ended = True
            self._tell(held.event)

    def _refused(self, ending: Settlement, code: int) -> None:
        held = self._in_hand.get(ending.job_id)
        if code not in LOST and isinstance(ending, Completed) and held is not None:
            # Its children are not done, or failed: BullMQ fails such a job, and so do we.
            reason = refusal(code)
            failed = FailedForGood(ending.job_id, ending.token, reason, (), self._rules.keep_failed, ending.attempts)
            self._end(held, failed, WorkerTrouble(self.queue, f"{ending.job_id} could not be completed: {reason}"))
            return
        self._release(ending)
        self._tell(JobLost(self.queue, ending.job_id, refusal(code)))

    def _unsayable(self, ending: Settlement, error: BaseException) -> None:
        """An ending that cannot be packed must not be forgotten, nor said for ever: fail the job in plain words."""
        held = self._in_hand.get(ending.job_id)
        reason = f"its ending could not be written ({type(error).__name__})"
        self._tell(WorkerTrouble(self.queue, f"{ending.job_id!a}: {reason}"))
        if held is None or (isinstance(ending, FailedForGood) and ending.burial is None):
            self._release(ending)
            return
        failed = FailedForGood(ending.job_id, ending.token, reason, (), self._rules.keep_failed, 1)
        self._end(held, failed, JobQuarantined(self.queue, ending.job_id, reason))

    def _release(self, ending: Settlement) -> _InHand | None:
        held = self._in_hand.get(ending.job_id)
        if held is None or held.token != ending.token or held.attempt is not None:
            return None  # it is in hand again, with another token
        del self._in_hand[ending.job_id]
        self.locks.tokens.pop(ending.job_id, None)
        return held

    def _lock_lost(self, job_id: str) -> None:
        """Somebody else may run the job now: stop ours before it does more."""
        held = self._in_hand.get(job_id)
        if held is None or held.attempt is None:
            return  # it has ended; its settlement will be refused
        del self._in_hand[job_id]
        self.locks.tokens.pop(job_id, None)
        held.attempt.stop()
        why = "its lock could not be renewed; the handler was stopped"
        self._tell(JobLost(self.queue, job_id, why, held.attempt.job))
        self._call_one()

    def _advance(self, job: Job) -> None:
        """Queue the next job of a scheduler; if that fails the job itself still runs."""

        async def advance(upsert: Awaitable[None]) -> None:
            try:
                await upsert
            except Exception as error:
                self._tell(WorkerTrouble(self.queue, f"scheduler {job.scheduler_id} did not advance: {error}"))

        task = asyncio.get_running_loop().create_task(advance(self._schedulers.advance(job)))
        self._advances.add(task)
        task.add_done_callback(self._advances.discard)


async def _sing(job: Job) -> None:
    """What a canary does."""


def _ran_out_of_memory(error: BaseException) -> bool:
    """Whether it is a MemoryError, or one is among those it holds."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(MemoryError) is not None
    return isinstance(error, MemoryError)


def _deferred(job: Job, reason: str, rules: Rules) -> FailedForGood:
    """The failure that BullMQ left for whoever takes the job next: too many stalls, or a child that failed."""
    if reason != STALLED_TOO_OFTEN:
        return bury(job, reason, "rejected", rules)
    reason = f"crashed: {reason} ({job.stalled_count} times its worker died or froze)"
    return bury(job, reason, "crashed", rules)


def _event(job: Job, settlement: Settlement, seconds: float, warning: str | None) -> EngineEvent | None:
    match settlement:
        case Completed():
            return JobCompleted(job, seconds, warning)
        case Delayed(counts=False, delay_ms=delay_ms):
            return JobPostponed(job, delay_ms, seconds)
        case Delayed(delay_ms=delay_ms, fields=fields):
            return JobFailed(job, fields[1] if fields else "", delay_ms, seconds)
        case Retried(fields=fields):
            return JobFailed(job, fields[1], 0, seconds)
        case FailedForGood(reason=reason):
            return JobFailed(job, reason, None, seconds)
        case HandedBack():
            return JobHandedBack(job.queue, job.id)
        case CanaryThrough():
            return None
