"""The way of spans to a collector: OTLP over HTTP, off unless OpenTelemetry's own variables name one (extra `otel`).

The OTEL_* variables are OpenTelemetry's, read here and by its SDK, not settings of ours. Spans wait in a bounded queue
and are sent by a thread: a collector that is slow or away costs spans, and never a job.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from oxyq.errors import ConfigurationError

if TYPE_CHECKING:  # loaded only when traces are on
    from opentelemetry.sdk.trace import TracerProvider

    from oxyq.telemetry.traces import Traces

#: How long the end of a process waits for the last spans: hosts kill it some seconds after the grace.
LAST_SPANS_SECONDS: Final = 3.0
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


@contextmanager
def exported_traces(service: str, environ: Mapping[str, str] | None = None) -> Iterator["Traces | None"]:
    """Traces while the block runs, under this name unless OTEL_SERVICE_NAME is set; None when nobody asks for them.

    Raises ConfigurationError without the extra `otel`, and for a variable that cannot be meant.
    """
    environ = os.environ if environ is None else environ
    if not _are_wanted(environ):
        yield None
        return
    _check(environ)
    try:
        from oxyq.telemetry.traces import Traces

        provider = _provider(service)
    except ImportError:
        raise ConfigurationError(
            f"{_wanted_by(environ)}: asks for traces, and OpenTelemetry's SDK is not installed; "
            "run: pip install 'oxyq[otel]', or remove the variable"
        ) from None
    except ValueError as error:  # of the SDK, about another of its variables
        raise ConfigurationError(f"OTEL_*: {error}") from None
    try:
        yield Traces(provider.get_tracer("oxyq"))
    finally:
        _end(provider)


def _are_wanted(environ: Mapping[str, str]) -> bool:
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    return bool(exporter) or any(environ.get(name, "").strip() for name in _ENDPOINTS)


def _wanted_by(environ: Mapping[str, str]) -> str:
    return next((name for name in (*_ENDPOINTS, "OTEL_TRACES_EXPORTER") if environ.get(name, "").strip()), "OTEL_*")


def _check(environ: Mapping[str, str]) -> None:
    """What OpenTelemetry would only complain about later, span by span."""
    if (exporter := environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()) not in ("", "otlp"):
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER: must be otlp or none, not {exporter[:60]!a}")
    for name in _PROTOCOLS:
        if protocol := environ.get(name, "").strip():
            if protocol == "http/protobuf":
                break
            raise ConfigurationError(
                f"{name}: must be http/protobuf (port 4318 of most collectors), not {protocol[:60]!a}"
            )
    for name in _ENDPOINTS:
        if given := environ.get(name, "").strip():
            if not _is_http(given):
                raise ConfigurationError(f"{name}: must be an address such as http://localhost:4318")
            break


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _provider(service: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # Ours alone, and not the global one: libraries that look for that record addresses and texts.
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect()),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _end(provider: "TracerProvider") -> None:
    """Send the last spans, for a while: the SDK itself would try for half a minute."""
    ending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
    ending.start()
    ending.join(LAST_SPANS_SECONDS)
