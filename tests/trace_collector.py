"""A collector of traces for tests: takes OTLP over HTTP as any other, and tells which spans came."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it came; ids in hex, `parent` is "" for the first of a trace, `links` are trace ids."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, object]
    links: tuple[str, ...]
    failed: bool
    #: Everything of it that could hold a text.
    raw: str


@dataclass(slots=True)
class Collector:
    """What came; while `open` is not set it answers nobody."""

    url: str
    spans: list[Span] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process tells this collector, and soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def add(self, spans: list[Span]) -> None:
        """Keep them, and wake who waits."""
        with self._changed:
            self.spans += spans
            self._changed.notify_all()

    def until(self, enough: Callable[[list[Span]], bool], seconds: float = 30.0) -> list[Span]:
        """All spans, once there are enough; blocks, so call it in a thread beside a loop."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not enough(self.spans):
                left = deadline - time.monotonic()
                assert left > 0, f"only these came: {[(span.service, span.name) for span in self.spans]}"
                self._changed.wait(left)
            return list(self.spans)

    def has(self, *names: str) -> Callable[[list[Span]], bool]:
        """Whether spans of all these names are among them."""
        return lambda spans: set(names) <= {span.name for span in spans}


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector on a free port of this machine while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b"".join(self._pieces())
            found.asked.set()
            found.open.wait()
            found.add(_spans(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _pieces(self) -> Iterator[bytes]:
            if length := self.headers["content-length"]:
                yield self.rfile.read(int(length))
                return
            while size := int(self.rfile.readline(), 16):  # as Node sends it
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, *_: object) -> None:
            """Nothing: what counts is what came."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    found.open.set()
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield found
    finally:
        found.open.set()
        server.shutdown()
        server.server_close()
        serving.join()


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            service=str(_values(resource.resource.attributes)["service.name"]),
            name=span.name,
            kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            attributes=_values(span.attributes),
            links=tuple(link.trace_id.hex() for link in span.links),
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
            raw=str(span),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(pairs: "list[KeyValue]") -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}
