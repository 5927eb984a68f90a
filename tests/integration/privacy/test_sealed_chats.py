"""An organization's texts of chats lie sealed in Redis, and are gone with its key."""

import pytest
import redis

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.errors import NotAllowed
from oxyq.text_keys import UNREADABLE, TextKeys
from tests.integration.engine.journal import eventually
from tests.integration.privacy import dump, world
from tests.integration.privacy.world import ANA, OTHER
from tests.redis_server import RedisServer

SECRET = "meu cachorro tem medo de secador"


@pytest.fixture
async def sealed(app: App) -> App:
    """Two people have written; the second of the first. One line was there before the key was."""
    await world.organizations(app)
    workers = app.workers()
    await workers.start()
    await _says(app, OTHER, "bom dia, sem segredo", 1)
    assert await app.text_keys.make("org_1")
    await _says(app, ANA, SECRET, 1)
    await _says(app, OTHER, f"a Ana ({ANA}) disse: {SECRET}", 2)
    await workers.stop(5)
    return app


async def _says(app: App, number: str, text: str, count: int) -> None:
    """A person writes, and is answered; `count` is how many lines of theirs there are then."""
    await app.producer.add_message_job(
        organization_id="org_1", instance_id="wa_1", sender=f"{number}@c.us", content=text,
        message_id=f"{number}{count}", timestamp=now_ms(),
    )  # fmt: skip
    await eventually(lambda: _answered(app, number), count)


async def _answered(app: App, number: str) -> int:
    return len([line for line in await _lines(app, number) if line[0] == "them"])


async def _lines(app: App, number: str) -> list[tuple[str, str]]:
    place = await app.take_over.place("org_1", "wa_1", number)
    return [(line.author, line.text) for line in await app.conversations.history(place)]


def _in_chats(server: RedisServer, text: str) -> list[str]:
    """Keys of chats in which a text stands, in whatever form."""
    found = dump.everything(server.url)
    return [
        name
        for name, stored in found
        if ":conversation" in name and any(text.encode() in form for form in dump.forms(stored))
    ]


async def test_texts_lie_sealed_and_are_read_as_ever(sealed: App, own_redis: RedisServer) -> None:
    assert _in_chats(own_redis, "bom dia"), "given: what was there before is as it was"

    assert _in_chats(own_redis, SECRET) == []
    assert ("them", SECRET) in await _lines(sealed, ANA)
    assert ("them", "bom dia, sem segredo") in await _lines(sealed, OTHER)
    last = (await sealed.conversations.last_lines([await sealed.take_over.place("org_1", "wa_1", ANA)]))[0]
    assert last is not None and not last.text.startswith("sealed")


async def test_without_the_key_all_is_unreadable_at_once_and_chats_go_on(sealed: App, own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        key = client.get("oxyq:bull:org:org_1:text-key")
    assert isinstance(key, bytes) and key.startswith(b"v1:"), "given: the key itself is sealed too"

    receipt = await sealed.erasure.shred("org_1", by="dpo", door="cli")

    said = await _lines(sealed, ANA)
    assert said and all(text == UNREADABLE for _, text in said)
    assert ("them", "bom dia, sem segredo") in await _lines(sealed, OTHER)
    assert receipt.signature and any("jobs" in remains.what for remains in receipt.remains)
    with pytest.raises(NotAllowed):
        await sealed.erasure.shred("org_1", by="dpo", door="cli")
    workers = sealed.workers()
    await workers.start()
    await _says(sealed, ANA, "ainda estou aqui", 2)
    await workers.stop(5)
    assert ("them", "ainda estou aqui") in await _lines(sealed, ANA)


async def test_who_is_erased_is_found_in_sealed_texts_too(sealed: App, own_redis: RedisServer) -> None:
    receipt = await sealed.erasure.erase("org_1", ANA, by="dpo", door="cli", sees_all=True)

    assert receipt.is_complete
    assert await _lines(sealed, ANA) == []
    assert not [text for _, text in await _lines(sealed, OTHER) if ANA in text or "[erased]" in text]
    assert ("them", "bom dia, sem segredo") in await _lines(sealed, OTHER)


async def test_another_process_knows_of_a_key_within_two_seconds(sealed: App) -> None:
    elsewhere = TextKeys(sealed.hub, lambda: pytest.fail("its key is gone, so nothing is to be opened"))
    await sealed.text_keys.shred("org_1")

    assert not (await elsewhere.of("org_1")).is_there
    await sealed.text_keys.make("org_1")
    assert not (await elsewhere.of("org_1")).is_there, "what was asked a moment ago is not asked again"
