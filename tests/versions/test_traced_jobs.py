"""Jobs that carry a trace, and workers of the release before, which know nothing of it."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from oxyq.app import App
from oxyq.engine import Hub
from oxyq.producer import Producer
from oxyq.queues import POLICIES
from oxyq.telemetry.traces import Traces
from tests.journeys.conftest import WhatsApp
from tests.versions.conftest import Releases
from tests.versions.test_two_releases import message, reminder


@pytest.mark.timeout(120)
async def test_the_release_before_works_them_as_any_other(
    app: App, releases: Releases, whatsapp: WhatsApp, redis_url: str, prefix: str
) -> None:
    releases.start("previous", "workers", "start")

    hub = Hub(redis_url, prefix=prefix, tracing=Traces(TracerProvider(shutdown_on_exit=False).get_tracer("tests")))
    producer = Producer(hub, POLICIES)
    await producer.add_message_job(message("5511999990010", "traced")[1])
    await producer.add_automation_job(reminder("5511999990020", "traced")[1])
    await hub.close()

    assert {sent.to for sent in await whatsapp.until(2)} == {"5511999990010", "5511999990020"}
    assert await app.dead_letters.count() == 0
