"""One turn at a time in each chat, in order: bursts, answers overtaken by newer messages, crashes, duplicates."""

import asyncio

import pytest

from oxyq.clock import now_ms
from oxyq.conversations.store import Place
from oxyq.replies.errors import AiUnavailable
from oxyq.replies.turn import Turn
from tests.integration.conversations.conftest import ANA, BIA, OWNER, Shop

HAND_OFF = "Não sei responder isso com certeza, mas já chamei alguém da nossa equipe. Um instante! 🐾"


async def test_four_short_messages_get_one_answer(shop: Shop) -> None:
    await shop.open(quietSeconds=0.4, longestWaitSeconds=5)

    texts, began = ("oi", "tudo bem?", "queria saber", "abre amanhã?"), now_ms() - 4_000
    jobs = [await shop.hears(text, timestamp=began + 1000 * number) for number, text in enumerate(texts)]

    assert await shop.until_told(ANA) == ["oi + tudo bem? + queria saber + abre amanhã?"]
    ended = [await shop.until_ended(job) for job in jobs]
    assert sorted(str(end["status"]) for end in ended) == ["joined", "joined", "joined", "sent"]
    assert len(shop.sent) == 1


async def test_who_never_stops_writing_is_answered_after_the_longest_wait(shop: Shop) -> None:
    await shop.open(quietSeconds=0.5, longestWaitSeconds=1.0)

    async def chatter() -> None:
        for number in range(100):
            await shop.hears(f"{number}")
            await asyncio.sleep(0.1)

    chattering = asyncio.ensure_future(chatter())
    await shop.until_told(ANA)
    chattering.cancel()

    assert 5 <= len(shop.ai.asked[0]) < 50


async def test_without_a_quiet_time_each_message_is_answered_at_once(shop: Shop) -> None:
    await shop.open()

    for number in range(3):
        await shop.hears(f"pergunta {number}")
        assert (await shop.until_told(ANA, number + 1))[-1] == f"pergunta {number}"


async def test_messages_of_one_chat_are_answered_in_order_and_never_at_the_same_time(shop: Shop) -> None:
    """Thirty in one go, for five handlers at once; other people are answered meanwhile."""
    await shop.open(longestWaitSeconds=30)
    busy = 0

    async def slowly(turn: Turn) -> str:
        nonlocal busy
        if turn.contact == ANA:
            busy += 1
            assert busy == 1
            await asyncio.sleep(0.01)
            busy -= 1
        return " ".join(turn.texts)

    shop.ai.say = slowly
    began = now_ms() - 30_000
    for number in range(30):
        await shop.hears(f"a{number}", timestamp=began + 1000 * number)
        await shop.hears(f"b{number}", BIA, timestamp=began + 1000 * number)

    await shop.until(lambda: all(len(" ".join(shop.sent_to(who)).split()) == 30 for who in (ANA, BIA)))
    assert " ".join(shop.sent_to(ANA)).split() == [f"a{number}" for number in range(30)]
    assert " ".join(shop.sent_to(BIA)).split() == [f"b{number}" for number in range(30)]


async def test_a_newer_message_cancels_the_answer_and_joins_the_turn(shop: Shop) -> None:
    await shop.open()
    thinks = asyncio.Event()

    async def thinking(turn: Turn) -> str:
        thinks.set()
        if len(turn.texts) == 1:
            await asyncio.sleep(60)
        return " + ".join(turn.texts)

    shop.ai.say = thinking
    await shop.hears("quanto custa o banho")
    await thinks.wait()
    await shop.hears("e a tosa?")

    assert await shop.until_told(ANA) == ["quanto custa o banho + e a tosa?"]
    assert shop.ai.cancelled == 1


async def test_an_answer_that_was_made_but_not_sent_is_sent_as_it_was(shop: Shop) -> None:
    """The first send fails: the next attempt asks nobody anew."""
    await shop.open()
    asks_twice = "5511999999905"

    await shop.hears("oi", asks_twice)

    assert await shop.until_told(asks_twice) == ["oi"]
    assert shop.ai.asked == [("oi",)]


async def test_the_same_message_again_is_answered_once_however_late_it_comes(shop: Shop) -> None:
    await shop.open()
    job = await shop.hears("oi", message_id="wamid-1")
    await shop.until_ended(job)

    # When a gateway's job comes again after the queue forgot it, as Node adds it
    queue = shop.app.queues["message"]
    stored = await queue.job(job)
    assert stored is not None and await queue.remove(job)
    await queue.add("message", stored.data, job_id=job)

    assert (await shop.until_ended(job))["status"] == "seen"
    assert len(shop.sent) == 1


async def test_whoever_writes_next_takes_up_what_a_dead_job_left(shop: Shop) -> None:
    """A number that is not on WhatsApp kills the job; the person's next message comes from one that is."""
    await shop.open()
    gone = "5511999999902"
    await shop.hears("primeira", gone, lid="777000111@lid")
    await shop.until(lambda: any(event.outcome == "discard" for event in shop.handled))

    await shop.hears("segunda", "777000111@lid")

    assert await shop.until_told("777000111@lid") == ["primeira + segunda"]


