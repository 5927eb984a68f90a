"""What the stories of traces start from: spans by OpenTelemetry's own SDK, and an engine that makes them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from oxyq.engine import Hub, Queue, Worker
from oxyq.engine.events import EngineEvent
from oxyq.telemetry.traces import Traces
from tests.integration.engine.journal import Journal
from tests.integration.telemetry.kept_spans import Kept

#: Starts a worker on the queue "work" with this handler.
Work = Callable[..., Awaitable[None]]


@pytest.fixture
def spans() -> Kept:
    """What was made so far."""
    return Kept(InMemorySpanExporter())


@pytest.fixture
def traces(spans: Kept) -> Traces:
    """What makes spans."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans.exporter))
    return Traces(provider.get_tracer("tests"))


@pytest.fixture
async def hub(redis_url: str, prefix: str, traces: Traces) -> AsyncIterator[Hub]:
    """The connections of a process that is traced."""
    hub = Hub(redis_url, prefix=prefix, tracing=traces)
    yield hub
    await hub.close()


@pytest.fixture
def queue(hub: Hub) -> Queue:
    """The queue "work"."""
    return Queue("work", hub=hub)


@pytest.fixture
def told() -> Journal[EngineEvent]:
    """What the worker told, in order."""
    return Journal()


@pytest.fixture
async def work(hub: Hub, told: Journal[EngineEvent]) -> AsyncIterator[Work]:
    """A function that starts a worker; it is stopped when the test ends."""
    workers: list[Worker] = []

    async def start(handler: Any, **options: Any) -> None:
        workers.append(Worker("work", handler, hub=hub, on_event=told.note, **options))
        await workers[-1].start()

    yield start
    for worker in workers:
        await worker.stop(grace_seconds=0)
