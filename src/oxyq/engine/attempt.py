"""One attempt at one job: run the handler, then decide how it ended."""

import asyncio
import inspect
import json
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from oxyq.clock import now_ms
from oxyq.engine.backoff import BackoffRules
from oxyq.engine.job import Job
from oxyq.engine.json_text import as_int, encode_json, sendable
from oxyq.engine.settlement import Burial, Completed, Delayed, FailedForGood, Keep, Retried, Settlement
from oxyq.errors import PermanentError, TemporaryError
from oxyq.outcomes import Discard, Done, Failed, JsonValue, Later, Outcome

AsyncHandler: TypeAlias = "Callable[[Job], Awaitable[JsonValue | Outcome]]"
BlockingHandler: TypeAlias = "Callable[[Job], JsonValue | Outcome]"
Handler: TypeAlias = "AsyncHandler | BlockingHandler"

#: `Outcome` as a tuple: `isinstance` is faster with one, and get_args would hide it from the type checker.
OUTCOMES = (Done, Later, Failed, Discard)

#: Traces kept per job and characters of each; BullMQ keeps all of any length.
KEEP_TRACES, LONGEST_TRACE = 5, 4_000
LONGEST_REASON = 1_000
#: Attempts told in a dead letter.
KEEP_HISTORY = 20


class AttemptTimedOut(Exception):
    """The handler did not finish within the time its queue allows."""


class AttemptCancelled(Exception):
    """The handler ended with CancelledError that nobody of us sent (a leaked cancellation)."""


class Stopped(Exception):
    """We cancelled the handler on purpose: the worker stops, or the job's lock is lost."""


Ending: TypeAlias = Outcome | BaseException


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker decides for jobs that do not say it themselves."""

    keep_completed: Keep
    keep_failed: Keep
    backoff: BackoffRules
    dead_letter_queue: str | None


def awaitable(handler: Handler) -> AsyncHandler:
    """The handler itself when it is awaited; a plain function runs in a thread, so that it cannot stop the loop."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
        return cast("AsyncHandler", handler)
    blocking = cast("BlockingHandler", handler)

    def in_a_thread(job: Job) -> "Awaitable[JsonValue | Outcome]":
        return asyncio.to_thread(blocking, job)

    return in_a_thread


def decide(job: Job, ending: Ending, rules: Rules) -> tuple[Settlement, str | None]:
    """Turn how an attempt ended into what is written; also returns a warning worth telling, or None."""
    match ending:
        case Done(value):
            return _completed(job, value, rules)
        case Later(at_ms, _):
            return Delayed(job.id, job.token, max(at_ms - now_ms(), 0), counts=False), None
        case Discard(reason):
            return bury(job, reason, "discarded", rules), None
        case Failed(reason):
            return _failed(job, TemporaryError(reason), rules), None
        case _:
            return _failed(job, ending, rules), None


def bury(job: Job, reason: str, kind: str, rules: Rules, error: BaseException | None = None) -> FailedForGood:
    """The last failure of a job, with its dead letter; `kind` tells rejected, exhausted and crashed apart."""
    reason = sendable(reason[:LONGEST_REASON])
    fields, history = _failure_fields(job, reason, error)
    burial = None
    if rules.dead_letter_queue is not None:
        letter = dead_letter(job, reason, kind, history)
        burial = Burial(dead_letter_id(job.queue, job.id), _letter_json(letter))
    keep = job.stored.keep_failed or rules.keep_failed
    return FailedForGood(job.id, job.token, reason, fields, keep, job.attempts, burial)


def _letter_json(letter: dict[str, JsonValue]) -> str:
    try:
        return encode_json(letter)
    except ValueError:
        # A number such as 1e400: Python reads it as infinite, and JSON has no such thing. Keep it as text.
        raw = {name: json.dumps(letter[name]) for name in ("data", "opts")}
        return encode_json({**letter, "data": None, "opts": {}, "raw": raw})


def dead_letter_id(queue: str, job_id: str) -> str:
    """The id of the dead letter of a job: one letter a job, whoever buries it."""
    return f"dlq-{queue}-{job_id}"


def dead_letter(job: Job, reason: str, kind: str, history: list[JsonValue]) -> dict[str, JsonValue]:
    """What a dead letter tells: the job as it was, and how it came here."""
    organization = job.data.get("organizationId") if isinstance(job.data, dict) else None
    return {
        "originalQueue": job.queue,
        "originalJobId": job.id,
        "originalJobName": job.name,
        "organizationId": organization if isinstance(organization, str) else None,
        "data": job.data,
        "opts": job.options,
        "failedReason": reason,
        "kind": kind,
        "attemptsMade": job.attempt,
        "attempts": list(history),
        "replays": list(job.replays),
        "addedAt": job.timestamp_ms,
        "failedAt": now_ms(),
    }


