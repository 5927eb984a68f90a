"""Spans of OpenTelemetry's SDK, as stories ask about them."""

from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@dataclass(frozen=True, slots=True)
class Kept:
    """The spans that ended, in memory."""

    exporter: InMemorySpanExporter

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of one name, in the order in which they ended."""
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def the(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        [span] = self.named(name)
        return span

    @property
    def all_they_say(self) -> str:
        """Everything of all of them."""
        return "".join(span.to_json() for span in self.exporter.get_finished_spans())


def trace_of(span: ReadableSpan) -> int:
    """The trace it belongs to."""
    return span.context.trace_id


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether one is a step of the other."""
    return (
        span.parent is not None and span.parent.span_id == parent.context.span_id and trace_of(span) == trace_of(parent)
    )
