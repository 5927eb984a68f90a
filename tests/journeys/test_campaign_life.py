"""A campaign in the hands of its owner: paused, resumed, cancelled, for later, sent again, with real workers."""

import asyncio
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from oxyq.app import App
from oxyq.campaigns.progress import progress
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import NEVER_GETS_THROUGH, Received
from oxyq.limits import NumberSettings, RateLimit
from oxyq.sending_hours import SendingHours
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

CONCURRENCY = 10
ON_THE_WAY_MS = 300


async def begin(app: App, recipients: list[str], campaign_id: str = "life", **more: object) -> None:
    """Hand a campaign in."""
    await app.producer.add_campaign_job(
        campaign_id=campaign_id, organization_id=ORGANIZATION, template="Promoção {{name|para você}}!",
        recipients=recipients, **more,
    )  # fmt: skip


async def nothing_in_hand(app: App, seconds: float = 10.0) -> None:
    """Wait until no worker has a send in hand, so that none can go out any more."""
    deadline = time.monotonic() + seconds
    while (counts := await app.queues["campaign"].counts())["waiting"] or counts["active"]:
        assert time.monotonic() < deadline, counts
        await asyncio.sleep(0.02)


async def buried(app: App, count: int, seconds: float = 10.0) -> None:
    """Wait for so many dead letters: a recipient is counted a moment before its job is buried."""
    deadline = time.monotonic() + seconds
    while len(letters := [one async for one in app.dead_letters.find(Filter(organization_id=ORGANIZATION))]) != count:
        assert time.monotonic() < deadline, letters
        await asyncio.sleep(0.02)


def people(count: int) -> list[str]:
    """So many numbers that the simulator plays no tricks with."""
    return [f"5511{920_000_000 + 10 * number}" for number in range(count)]


async def test_paused_and_resumed(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """Within a second nothing goes out any more; resumed, everybody gets it once."""
    start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_CONCURRENCY=str(CONCURRENCY))
    await begin(app, people(6000))
    await whatsapp.until(500, seconds=60)

    asked_ms = time.time() * 1000
    paused = await app.campaign_control.pause(ORGANIZATION, "life")
    returned_ms = time.time() * 1000

    assert paused.state == "paused"
    assert returned_ms - asked_ms < 1_000
    await nothing_in_hand(app)
    after = [message for message in whatsapp.received if message.at_ms > returned_ms]
    assert len(after) <= CONCURRENCY
    # What is active for a moment then (the run that finds itself paused, a canary) sends nothing.
    sent = len(whatsapp.received)
    await nothing_in_hand(app)
    assert len(whatsapp.received) == sent < 6000

    await app.campaign_control.resume(ORGANIZATION, "life")
    ended = await campaign_ended(app, "life", 6000)
    assert ended.sent == 6000
    assert len({message.to for message in whatsapp.received}) == len(whatsapp.received) == 6000


async def test_cancelled(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """Who has not got it by then never will, and is counted so."""
    start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_CONCURRENCY=str(CONCURRENCY))
    await begin(app, people(6000))
    await whatsapp.until(300, seconds=60)

    await app.campaign_control.cancel(ORGANIZATION, "life")
    await nothing_in_hand(app)

    campaign = await app.campaign_control.find(ORGANIZATION, "life")
    counts = progress(campaign)
    assert campaign.state == "cancelled"
    assert counts.sent == len(whatsapp.received) < 6000
    assert counts.cancelled == 6000 - counts.sent