def _completed(job: Job, value: JsonValue, rules: Rules) -> tuple[Settlement, str | None]:
    """The work is done, so the job is: a result that is no JSON is dropped, never a reason to do the work again."""
    warning = None
    try:
        value_json = encode_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        value_json, warning = "null", f"the handler's result is not JSON and was dropped: {error}"
    keep = job.stored.keep_completed or rules.keep_completed
    return Completed(job.id, job.token, value_json, keep, job.stored.attempts), warning


def _failed(job: Job, error: BaseException, rules: Rules) -> Settlement:
    reason = sendable(_message(error))
    if isinstance(error, PermanentError):
        return bury(job, reason, "rejected", rules, error)
    if job.is_last_attempt:
        return bury(job, reason, "exhausted", rules, error)
    delay_ms = _pause_ms(job, error, rules.backoff)
    if delay_ms < 0:
        return bury(job, reason, "rejected", rules, error)
    fields, _ = _failure_fields(job, reason, error)
    if delay_ms:
        return Delayed(job.id, job.token, delay_ms, counts=True, fields=fields)
    return Retried(job.id, job.token, fields, lifo=job.options.get("lifo") is True)


def _message(error: BaseException) -> str:
    """What an error says; also when saying it fails."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def _pause_ms(job: Job, error: BaseException, backoff: BackoffRules) -> int:
    try:
        delay_ms = backoff.delay_ms(job, error)
    except Exception:  # a strategy of the user's that fails must not cost the job
        delay_ms = 2000
    wished = error.retry_after_seconds if isinstance(error, TemporaryError) else None
    return delay_ms if delay_ms < 0 or wished is None else max(delay_ms, int(wished * 1000))


def _failure_fields(job: Job, reason: str, error: BaseException | None) -> tuple[tuple[str, ...], list[JsonValue]]:
    """The job fields a failure updates (flat, as HMSET takes them), and the attempts so far."""
    trace = _trace(error, reason)
    limit = as_int(job.options.get("stackTraceLimit"))
    kept = min(KEEP_TRACES if limit is None else max(limit, 0), KEEP_TRACES)
    traces = [*job.stack_traces, trace][-kept:] if kept else []
    entry: JsonValue = {"attempt": job.attempt, "at": now_ms(), "error": reason[:LONGEST_REASON]}
    history = [*job.history, entry][-KEEP_HISTORY:]
    return (
        "failedReason", reason[:LONGEST_REASON],
        "stacktrace", encode_json(traces),
        "history", encode_json(history),
    ), history  # fmt: skip


def _trace(error: BaseException | None, reason: str) -> str:
    if error is None or error.__traceback__ is None:
        return reason[:LONGEST_TRACE]
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-20, chain=False)
    return sendable("".join(lines)[-LONGEST_TRACE:])


class Attempt:
    """A handler at work: its task starts at once, and `on_end` is told once how it ended; nothing it raises escapes.

    Stopped or out of time it ends at once and its slot is free; a handler that ignores its cancellation goes on
    without us (asyncio cannot kill it), and what it still returns is thrown away.
    """

    __slots__ = ("_ended", "_on_end", "_task", "job")

    def __init__(self, job: Job, handler: AsyncHandler, on_end: Callable[["Attempt", Ending], None]) -> None:
        self.job = job
        self._on_end = on_end
        self._ended = False
        self._task = asyncio.get_running_loop().create_task(self._run(handler), name=job.id)

    def stop(self) -> None:
        """Cancel the handler; its ending is Stopped."""
        self._cancel(Stopped("stopped"))

    def time_out(self, after_seconds: float) -> None:
        """Cancel the handler; its ending is AttemptTimedOut."""
        self._cancel(AttemptTimedOut(f"Timeout: not finished within {after_seconds:g} s"))

    def _cancel(self, ending: Ending) -> None:
        self._end(ending)
        self._task.cancel()

    async def _run(self, handler: AsyncHandler) -> None:
        ending: Ending
        try:
            result = await handler(self.job)
        except asyncio.CancelledError:
            ending = AttemptCancelled("the handler was cancelled from inside (a CancelledError escaped from it)")
        except BaseException as error:  # SystemExit and friends end this job, never the worker
            if isinstance(error, GeneratorExit) and not self._is_running():
                raise  # nobody raised it: Python closes a coroutine that nobody will ever go on with
            ending = error
        else:
            ending = result if isinstance(result, OUTCOMES) else Done(result)
        # Told by the task itself: a callback on it would cost another turn of the loop, and a microsecond.
        self._end(ending)

    def _is_running(self) -> bool:
        try:
            return asyncio.current_task() is self._task
        except RuntimeError:
            return False  # not even the loop is

    def _end(self, ending: Ending) -> None:
        if not self._ended:
            self._ended = True
            self._on_end(self, ending)
