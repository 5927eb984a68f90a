"""Spans of what is done for whom, as OpenTelemetry has them; loaded only when traces are on (trace_export.py).

They hold ids, names and counts: no text that somebody wrote, no words of an error, no whole phone number.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry import propagate
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from oxyq.engine.job import Job
from oxyq.engine.json_text import sendable
from oxyq.engine.scripts import NewJob
from oxyq.engine.tracing import CARRIED, Run
from oxyq.outcomes import Discard, Done, Failed, JsonValue, Later, Outcome
from oxyq.telemetry.logs import masked
from oxyq.telemetry.trace_headers import TRACE_HEADERS

#: W3C asks that 512 characters of `tracestate` be carried on; a header that is longer than twice that is left out.
_LONGEST_HEADER: Final = 1024
#: The propagators' headers, without baggage: that is anybody's text, and we would keep it and hand it on.
_TRACE_FIELDS: Final = propagate.get_global_textmap().fields - {"baggage"}
_LONGEST_SHOWN: Final = 200
#: Methods as they stand in a span's name; any other word is a stranger's.
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))

Attributes = Mapping[str, AttributeValue]


class FollowedRun:
    """One attempt at a job."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def ended(self, result: "JsonValue | Outcome") -> None:
        """Note how it ended; why is for the log."""
        outcome = type(result).__name__.lower() if isinstance(result, Done | Later | Failed | Discard) else "done"
        self._span.set_attribute("oxyq.outcome", outcome)
        if isinstance(result, Failed | Discard):
            self._span.set_status(StatusCode.ERROR)


