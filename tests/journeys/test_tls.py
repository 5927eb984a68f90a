"""The journey over a Redis that speaks TLS and wants a password full of special characters, as hosted ones do."""

import time

import pytest

from oxyq.app import open_app
from oxyq.errors import QueueUnavailable
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.conftest import StartRedis
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp


@pytest.fixture
def environment(environment: dict[str, str], start_redis: StartRedis) -> dict[str, str]:
    """The same installation, on a server with TLS."""
    server = start_redis(password="p@ss/w:rd#1?%", tls=True)
    return {**environment, "REDIS_URL": server.url, "OXYQ_REDIS_CA_FILE": str(server.ca_file)}


async def test_a_message_is_answered_over_tls(
    environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """With the authority's file the certificate is verified, and everything works."""
    # Given workers that reach Redis by TLS only
    start_oxyq("workers", "start")
    async with open_app(load_settings(environment)) as app:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))

        # When somebody writes
        await app.producer.add_message_job(
            organization_id=ORGANIZATION, instance_id="wa_demo", sender="5511999999999", content="vocês abrem sábado?",
            message_id="tls-1", timestamp=int(time.time() * 1000),
        )  # fmt: skip

        # Then they are answered
        [answer] = await whatsapp.until(1)
        assert answer.to == "5511999999999"


async def test_an_unknown_certificate_is_refused_unless_told_otherwise(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Without the authority nothing is sent; OXYQ_REDIS_TLS_VERIFY=false connects all the same, and warns loudly."""
    unknown = {name: value for name, value in environment.items() if name != "OXYQ_REDIS_CA_FILE"}

    async with open_app(load_settings(unknown)) as app:
        with pytest.raises(QueueUnavailable, match="certificate"):
            await app.hub.commands.ready(2)

    async with open_app(load_settings({**unknown, "OXYQ_REDIS_TLS_VERIFY": "false"})) as app:
        await app.hub.commands.ready(5)
        assert await app.redis.ping()
    assert "OXYQ_REDIS_TLS_VERIFY=false: whoever sits between" in caplog.text
