"""One log line per event, as text for people or JSON for machines: ids, never a message's text, numbers masked."""

import contextlib
import logging
import re
import sys
import traceback
from typing import Final, Literal, TextIO, assert_never

import structlog

from oxyq.engine import events as engine
from oxyq.telemetry import events as ours
from oxyq.telemetry.events import Event
from oxyq.telemetry.places import place

#: What a library says is cut here: an answer of a server may stand in it.
_LONGEST_WORDS: Final = 300

_LONG_DIGITS = re.compile(r"(?<![0-9a-fA-F_-])\+?(\d{2})\d{4,}(\d{4})(?![0-9a-fA-F_-])")

#: Bound once: to bind it for each event costs 4 µs, also where the line is not wanted. None: not set up yet.
_logger: structlog.typing.FilteringBoundLogger | None = None


def set_up_logs(level: str, style: Literal["auto", "json", "text"], stream: TextIO | None = None) -> None:
    """Configure where log lines go (standard error by default) and how they look; `auto` is text on a terminal."""
    stream = stream or sys.stderr
    # It tells every call at INFO, with addresses that hold ids.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    as_json = style == "json" or (style == "auto" and not stream.isatty())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,  # trace_id and span_id, while traces are on
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _in_plain_text,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    global _logger
    _logger = structlog.get_logger().bind()
    root = logging.getLogger()
    for before in [handler for handler in root.handlers if isinstance(handler, _LibraryLines)]:
        root.removeHandler(before)
    root.addHandler(_LibraryLines(logging.WARNING))


class _LibraryLines(logging.Handler):
    """What libraries log (uvicorn, the exporter of traces), as lines of ours; of an error its class and its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        with contextlib.suppress(Exception):  # a log that cannot be written is no reason to fail
            more: dict[str, str] = {}
            if record.exc_info and record.exc_info[0] is not None:
                more["error"] = record.exc_info[0].__qualname__
                if frames := traceback.extract_tb(record.exc_info[2]):
                    more["where"] = place(frames[-1])
            words = masked(record.getMessage()[:_LONGEST_WORDS].strip())
            structlog.get_logger().log(record.levelno, "log", name=record.name, words=words, **more)


def _in_plain_text(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Ids and reasons hold what strangers wrote: none begins a line of its own, or tells a terminal what to do."""
    return {name: _plain(value) for name, value in event.items()}


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in value)


def masked(text: str) -> str:
    """The text with phone numbers reduced to their first two and last four digits."""
    return _LONG_DIGITS.sub(r"\1…\2", text)


def log_event(event: Event) -> None:
    """Write one line for an event."""
    log = _logger or structlog.get_logger()
    if (trace := getattr(getattr(event, "job", None), "trace", None)) is not None:
        log = log.bind(**trace)  # told when the attempt is over, and its span with it
    match event:
        case engine.JobCompleted(job, seconds, warning):
            if warning:
                log.warning("job.result_dropped", queue=job.queue, job=job.id, why=masked(warning))
            log.debug("job.completed", queue=job.queue, job=job.id, ms=round(seconds * 1000))
        case engine.JobFailed(job, reason, None):
            log.error("job.dead", queue=job.queue, job=job.id, attempt=job.attempt, reason=masked(reason))
        case engine.JobFailed(job, reason, retry_in_ms):
            log.warning(
                "job.failed",
                queue=job.queue,
                job=job.id,
                attempt=job.attempt,
                reason=masked(reason),
                retry_ms=retry_in_ms,
            )
        case engine.JobPostponed(job, delay_ms):
            log.info("job.postponed", queue=job.queue, job=job.id, ms=delay_ms)
        case engine.JobQuarantined(queue, job_id, reason):
            log.error("job.quarantined", queue=queue, job=job_id, reason=masked(reason))
        case engine.JobLost(queue, job_id, reason):
            log.error("job.lost", queue=queue, job=job_id, reason=reason)
        case engine.JobHandedBack(queue, job_id):
            log.info("job.handed_back", queue=queue, job=job_id)
        case engine.JobsRecovered(queue, job_ids):
            log.warning("jobs.recovered", queue=queue, jobs=list(job_ids[:20]), count=len(job_ids))
        case engine.WorkerTrouble(queue, text):
            log.warning("worker.trouble", queue=queue, why=text)
        case ours.JobHandled(queue, job_id, organization_id, outcome, detail):
            log.info(
                "job.handled",
                queue=queue,
                job=job_id,
                organization=organization_id,
                outcome=outcome,
                detail=masked(detail),
            )
        case ours.CampaignPlanned(organization_id, campaign_id, planned, skipped):
            log.info(
                "campaign.planned", organization=organization_id, campaign=campaign_id, planned=planned, skipped=skipped
            )
        case ours.CampaignEnded(organization_id, campaign_id, counts):
            log.info("campaign.ended", organization=organization_id, campaign=campaign_id, **counts)
        case ours.SendEnded(kind, outcome):
            log.debug("send.ended", kind=kind, outcome=outcome)
        case ours.LimitMet(kind, why, wait_ms):
            log.debug("limit.met", kind=kind, why=why, ms=wait_ms)
        case ours.ModelAsked(provider, outcome, seconds, tokens_in, tokens_out):
            log.info(
                "model.asked",
                provider=provider,
                outcome=outcome,
                ms=round(seconds * 1000),
                tokens_in=tokens_in,
                tokens_out=tokens_out,
            )
        case ours.WebhookTaken(gateway, instance_id, counts, left_out):
            log.info("webhook.taken", gateway=gateway, instance=instance_id, left_out=list(left_out), **counts)
        case ours.ConnectionChanged(organization_id, instance_id, state, detail):
            tell = log.info if state in ("open", "connecting") else log.error
            tell("number.state", organization=organization_id, instance=instance_id, state=state, detail=masked(detail))
        case ours.ChoreDone(chore, what):
            log.info("chore.done", chore=chore, what=what)
        case ours.ChoreFailed(chore, error):
            log.warning("chore.failed", chore=chore, error=error)
        case ours.ProcessNews(text):
            log.info("process", news=text)
        case ours.StrayError(kind, where):
            log.error("process.stray_error", kind=kind, where=where)
        case ours.LoopLagged(seconds, where):
            log.warning("loop.lagged", seconds=round(seconds, 1), where=where)
        case ours.ProcessStuck(seconds, what):
            log.error("process.stuck", seconds=seconds, what=what)
        case _:
            assert_never(event)