class FollowedRequest:
    """One HTTP request."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method

    def answered(self, status: int, route: str | None) -> None:
        """Note its answer, and the route that made it, such as `/v1/jobs/{queue}/{id}`."""
        self._span.set_attribute("http.response.status_code", status)
        if route is not None:
            self._span.set_attribute("http.route", route)
            self._span.update_name(f"{self._method} {route}")
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


class FollowedAnswer:
    """One question to language models."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def counted(self, model: str, tokens_in: int, tokens_out: int, reason: str) -> None:
        """Note who answered, what it took, and in a word why nobody did."""
        told = {"gen_ai.response.model": model, "oxyq.reason": reason}
        self._span.set_attributes({name: value for name, value in told.items() if value})
        self._span.set_attributes({"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out})


class Traces:
    """Makes spans by one tracer: the engine's `Tracing`, and what the rest of a process does."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    # --- the engine's -----------------------------------------------------------------------------------------

    @contextmanager
    def adding(self, queue: str, job: NewJob) -> Iterator[str]:
        """Around adding one job; gives what it is to carry."""
        name, attributes = _adding(queue, job)
        with self._span(name, SpanKind.PRODUCER, attributes) as span:
            yield _carried_by(set_span_in_context(span))

    @contextmanager
    def adding_together(self, queue: str) -> Iterator[str]:
        """Around adding many; all carry what this gives, as with Node's `addBulk`."""
        with self._span(f"addBulk {queue}", SpanKind.PRODUCER, _queue(queue, "addBulk", "send")) as span:
            yield _carried_by(set_span_in_context(span))

    def adding_apart(self, queue: str, job: NewJob) -> str:
        """One of many that begins a trace of its own, linked to the one that adds it; gives what it is to carry."""
        links = _link_to(get_current_span())
        name, attributes = _adding(queue, job)
        with self._span(name, SpanKind.PRODUCER, attributes, Context(), links) as span:
            return _carried_by(set_span_in_context(span))

    @contextmanager
    def running(self, job: Job) -> Iterator[Run]:
        """Around one attempt, as part of the trace that the job carries."""
        organization = job.data.get("organizationId") if isinstance(job.data, dict) else None
        attributes: dict[str, AttributeValue] = {
            **_queue(job.queue, "process", "process"),
            **_job(job.id, job.name),
            "bullmq.job.attempts.made": job.attempt,
        }
        if isinstance(organization, str):
            attributes["oxyq.organization.id"] = _shown(organization)
        with self._span(f"process {job.queue}", SpanKind.CONSUMER, attributes, _context_of(job)) as span:
            job.trace = _ids(span)
            yield FollowedRun(span)

    # --- the rest ---------------------------------------------------------------------------------------------

    @contextmanager
    def serving(self, method: str, headers: Mapping[str, str]) -> Iterator[FollowedRequest]:
        """Around one HTTP request, as part of its caller's trace if it names one."""
        known = method if method in _METHODS else "_OTHER"
        shown = known if known in _METHODS else "HTTP"
        with self._span(shown, SpanKind.SERVER, {"http.request.method": known}, _context(headers)) as span:
            yield FollowedRequest(span, shown)

    @contextmanager
    def sending(self, gateway: str, kind: str, instance_id: str) -> Iterator[None]:
        """Around handing one message to a gateway."""
        attributes = {
            "messaging.system": "whatsapp",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "oxyq.gateway": gateway,
            "oxyq.message.kind": kind,
            "oxyq.instance.id": _shown(instance_id),
        }
        with self._span("send whatsapp", SpanKind.CLIENT, attributes):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            token = TRACE_HEADERS.set(headers)
            try:
                yield
            finally:
                TRACE_HEADERS.reset(token)

    @contextmanager
    def asking_model(self, provider: str, model: str) -> Iterator[FollowedAnswer]:
        """Around asking language models, the first choice and its fallback."""
        attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": _shown(model),
        }  # fmt: skip
        with self._span("ai answer", SpanKind.CLIENT, attributes) as span:
            yield FollowedAnswer(span)

    # --- one span ---------------------------------------------------------------------------------------------

    @contextmanager
    def _span(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        parent: Context | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """A span that is the current one; its ids go into the lines of the log. Of an error it has only the class."""
        parent = get_current() if parent is None else parent
        span = self._tracer.start_span(name, parent, kind, attributes, links)
        token = attach(set_span_in_context(span, parent))
        bound = structlog.contextvars.bind_contextvars(**_ids(span))
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            detach(token)
            span.end()


def _queue(queue: str, name: str, kind: str) -> dict[str, AttributeValue]:
    """As bullmq-otel calls these, and as OpenTelemetry's conventions for messaging do."""
    return {
        "bullmq.queue.name": queue,
        "bullmq.queue.operation": name,
        "messaging.system": "bullmq",
        "messaging.destination.name": queue,
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
    }


def _job(job_id: str, name: str) -> dict[str, AttributeValue]:
    shown = _shown(job_id)  # others make ids of phone numbers
    return {"bullmq.job.id": shown, "bullmq.job.name": _shown(name), "messaging.message.id": shown}


def _adding(queue: str, job: NewJob) -> tuple[str, Attributes]:
    return f"add {queue}.{_shown(job.name)}", {**_queue(queue, "add", "send"), **_job(job.id, job.name)}


def _ids(span: Span) -> dict[str, str]:
    of = span.get_span_context()
    return {"trace_id": format_trace_id(of.trace_id), "span_id": format_span_id(of.span_id)}


def _link_to(span: Span) -> list[Link]:
    of = span.get_span_context()
    return [Link(of)] if of.is_valid else []


def _carried_by(context: Context) -> str:
    headers: dict[str, str] = {}
    propagate.inject(headers, context)
    return json.dumps(headers, separators=(",", ":"))


def _context_of(job: Job) -> Context:
    """The trace that a job carries; of what cannot be read, none."""
    carried = job.options.get(CARRIED)
    if not isinstance(carried, str):
        return Context()
    try:
        headers = json.loads(carried)
    except (ValueError, RecursionError):
        return Context()
    return _context(headers) if isinstance(headers, dict) else Context()


def _context(headers: Mapping[str, JsonValue] | Mapping[str, str]) -> Context:
    """The trace that headers name."""
    given = {name: headers.get(name) for name in _TRACE_FIELDS}
    short = {name: text for name, text in given.items() if isinstance(text, str) and len(text) <= _LONGEST_HEADER}
    return propagate.extract(short, Context())


def _shown(text: str) -> str:
    """An id or a name as it may stand in a span; what is no text would cost the whole batch that it is sent with."""
    return masked(sendable(text[:_LONGEST_SHOWN]))
