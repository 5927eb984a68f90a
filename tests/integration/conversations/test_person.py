"""A person writes in a chat through us: it goes out once, is read in the chat, and nobody else answers there."""

import pytest

from oxyq.conversations.store import Place
from oxyq.conversations.transcript import Message
from oxyq.errors import IdConflict, NotAllowed, NotFound
from oxyq.jobs import PersonReply
from tests.integration.conversations.conftest import ANA, Shop


async def _chat(shop: Shop, contact: str = ANA) -> list[Message]:
    chat = await shop.app.conversations.chat(Place(shop.organization.id, "wa_demo", contact))
    assert chat is not None
    return await shop.app.transcripts.of(chat)


async def test_it_goes_out_once_and_takes_the_chat_over(shop: Shop) -> None:
    organization = await shop.open()
    await shop.until_ended(await shop.hears("quero falar com alguém da loja"))
    replies = shop.app.person_replies

    jobs = [
        await replies.send(organization, "wa_demo", ANA, "Oi, aqui é a Paula!", reply_id="r1", by="paula")
        for _ in range(2)
    ]
    assert jobs[0] == jobs[1]
    await shop.until_ended(jobs[0])
    silent = await shop.hears("oi Paula!")
    assert (await shop.until_ended(silent))["route"] == "person"

    assert shop.sent_to(ANA)[1:] == ["Oi, aqui é a Paula!"]
    theirs, ours, paula, last = await _chat(shop)
    assert (theirs.author, theirs.status, theirs.job_id is None) == ("them", None, False)
    assert (ours.author, ours.route, ours.status) == ("us", "ai", "sent")
    assert (paula.author, paula.by, paula.status, paula.job_id) == ("person", "paula", "sent", jobs[0])
    assert last.text == "oi Paula!"
    with pytest.raises(IdConflict):
        await replies.send(organization, "wa_demo", ANA, "Outra coisa", reply_id="r1", by="paula")


async def test_whoever_asked_may_die_right_after_the_job_was_added(shop: Shop) -> None:
    """Given only the job, and no line in the chat; when it has run, then the chat is as if nothing had happened."""
    organization = await shop.open()
    await shop.until_ended(await shop.hears("oi"))
    reply = PersonReply(
        reply_id="r1", organization_id=organization.id, instance_id="wa_demo", recipient=ANA, text="Olá!", by="paula"
    )

    await shop.until_ended(await shop.app.producer.add_person_reply(reply))

    assert [(message.author, message.text) for message in await _chat(shop)][-1] == ("person", "Olá!")
    chat = await shop.app.conversations.chat(Place(organization.id, "wa_demo", ANA))
    assert chat is not None and chat.silent_until_ms is not None


async def test_it_reaches_who_hides_the_number(shop: Shop) -> None:
    organization = await shop.open()
    hidden = "123456789012@lid"
    await shop.until_ended(await shop.hears("oi", hidden, push_name="Ana"))

    job = await shop.app.person_replies.send(organization, "wa_demo", hidden, "Olá!", reply_id="r1", by="paula")
    await shop.until_ended(job)

    assert shop.sent_to(hidden)[-1] == "Olá!"
    chat = await shop.app.conversations.chat(Place(organization.id, "wa_demo", hidden))
    assert chat is not None and (chat.name, chat.address) == ("Ana", hidden)


async def test_what_did_not_go_out_says_why_in_the_chat(shop: Shop) -> None:
    organization = await shop.open()
    unknown = "5511999999902"  # the simulator says that it is not on WhatsApp
    await shop.app.conversations.take_over(Place(organization.id, "wa_demo", unknown), organization.conversation, 0)

    job = await shop.app.person_replies.send(organization, "wa_demo", unknown, "Olá!", reply_id="r1", by="paula")
    await shop.until_ended(job)

    [message] = await _chat(shop, unknown)
    assert (message.status, message.reason != "") == ("failed", True)


async def test_there_is_no_writing_to_strangers_nor_while_it_is_paused(shop: Shop) -> None:
    organization = await shop.open()
    send = shop.app.person_replies.send
    with pytest.raises(NotFound):
        await send(organization, "wa_demo", "5511900000000", "Olá!", reply_id="r1", by="paula")
    await shop.until_ended(await shop.hears("oi"))
    paused = organization.model_copy(update={"paused_at": 1_795_377_084_000})
    with pytest.raises(NotAllowed):
        await send(paused, "wa_demo", ANA, "Olá!", reply_id="r1", by="paula")


async def test_chats_are_listed_with_what_was_said_last(shop: Shop) -> None:
    await shop.open()
    await shop.until_ended(await shop.hears("bom dia", push_name="Ana Souza"))

    [summary] = await shop.app.transcripts.latest(shop.organization.id, 10)

    assert summary.last is not None and (summary.last.author, summary.last.text) == ("us", "bom dia")
    assert summary.chat.name == "Ana Souza" and summary.chat.last_in_ms is not None
    [last] = [(summary.chat.last_ms, summary.chat.place.name)]
    assert await shop.app.transcripts.latest(shop.organization.id, 10, after=last) == []
