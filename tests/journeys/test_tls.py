"""The journey over a Redis that speaks TLS and wants a password full of special characters, as hosted ones do."""

from collections.abc import Iterator

import pytest

from oxyq.app import open_app
from oxyq.errors import QueueUnavailable
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp
from tests.journeys.hosted import bridge_intake, look_at_the_board, write_as
from tests.redis_server import RedisServer


@pytest.fixture
def environment(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same installation, on a server with TLS that lets in whom it knows by a certificate."""
    folder = tmp_path_factory.mktemp("tls-redis")
    with RedisServer(folder, password="p@ss/w:rd#1?%", tls=True, client_auth=True) as server:
        yield {
            **environment,
            "REDIS_URL": server.url,
            "OXYQ_REDIS_CA_FILE": str(server.ca_file),
            "OXYQ_REDIS_CLIENT_CERT": str(server.client_cert),
            "OXYQ_REDIS_CLIENT_KEY": str(server.client_key),
        }


async def test_a_message_is_answered_over_tls(
    environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """With the authority's file the server is verified, with our own it knows us, and everything works."""
    # Given workers that reach Redis by TLS only
    start_oxyq("workers", "start")
    async with open_app(load_settings(environment)) as app, bridge_intake(environment) as bridge:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))

        # When somebody writes, and somebody else through the bridge
        await write_as(app, "5511999999999")
        await bridge.take("5511999999998")

        # Then both are answered, and the board is shown
        for number in ("5511999999999", "5511999999998"):
            await whatsapp.until_told(number)
        await look_at_the_board(app)


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
