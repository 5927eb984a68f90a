"""The way to a collector: spans arrive, and one that is slow or away costs nothing but spans."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.telemetry import trace_export
from oxyq.telemetry.trace_export import exported_traces
from tests.trace_collector import Collector, collector

TEXT = "the exam is on Monday"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, and the variables that name it."""
    with collector() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def test_spans_arrive_under_the_name_of_the_process(heard: Collector) -> None:
    with pytest.raises(ValueError), exported_traces("oxyq-workers") as traces:
        assert traces is not None
        with traces.sending("simulator", "message", "wa_1"):
            raise ValueError(TEXT)

    [span] = heard.spans
    assert (span.service, span.name, span.kind, span.failed) == ("oxyq-workers", "send whatsapp", "client", True)
    assert span.attributes["error.type"] == "ValueError"
    assert TEXT not in span.raw


def test_an_id_that_is_no_text_costs_no_other_span(heard: Collector) -> None:
    """Job ids and names are whatever somebody put into Redis."""
    with exported_traces("oxyq-workers") as traces:
        assert traces is not None
        for job_id in ("good", "half an emoji \ud83d", "no text \udcff", "x" * 100_000):
            job = Job(
                RawJob(job_id, "t", {b"name": b"\xff", b"data": b'{"organizationId":"\\ud83d"}'}), "message", None
            )
            with traces.running(job):
                pass

    assert [str(span.attributes["bullmq.job.id"])[:4] for span in heard.spans] == ["good", "half", "no t", "xxxx"]
    assert all(len(span.raw) < 3_000 for span in heard.spans)


def test_opentelemetry_s_own_variables_are_heeded(heard: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-workers")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")

    with exported_traces("oxyq-workers") as traces:
        assert traces is not None
        with traces.serving("GET", {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}):
            pass
        with traces.serving("POST", {}):
            pass  # nobody's trace, and not sampled

    assert [(span.service, span.name) for span in heard.spans] == [("shop-workers", "GET")]


def test_one_that_does_not_answer_holds_up_neither_work_nor_the_end(
    heard: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself the SDK would hold a process that ends for half a minute."""
    monkeypatch.setattr(trace_export, "LAST_SPANS_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    heard.open.clear()

    began = time.monotonic()
    with exported_traces("oxyq-workers") as traces:
        assert traces is not None
        for _ in range(3_000):  # more than wait to be sent at most
            with traces.sending("simulator", "message", "wa_1"):
                pass
        assert heard.asked.wait(10)

    assert time.monotonic() - began < 15


def test_one_that_is_away_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_export, "LAST_SPANS_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")

    began = time.monotonic()
    with exported_traces("oxyq-api") as traces:
        assert traces is not None
        with traces.serving("GET", {}):
            pass

    assert time.monotonic() - began < 10


def test_nothing_of_it_is_loaded_while_traces_are_off() -> None:
    """What redis-py and FastAPI load of OpenTelemetry's own is theirs."""
    program = (
        "import sys, oxyq.process\n"
        "from oxyq.telemetry.trace_export import exported_traces\n"
        "with exported_traces('oxyq-api', {}) as traces: assert traces is None\n"
        "print([name for name in ('oxyq.telemetry.traces', 'opentelemetry.sdk.trace',"
        " 'opentelemetry.exporter.otlp.proto.http.trace_exporter') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
