"""What a webhook tells is done once, part by part, whatever else is in it and however often it comes."""

import asyncio

import pytest

from oxyq.clock import now_ms
from oxyq.errors import QueueUnavailable
from oxyq.gateways.news import ConnectionNews, Dropped, Inbound, PersonWrote, Preference
from oxyq.instances import Instance
from oxyq.telemetry.events import ConnectionChanged, WebhookTaken
from tests.integration.receiving.conftest import INSTANCE, Reception

ANA = "5511999990001"


def inbound(message_id: str = "m1", **more: object) -> Inbound:
    """Ana wrote."""
    return Inbound(
        {
            "from": f"{ANA}@c.us",
            "content": "oi",
            "messageId": message_id,
            "timestamp": 1795377084000,
            "chatId": ANA,
            **more,  # type: ignore[dict-item]
        }
    )


def wrote(message_id: str) -> PersonWrote:
    """Somebody of the shop answered Ana by phone."""
    return PersonWrote(ANA, "já te respondo", message_id, 1795377084000)


# --- messages -----------------------------------------------------------------------------------------------


async def test_a_message_becomes_a_job_of_the_organization_that_has_the_number(reception: Reception) -> None:
    assert await reception.receive(inbound()) == {"messages": 1}

    [job] = await reception.jobs()
    assert job == {
        "organizationId": "org_1", "instanceId": "wa_1", "from": f"{ANA}@c.us", "content": "oi", "messageId": "m1",
        "timestamp": 1795377084000, "chatId": ANA,
    }  # fmt: skip


async def test_what_the_sender_writes_never_decides_whose_message_it_is(reception: Reception) -> None:
    await reception.receive(inbound(organizationId="org_2", instanceId="wa_2"))
    counts = await reception.receive(inbound("m2", organization_id="org_2"))

    assert counts == {"malformed": 1}
    [job] = await reception.jobs()
    assert isinstance(job, dict)
    assert (job["organizationId"], job["instanceId"]) == ("org_1", "wa_1")


async def test_fifty_times_in_parallel_is_one_job(reception: Reception) -> None:
    counts = await asyncio.gather(*(reception.receive(inbound()) for _ in range(50)))

    assert counts == [{"messages": 1}] * 50
    assert len(await reception.jobs()) == 1


async def test_another_text_under_the_same_id_changes_nothing(reception: Reception) -> None:
    await reception.receive(inbound())

    assert await reception.receive(inbound(content="outra coisa")) == {"conflicts": 1}
    [job] = await reception.jobs()
    assert isinstance(job, dict)
    assert job["content"] == "oi"


async def test_one_bad_part_keeps_no_other_from_being_done(reception: Reception) -> None:
    bad = (inbound("m2", content=""), inbound("m3", timestamp="1795377084000"), inbound("m4", shoeSize=43))
    dropped = (Dropped("unknown", "account_update"), Dropped("another_number", "messages"))

    counts = await reception.receive(inbound("m1"), *bad, inbound("m5"), dropped=dropped)

    assert counts == {"messages": 2, "malformed": 3, "unknown": 1, "another_number": 1}
    assert len(await reception.jobs()) == 2
    [told] = reception.events
    assert isinstance(told, WebhookTaken)
    assert (told.gateway, told.instance_id, dict(told.counts)) == ("baileys", "wa_1", counts)
    assert told.left_out == ("account_update", "messages", "content", "timestamp", "shoeSize")


async def test_groups_come_in_only_where_they_are_wanted(reception: Reception) -> None:
    group = inbound("m1", chatId="123-456@g.us", isGroup=True, participant=ANA)
    curious = Instance.model_validate({**INSTANCE.model_dump(), "hears_groups": True})

    assert await reception.receive(group) == {"ignored": 1}
    assert await reception.receive(group, instance=curious) == {"messages": 1}


# --- people of the organization -----------------------------------------------------------------------------


async def test_a_person_who_writes_by_phone_gets_the_chat(reception: Reception) -> None:
    assert await reception.receive(wrote("typed-1")) == {"people": 1}

    assert reception.people.told == [("org_1", "wa_1", wrote("typed-1"))]


async def test_what_we_sent_ourselves_is_no_person(reception: Reception) -> None:
    await reception.known_as("3EB01", "some-key")

    assert await reception.receive(wrote("3EB01")) == {"own_echoes": 1}
    assert reception.people.told == []


async def test_a_message_of_another_organization_is_none_of_ours(reception: Reception) -> None:
    await reception.known_as("3EB01", "some-key", organization_id="org_2")

    assert await reception.receive(wrote("3EB01")) == {"people": 1}


# --- wishes -------------------------------------------------------------------------------------------------


async def test_who_tells_whatsapp_to_stop_marketing_gets_no_campaigns_until_he_says_otherwise(
    reception: Reception,
) -> None:
    contacts = reception.app.contacts

    assert await reception.receive(Preference(ANA, False, now_ms())) == {"preferences": 1}
    consent = await contacts.consent("org_1", ANA)
    assert consent is not None
    assert (consent.is_out, consent.source) == (True, "whatsapp")

    assert await reception.receive(Preference(ANA, True, now_ms() + 1000)) == {"preferences": 1}
    assert await contacts.opted_out("org_1", [ANA]) == set()


async def test_an_old_resume_that_comes_again_does_not_undo_a_later_stop(reception: Reception) -> None:
    resume = Preference(ANA, True, now_ms() - 60_000)
    await reception.receive(Preference(ANA, False, now_ms()))

    assert await reception.receive(resume) == {"old_preferences": 1}
    assert await reception.app.contacts.opted_out("org_1", [ANA]) == {ANA}


async def test_a_wish_of_nobody_is_counted(reception: Reception) -> None:
    assert await reception.receive(Preference("ana@", False, 1), inbound()) == {"malformed": 1, "messages": 1}


# --- connections --------------------------------------------------------------------------------------------


async def test_how_a_number_stands_is_remembered_and_told(reception: Reception) -> None:
    assert await reception.receive(ConnectionNews("open"), ConnectionNews("closed", "428")) == {"connections": 2}

    known = await reception.app.instances.known_state("wa_1")
    assert known is not None
    assert (known.state, known.detail) == ("closed", "428")
    assert ConnectionChanged("org_1", "wa_1", "closed", "428") in reception.events


# --- when Redis is away -------------------------------------------------------------------------------------


async def test_what_could_not_be_done_is_not_said_to_be_done_and_comes_again(
    reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a webhook is done when Redis goes: the whole of it comes again, and nothing is there twice."""
    webhook = (inbound("m1"), wrote("typed-1"), inbound("m2"))

    async def away(*_: object) -> None:
        raise QueueUnavailable("Redis is away")

    with monkeypatch.context() as broken:
        broken.setattr(reception.people, "person_wrote", away)
        with pytest.raises(QueueUnavailable):
            await reception.receive(*webhook)
    assert len(await reception.jobs()) == 1

    assert await reception.receive(*webhook) == {"messages": 2, "people": 1}
    assert len(await reception.jobs()) == 2
