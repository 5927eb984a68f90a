"""A worker process tells its metrics, if it is to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from oxyq.settings import Settings
from oxyq.telemetry.events import ProcessNews, Telemetry
from oxyq.telemetry.metrics.exposition import exposition
from oxyq.telemetry.metrics.listener import metrics_listener
from oxyq.telemetry.metrics.readers import Readers


@asynccontextmanager
async def worker_metrics(settings: Settings, telemetry: Telemetry) -> AsyncIterator[None]:
    """Measure while the block runs, and tell it on OXYQ_METRICS_PORT; ConfigurationError when that is taken."""
    metrics, port = telemetry.metrics, settings.metrics_port
    async with metrics.running():
        if not port:
            yield
            return
        readers = Readers(settings.metrics_token, is_production=settings.is_production)
        with metrics_listener(settings.metrics_host, port, readers, lambda: exposition(metrics.measured("workers"))):
            telemetry.emit(ProcessNews(f"metrics on http://{settings.metrics_host}:{port}/metrics"))
            yield
