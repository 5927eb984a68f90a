"""What became of messages of ours: states only move up, campaigns count along, and the last one ends them."""

import itertools

import pytest

from oxyq.gateways.news import Status, StatusNews
from oxyq.jobs import CampaignSend, parse_stored
from oxyq.numbers import contact_key
from oxyq.sending.ledger import Gate
from oxyq.telemetry.events import CampaignEnded
from tests.integration.campaigns.conftest import Desk
from tests.integration.receiving.conftest import Reception

ANA, RUI = "5511999990001", "5511999990002"
AT = 1795377084000


def status(word: Status, provider_id: str = "wamid-1", **more: object) -> StatusNews:
    """News of the message that WhatsApp knows by this id."""
    return StatusNews(provider_id, word, AT, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [*itertools.permutations(("sent", "delivered", "read"))], ids="-".join)
async def test_in_whatever_order_they_come_a_state_only_moves_up(
    reception: Reception, order: tuple[Status, ...]
) -> None:
    await reception.claim("key-1")
    await reception.known_as("wamid-1", "key-1")
    seen = []

    for word in order:
        await reception.receive(status(word))
        seen.append(await reception.state("key-1"))

    ranks = [("sent", "delivered", "read").index(str(state)) for state in seen]
    assert ranks == sorted(ranks)
    assert seen[-1] == "read"


async def test_the_key_that_came_back_with_it_goes_before_the_id(reception: Reception) -> None:
    """The answer to our request was lost, so nobody told us WhatsApp's id: the status settles it."""
    job = await reception.claim("key-1")
    await reception.ledger.unconfirmed(job, "org_1", "key-1")

    assert await reception.receive(status("sent", key="key-1")) == {"statuses": 1}

    entry = await reception.ledger.entry("org_1", "key-1")
    assert entry is not None
    assert (entry.state, entry.provider_id) == ("sent", "wamid-1")


async def test_told_again_it_is_no_news(reception: Reception) -> None:
    await reception.claim("key-1")
    await reception.known_as("wamid-1", "key-1")

    assert await reception.receive(status("read"), status("read"), status("sent")) == {"statuses": 1, "old_statuses": 2}


async def test_of_messages_that_are_not_ours_it_is_counted(reception: Reception) -> None:
    """Before ours is written down, of somebody else's program at the same number, or of another organization."""
    await reception.known_as("wamid-2", "key-2", organization_id="org_2")

    news = (status("sent"), status("sent", "wamid-2"), status("sent", key="nobody's"))
    assert await reception.receive(*news) == {"unknown_statuses": 3}


# --- campaigns ----------------------------------------------------------------------------------------------


@pytest.fixture
async def sending(reception: Reception, desk: Desk) -> dict[str, str]:
    """A campaign whose two sends are on their way: the key of each by its number."""
    await desk.make([ANA, RUI])
    await desk.plan()
    await desk.release_some()
    jobs = [job.data for job in await desk.queue.jobs("prioritized", 0, 99)] + [
        job.data for job in await desk.queue.jobs("delayed", 0, 99)
    ]
    sends = [parse_stored(CampaignSend, data) for data in jobs if isinstance(data, dict) and "recipient" in data]
    keys = {send.recipient: send.message_key() for send in sends}
    assert set(keys) == {ANA, RUI}
    for number, key in keys.items():
        await reception.claim(key, Gate("c", contact_key(number)))
    return keys


async def counts(desk: Desk) -> dict[str, int]:
    """Recipients by status, where there are any."""
    return {str(status): count for status, count in (await desk.campaign()).statuses.items() if count}


async def test_a_campaign_counts_what_whatsapp_says(reception: Reception, desk: Desk, sending: dict[str, str]) -> None:
    await reception.receive(status("delivered", key=sending[ANA]), status("sent", key=sending[ANA]))

    assert await counts(desk) == {"planned": 1, "delivered": 1}
    [entry] = await desk.store.entries("org_1", "c", [contact_key(ANA)])
    assert (entry.status, entry.at_ms, entry.detail) == ("delivered", AT, "wamid-1")


async def test_a_late_refusal_is_told_with_its_reason_and_stays(
    reception: Reception, desk: Desk, sending: dict[str, str]
) -> None:
    failed = status("failed", key=sending[ANA], reason="131026 undeliverable")
    await reception.receive(status("sent", key=sending[ANA]), failed)
    # Meta keeps no order: what it says late of an earlier time changes nothing.
    await reception.receive(status("sent", key=sending[ANA]))

    assert await counts(desk) == {"planned": 1, "failed": 1}
    [entry] = await desk.store.entries("org_1", "c", [contact_key(ANA)])
    assert (entry.status, entry.detail) == ("failed", "131026 undeliverable")


async def test_what_reached_the_ledger_only_reaches_the_campaign_when_it_comes_again(
    reception: Reception, desk: Desk, sending: dict[str, str]
) -> None:
    """Redis went away between the two: the webhook was answered with 503, and is repeated."""
    await reception.ledger.advance("org_1", sending[ANA], "delivered", at_ms=AT, provider_id="wamid-1")
    assert await counts(desk) == {"planned": 2}

    assert await reception.receive(status("delivered", key=sending[ANA])) == {"old_statuses": 1}

    assert await counts(desk) == {"planned": 1, "delivered": 1}


async def test_the_last_one_ends_the_campaign_and_the_owner_is_told(
    reception: Reception, desk: Desk, sending: dict[str, str]
) -> None:
    """The workers died with the sends in their hands, and WhatsApp says that both went out."""
    for key in sending.values():
        await reception.receive(status("sent", key=key))

    assert (await desk.campaign()).state == "completed"
    assert [event.campaign_id for event in reception.events if isinstance(event, CampaignEnded)] == ["c"]
    waiting = await reception.app.queues["automation"].jobs("prioritized", 0, 9)
    waiting += await reception.app.queues["automation"].jobs("wait", 0, 9)
    assert [job.data["recipientNumber"] for job in waiting if isinstance(job.data, dict)] == ["5511988880000"]


async def test_who_stopped_marketing_is_out_of_campaigns(
    reception: Reception, desk: Desk, sending: dict[str, str]
) -> None:
    refused = status("failed", key=sending[ANA], reason="131050", is_suppressed=True)

    assert await reception.receive(refused) == {"statuses": 1}

    consent = await reception.app.contacts.consent("org_1", ANA)
    assert consent is not None
    assert (consent.is_out, consent.source) == (True, "whatsapp")


async def test_who_stopped_marketing_is_believed_also_when_the_message_is_not_ours(reception: Reception) -> None:
    unknown = status("failed", is_suppressed=True, recipient=RUI)
    hidden = status("failed", is_suppressed=True, recipient="BR.1349")

    assert await reception.receive(unknown, hidden) == {"unknown_statuses": 2}
    assert await reception.app.contacts.opted_out("org_1", [RUI, "BR.1349", ANA]) == {RUI, "BR.1349"}