async def test_for_later_by_the_clock(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    start_oxyq("workers", "campaign")
    starts_ms = int(time.time() * 1000) + 4_000
    await begin(app, people(3), startAt=starts_ms)

    received = await whatsapp.until(3)

    assert starts_ms <= min(message.at_ms for message in received) < starts_ms + 3_000


async def test_not_while_people_sleep(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """Outside of the hours it waits, and says for what and until when; when the hours change it goes on."""
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    now = datetime.now(ZoneInfo(shop.time_zone))
    tomorrow = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(now + timedelta(days=1)).weekday()]
    hours = SendingHours.model_validate({"days": {tomorrow: [["10:00", "11:00"]]}, "holidays": True})
    await app.organizations.save(shop.model_copy(update={"sending_hours": hours}))
    worker = start_oxyq("workers", "campaign")
    await begin(app, people(2))

    while not (waiting := await app.campaigns.get(ORGANIZATION, "life")) or not waiting.waits:  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    opens = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    assert (waiting.waits, waiting.waits_until) == ("quiet hours", int(opens.timestamp() * 1000))
    assert whatsapp.received == []

    await app.organizations.save(shop)
    worker.end()  # another one need not forget first what it knew of the organization
    start_oxyq("workers", "campaign")
    await app.campaign_control.pause(ORGANIZATION, "life")
    await app.campaign_control.resume(ORGANIZATION, "life")
    await whatsapp.until(2)


@pytest.mark.timeout(120)
async def test_sent_again_to_whom_it_failed_for(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """Two did not get it; sent again, one still does not, and nobody else hears of it twice."""
    start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_ATTEMPTS="2", OXYQ_CAMPAIGN_BACKOFF_SECONDS="0.1")
    never, once = f"551192000{NEVER_GETS_THROUGH}", "5511920009905"
    await begin(app, [*people(5), never, once])
    first = await campaign_ended(app, "life", 7)
    assert (first.sent, first.failed) == (6, 1)

    await app.campaign_control.resend_failed(ORGANIZATION, "life")
    second = await campaign_ended(app, "life", 7)

    assert (second.sent, second.failed) == (6, 1)
    assert len({message.to for message in whatsapp.received}) == len(whatsapp.received) == 6
    # Its first job and its second: two dead letters, of one message.
    await buried(app, 2)


def most_in_any(window_ms: int, received: list[Received]) -> int:
    """The largest number of messages in any window of this length."""
    times = sorted(message.at_ms for message in received)
    return max(sum(1 for other in times if at <= other < at + window_ms) for at in times)


@pytest.mark.timeout(120)
async def test_a_number_never_sends_faster_than_it_may(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    """40 in any 2 seconds, two campaigns and two workers at once: never more, and hardly less while work waits."""
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    rate = RateLimit(max=40, per_seconds=2)
    await app.organizations.save(
        shop.model_copy(update={"numbers": {"wa_demo": NumberSettings(rate=rate, answers_share=0.0)}})
    )
    for _ in range(2):
        start_oxyq("workers", "campaign", OXYQ_CAMPAIGN_CONCURRENCY="5")
    await begin(app, people(150), "one")
    await begin(app, people(150), "two")

    received = await whatsapp.until(300, seconds=60)

    # Exact where it is decided (tests/integration/pacing); on the way to the gateway's log a busy machine may keep one
    # message for so long, and not the next.
    assert most_in_any(2_000 - ON_THE_WAY_MS, received) <= 40
    times = sorted(message.at_ms for message in received)
    assert 300 / (times[-1] - times[0]) * 1000 >= 0.9 * 20


async def test_a_budget_for_the_day_is_used_up_and_no_more(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    """Five a day without any other limit: five go out at once, and the others wait for tomorrow, which it says."""
    shop = await app.organizations.get(ORGANIZATION)
    assert shop is not None
    await app.organizations.save(shop.model_copy(update={"numbers": {"wa_demo": NumberSettings(daily=5)}}))
    start_oxyq("workers", "campaign")
    await begin(app, people(20))

    await whatsapp.until(5)
    while (await app.campaign_control.find(ORGANIZATION, "life")).statuses["sent"] < 5:  # noqa: ASYNC110
        await asyncio.sleep(0.05)

    campaign = await app.campaign_control.find(ORGANIZATION, "life")
    midnight = datetime.now(ZoneInfo(shop.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert campaign.waits == "daily budget"
    assert campaign.waits_until == int((midnight + timedelta(days=1)).timestamp() * 1000)
    assert len(whatsapp.received) == 5