async def test_number_and_hidden_id_are_one_chat(shop: Shop) -> None:
    await shop.open()
    await shop.hears("com número", ANA, lid="700000000000001@lid")
    await shop.until_told(ANA)

    await shop.hears("sem número", "700000000000001@lid")

    await shop.until_told("700000000000001@lid")
    assert shop.ai.histories[-1] == ["com número", "com número"]
    assert len(await shop.app.conversations.latest(shop.organization.id)) == 1


async def test_what_comes_too_late_is_given_to_a_person(shop: Shop) -> None:
    await shop.open(staleMinutes=10)

    job = await shop.hears("vocês abrem agora?", timestamp=now_ms() - 11 * 60_000)

    assert (await shop.until_ended(job))["route"] == "stale"
    assert "vocês abrem agora?" in (await shop.until_told(OWNER))[0]
    assert shop.sent_to(ANA) == []
    (chat,) = await shop.app.conversations.latest(shop.organization.id)
    assert chat.waits_since_ms is not None and chat.silent_until_ms is not None


async def test_a_model_that_is_away_answers_later_and_once(shop: Shop) -> None:
    await shop.open()
    calls = 0

    async def away_at_first(turn: Turn) -> str:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise AiUnavailable("503", 0.05)
        return "voltei"

    shop.ai.say = away_at_first
    job = await shop.hears("oi")

    assert await shop.until_told(ANA) == ["voltei"]
    assert (await shop.until_ended(job))["route"] == "ai"
    assert calls == 3


async def test_a_model_that_stays_away_leaves_the_chat_to_a_person(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oxyq.workers.message.AI_PATIENCE_SECONDS", 0.3)
    await shop.open()

    async def away(turn: Turn) -> str:
        raise AiUnavailable("503", 0.05)

    shop.ai.say = away
    await shop.hears("oi")

    assert await shop.until_told(ANA) == [HAND_OFF]
    assert "espera por uma pessoa" in (await shop.until_told(OWNER))[0]


async def test_nobody_is_told_twice_in_a_row_that_a_person_will_come(shop: Shop) -> None:
    await shop.open(with_ai=False)
    await shop.hears("vocês vendem foguetes?")
    assert await shop.until_told(ANA) == [HAND_OFF]

    second = await shop.hears("e submarinos?")

    assert (await shop.until_ended(second))["status"] == "silent"
    assert shop.sent_to(ANA) == [HAND_OFF]
    assert len(shop.sent_to(OWNER)) <= 1


async def test_history_is_what_both_sides_said(shop: Shop) -> None:
    await shop.open(historyMessages=3)
    for number in range(3):
        await shop.hears(f"{number}")
        await shop.until_told(ANA, number + 1)
    place = Place(shop.organization.id, "wa_demo", ANA)
    await shop.until(lambda: len(shop.handled) >= 3)

    lines = await shop.app.conversations.history(place)

    assert [(line.author, line.text) for line in lines] == [("us", "1"), ("them", "2"), ("us", "2")]


async def test_groups_are_not_answered(shop: Shop) -> None:
    await shop.open()

    job = await shop.hears("bom dia grupo", is_group=True, chat_id="123@g.us", participant="5511999990001")

    assert (await shop.until_ended(job))["status"] == "group"
    assert shop.ai.asked == []


async def test_a_follow_up_is_dropped_once_somebody_wrote(shop: Shop) -> None:
    """By number, also when the chat goes by a hidden id; a message that comes late changes nothing."""
    organization = await shop.open()
    hidden = "700000000000001@lid"
    await shop.until_ended(await shop.hears("oi", hidden))
    await shop.until_ended(await shop.hears("sou eu", ANA, lid=hidden))
    late = now_ms() - 60_000
    await shop.until_ended(await shop.hears("de ontem", ANA, lid=hidden, timestamp=late))

    wrote = await shop.app.last_wrote.at(organization.id, ANA)

    assert wrote is not None and wrote > late


async def test_a_reminder_stands_in_the_chat_once_and_the_model_knows_of_it(shop: Shop) -> None:
    """Given a reminder that went out before somebody ever wrote; when they answer it, then "sim" is understood."""
    organization = await shop.open()
    reminder = await shop.app.producer.add_automation_job(
        automation_id="a1", organization_id=organization.id, type="reminder", recipient_number=ANA,
        content="Banho amanhã às 10h. Confirma?",
    )  # fmt: skip
    await shop.until_told(ANA)
    await shop.until(lambda: any(event.job_id == reminder and event.outcome == "done" for event in shop.handled))
    place = Place(organization.id, "wa_demo", ANA)
    [line] = await shop.app.conversations.history(place)
    await shop.app.conversations.note(place, line, organization.conversation)  # as a worker that was cut off would

    await shop.until_ended(await shop.hears("sim"))

    assert shop.ai.histories == [["Banho amanhã às 10h. Confirma?"]]
    chat = await shop.app.conversations.chat(place)
    assert chat is not None
    first, *_ = await shop.app.transcripts.of(chat)
    assert (first.route, first.status, first.queue, first.job_id) == ("automation", "sent", "automation", reminder)
