"""A person takes a chat over: by writing on the phone, by an order of the owner, or because somebody asks for one."""

import asyncio

import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.conversations.store import Place
from oxyq.gateways.news import PersonWrote
from oxyq.replies.turn import Turn
from tests.integration.conversations.conftest import ANA, BIA, OWNER, Shop


async def test_who_answers_on_the_phone_is_not_talked_over(shop: Shop) -> None:
    organization = await shop.open()
    place = Place(organization.id, "wa_demo", ANA)
    await shop.app.take_over.person_wrote(
        organization.id, "wa_demo", PersonWrote(ANA, "Oi Ana, aqui é a Paula!", "3A01", now_ms())
    )

    silent = await shop.hears("oi Paula!")
    assert (await shop.until_ended(silent)) == {"status": "silent", "route": "person"}

    # And when the chat is given back, the model knows what was said
    assert await shop.app.take_over.release(organization.id, "wa_demo", ANA)
    await shop.hears("ainda tem vaga?")
    assert await shop.until_told(ANA) == ["ainda tem vaga?"]
    assert shop.ai.histories[-1] == ["Oi Ana, aqui é a Paula!", "oi Paula!"]
    assert [line.author for line in await shop.app.conversations.history(place)][:2] == ["person", "them"]


async def test_a_person_who_writes_while_the_model_thinks_has_the_last_word(shop: Shop) -> None:
    organization = await shop.open()
    thinks = asyncio.Event()

    async def thinking(turn: Turn) -> str:
        thinks.set()
        await asyncio.sleep(60)
        return "tarde demais"

    shop.ai.say = thinking
    job = await shop.hears("quanto custa?")
    await thinks.wait()
    await shop.app.take_over.person_wrote(organization.id, "wa_demo", PersonWrote(ANA, "R$ 50", "3A02", now_ms()))

    assert (await shop.until_ended(job)) == {"status": "silent", "route": "person"}
    assert shop.sent == [] and shop.ai.cancelled == 1


async def test_an_answer_that_waits_to_go_out_does_not_follow_a_persons(shop: Shop) -> None:
    """The number was asked to slow down; meanwhile somebody has answered by phone."""
    organization = await shop.open()
    slowed = "5511999999906"
    job = await shop.hears("quanto custa?", slowed)
    await shop.until(lambda: any(event.outcome == "later" for event in shop.handled))
    await shop.app.take_over.person_wrote(organization.id, "wa_demo", PersonWrote(slowed, "R$ 50", "3A09", now_ms()))

    assert (await shop.until_ended(job)) == {"status": "silent", "route": "person"}
    assert shop.sent == []


async def test_an_earlier_line_that_is_heard_late_ends_no_silence(shop: Shop) -> None:
    organization = await shop.open()
    for message_id, at_ms in (("3A10", now_ms()), ("3A11", now_ms() - 3_600_000)):
        line = PersonWrote(ANA, "já te respondo", message_id, at_ms)
        await shop.app.take_over.person_wrote(organization.id, "wa_demo", line)

    silent = await shop.hears("oi?")

    assert (await shop.until_ended(silent))["route"] == "person"


async def test_the_silence_ends_by_itself(shop: Shop) -> None:
    organization = await shop.open(personMinutes=1)
    yesterday = now_ms() - 86_400_000
    await shop.app.take_over.person_wrote(organization.id, "wa_demo", PersonWrote(ANA, "até amanhã", "3A03", yesterday))

    await shop.hears("bom dia")

    assert await shop.until_told(ANA) == ["bom dia"]


async def test_who_asks_for_a_person_gets_one(shop: Shop) -> None:
    organization = await shop.open()

    await shop.hears("ATENDENTE", push_name="Ana")
    assert await shop.until_told(ANA) == [organization.hand_off]
    silent = await shop.hears("alô?")

    assert (await shop.until_ended(silent))["route"] == "person"
    told = await shop.until_told(OWNER)
    assert told == [f"🙋 Ana ({ANA}) espera por uma pessoa:\n“ATENDENTE”"]


async def test_the_owner_silences_the_bot_and_wakes_it(shop: Shop) -> None:
    await shop.open()

    await shop.hears("silenciar bot", OWNER)
    await shop.until_told(OWNER)
    silent = await shop.hears("oi")
    assert (await shop.until_ended(silent))["route"] == "person"
    await shop.hears("acordar bot", OWNER)
    await shop.until_told(OWNER, 2)

    await shop.hears("oi de novo", BIA)
    assert await shop.until_told(BIA) == ["oi de novo"]


async def test_sair_is_heeded_whoever_has_taken_over(shop: Shop) -> None:
    organization = await shop.open()
    await shop.app.take_over.take_over(organization, "wa_demo", ANA)

    await shop.hears("sair")

    assert "não vai mais receber" in (await shop.until_told(ANA))[0]
    assert await shop.app.contacts.opted_out(organization.id, [ANA]) == {ANA}


async def test_sair_counts_at_once_while_the_model_thinks(shop: Shop) -> None:
    """Its answer waits for its turn, what it asks for does not."""
    organization = await shop.open()
    thinks, may_answer = asyncio.Event(), asyncio.Event()

    async def thinking(turn: Turn) -> str:
        thinks.set()
        await may_answer.wait()
        return "já respondo"

    shop.ai.say = thinking
    await shop.hears("oi")
    await thinks.wait()
    await shop.hears("SAIR")

    await shop.until(lambda: any(event.detail == "joined" for event in shop.handled))
    assert await shop.app.contacts.opted_out(organization.id, [ANA]) == {ANA}
    may_answer.set()
    assert "não vai mais receber" in (await shop.until_told(ANA, 2))[1]


async def test_the_owner_is_told_again_when_nobody_came(shop: Shop, redis_client: "redis.asyncio.Redis") -> None:
    """Once for what is written in a while, and once more after that."""
    organization = await shop.open(with_ai=False, personMinutes=1)
    for text in ("vocês vendem foguetes?", "e submarinos?"):
        await shop.until_ended(await shop.hears(text))
    assert len(await shop.until_told(OWNER)) == 1
    key = redis_keys.conversation(organization.id, "wa_demo", ANA, prefix=shop.app.settings.redis_prefix)
    await redis_client.hset(key, "toldAt", now_ms() - 61_000)

    await shop.hears("tem alguém aí?")

    assert "tem alguém aí?" in (await shop.until_told(OWNER, 2))[1]
