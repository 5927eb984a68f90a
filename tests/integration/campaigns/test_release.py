"""From plan to queue: bounded, once each, and nothing is lost in between."""

import asyncio

import pytest

from oxyq.campaigns.release import WINDOW
from oxyq.campaigns.rows import OpenSend
from oxyq.clock import now_ms
from oxyq.engine.scripts import FetchRules
from oxyq.engine.settlement import Delayed
from oxyq.errors import NotAllowed, NotFound, QueueUnavailable
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.jobs import send_job_id
from oxyq.limits import NumberSettings
from oxyq.organizations import OrganizationStore
from oxyq.sending.lanes import Lanes
from oxyq.sending_hours import SendingHours
from tests.integration.campaigns.conftest import ORG, Desk, numbers


async def end(desk: Desk, number: str, status: str = "sent", again: int = 0) -> bool:
    """One send ends, as a worker notes it; whether it was the last."""
    job_id = send_job_id(ORG.id, "c", number, 0, again)
    noted = await desk.store.note(ORG.id, "c", number, status, job_id=job_id)  # type: ignore[arg-type]
    await desk.queue.remove(job_id)
    return noted.is_last


async def test_no_more_than_the_window_is_in_the_queue(desk: Desk) -> None:
    """Of more than fit, the next are released when some have ended; in the end everybody had one job."""
    everybody = [str(number) for number in numbers(WINDOW + 750)]
    await desk.make(list(everybody))
    await desk.plan()

    await desk.release_some()
    first = await desk.sends()
    assert first == everybody[:WINDOW]
    await desk.release_some()
    assert len(await desk.sends()) == WINDOW

    for number in first:
        await end(desk, number)
    await desk.release_some()
    assert await desk.sends() == everybody[WINDOW:]


async def test_counts_add_up_and_the_last_one_ends_it(desk: Desk) -> None:
    await desk.make(numbers(4))
    await desk.plan()
    await desk.release_some()

    assert not await end(desk, "5511970000000")
    assert not await end(desk, "5511970000001", "failed")
    assert not await end(desk, "5511970000002", "unconfirmed")
    assert not await end(desk, "5511970000001", "failed")  # said again
    assert await end(desk, "5511970000003", "opted_out")

    campaign = await desk.campaign()
    assert campaign.state == "completed"
    assert {name: count for name, count in campaign.statuses.items() if count} == {
        "sent": 1,
        "failed": 1,
        "unconfirmed": 1,
        "opted_out": 1,
    }


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        (["sent", "failed"], "sent"),
        (["failed", "sent"], "sent"),
        (["unconfirmed", "sent"], "sent"),
        (["read", "delivered"], "read"),
        (["sent", "delivered", "unconfirmed"], "delivered"),
    ],
)
async def test_a_status_never_goes_back(desk: Desk, said: list[str], stands: str) -> None:
    """Replayed from the dead letters, what failed may be sent in the end; what was sent stays sent."""
    await desk.make(numbers(1))
    await desk.plan()
    await desk.release_some()
    for status in said:
        await end(desk, "5511970000000", status)
    [entry] = await desk.store.entries(ORG.id, "c", ["5511970000000"])
    assert entry.status == stands
    assert {name: count for name, count in (await desk.campaign()).statuses.items() if count} == {stands: 1}


async def test_a_refusal_that_comes_later_counts(desk: Desk) -> None:
    """WhatsApp took it, and said afterwards that it could not be delivered."""
    await desk.make(numbers(1))
    await desk.plan()
    await end(desk, "5511970000000", "sent")
    await desk.store.note(ORG.id, "c", "5511970000000", "failed", detail="131026")
    assert (await desk.campaign()).statuses["failed"] == 1


async def test_paused_nothing_is_left_in_the_queue_and_resumed_all_of_it_comes_back(desk: Desk) -> None:
    """Pausing, resuming and pausing again: every recipient has one job in the end, in the old order."""
    everybody = [str(number) for number in numbers(700)]
    await desk.make(list(everybody))
    await desk.plan()
    await desk.release_some()
    for number in everybody[:10]:
        await end(desk, number)

    for _ in range(2):
        paused = await desk.control.pause(ORG.id, "c")
        assert paused.state == "paused"
        assert await desk.sends() == []
        assert await desk.release_some() and await desk.sends() == []
        assert (await desk.control.resume(ORG.id, "c")).state == "running"
        for _ in range(12):
            await desk.release_some()
        assert sorted(await desk.sends()) == everybody[10:]


async def test_cancelled_nobody_else_gets_it(desk: Desk) -> None:
    await desk.make(numbers(30))
    await desk.plan()
    await desk.release_some()
    await end(desk, "5511970000000")

    cancelled = await desk.control.cancel(ORG.id, "c")
    await desk.release_some()

    assert cancelled.state == "cancelled"
    assert await desk.sends() == []
    assert (await desk.control.cancel(ORG.id, "c")).state == "cancelled"
    with pytest.raises(NotAllowed, match="campaign c is cancelled"):
        await desk.control.resume(ORG.id, "c")


@pytest.mark.parametrize("cut_off", ["before the jobs", "after the jobs"])
async def test_a_release_that_breaks_off_loses_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cut_off: str
) -> None:
    """Killed between taking rows out of the plan and adding their jobs, or just after: everybody has one job."""
    everybody = [str(number) for number in numbers(700)]
    await desk.make(list(everybody))
    await desk.plan()
    add = desk.release._producer.add_sends
    calls = 0

    async def break_off(sends):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if cut_off == "after the jobs" or calls % 2 == 0:
            await add(sends)
        if calls % 2:
            raise QueueUnavailable("cut off")

    monkeypatch.setattr(desk.release._producer, "add_sends", break_off)
    for _ in range(8):
        try:
            await desk.release_some()
        except QueueUnavailable:
            continue

    assert calls >= 3
    assert sorted(await desk.sends()) == everybody


async def test_who_it_failed_for_gets_it_again_and_nobody_else(desk: Desk) -> None:
    """A new job, but the same message: the ledger still knows it."""
    await desk.make(numbers(1100))
    await desk.plan()
    with pytest.raises(NotAllowed, match="is running"):
        await desk.control.resend_failed(ORG.id, "c")
    for _ in range(3):
        await desk.release_some()
    for number in await desk.sends():
        await end(desk, number, "failed" if int(number) % 100 == 7 else "sent")
    assert (await desk.campaign()).state == "completed"

    await desk.control.resend_failed(ORG.id, "c")
    while not await desk.planning.go_on(await desk.campaign(), ORG, seconds=10):
        pass
    await desk.store.planned_all(await desk.campaign())
    for _ in range(12):
        await desk.release_some()

    again = await desk.sends()
    assert again == [str(number) for number in numbers(1100) if int(str(number)) % 100 == 7]
    assert [await end(desk, number, again=1) for number in again] == [False] * 10 + [True]
    campaign = await desk.campaign()
    assert (campaign.state, campaign.statuses["sent"], campaign.statuses["failed"]) == ("completed", 1100, 0)
    with pytest.raises(NotAllowed, match="failed for nobody"):
        await desk.control.resend_failed(ORG.id, "c")


async def test_whoever_is_asleep_is_not_written_to(desk: Desk) -> None:
    """Open in one time zone, closed in the other: only the one zone's recipients are released."""
    # 10:30 in São Paulo is 8:30 in Rio Branco; the window of both is one hour around it in São Paulo.
    desk.organization = ORG.model_copy(update={"sending_hours": SendingHours.model_validate({"days": _around_now()})})
    await desk.make(["5511970000001", "5568970000001"])
    await desk.plan()
    await desk.release_some()
    assert await desk.sends() == ["5511970000001"]


def _around_now() -> dict[str, list[list[str]]]:
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    now = datetime.now(ZoneInfo("America/Sao_Paulo"))
    day, names = now.replace(minute=0), ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    until = day + timedelta(hours=1)
    end_text = "24:00" if until.date() != day.date() else until.strftime("%H:%M")
    return {names[now.weekday()]: [[day.strftime("%H:%M"), end_text]]}


async def test_jobs_that_vanished_do_not_keep_a_campaign_open(desk: Desk) -> None:
    """Somebody removed one on the board, another one failed without anybody noting it."""
    await desk.make(numbers(2))
    await desk.plan()
    await desk.release_some()
    await desk.queue.remove(send_job_id(ORG.id, "c", "5511970000000"))
    await end(desk, "5511970000001")

    await desk.release_some()

    campaign = await desk.campaign()
    assert (campaign.state, campaign.statuses["removed"], campaign.statuses["sent"]) == ("completed", 1, 1)


async def test_a_campaign_for_later_is_scheduled(desk: Desk) -> None:
    """Its run waits in the queue until then; started by hand it begins now, and the run that waited does nothing."""
    await desk.make(numbers(1), startAt=now_ms() + 3_600_000)
    for _ in range(2):  # whoever repeats it does not begin it
        scheduled = await desk.control.launch(ORG.id, "c")
        assert (scheduled.state, (await desk.queue.counts())["delayed"]) == ("scheduled", 1)

    started = await desk.control.start(ORG.id, "c")
    assert started.state == "planning"
    assert started.generation == scheduled.generation + 1


async def test_what_does_not_exist(desk: Desk) -> None:
    for action in (desk.control.start, desk.control.pause, desk.control.resume, desk.control.cancel):
        with pytest.raises(NotFound, match="there is no campaign nope"):
            await action(ORG.id, "nope")


async def test_pausing_twenty_times_at_once_is_pausing_once(desk: Desk) -> None:
    await desk.make(numbers(300))
    await desk.plan()
    await desk.release_some()
    await asyncio.gather(*(desk.control.pause(ORG.id, "c") for _ in range(20)))
    await desk.control.resume(ORG.id, "c")
    for _ in range(12):
        await desk.release_some()
    assert len(await desk.sends()) == 300


async def test_a_pause_that_breaks_off_loses_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the jobs were taken out of the queue and before their rows were put back."""
    await desk.make(numbers(300))
    await desk.plan()
    await desk.release_some()

    async def die(*_: object) -> int:
        raise QueueUnavailable("killed")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "take_back", die)
        with pytest.raises(QueueUnavailable):
            await desk.control.pause(ORG.id, "c")
    assert len(await desk.sends()) < 300

    await desk.control.resume(ORG.id, "c")
    for _ in range(12):
        await desk.release_some()
    assert len(await desk.sends()) == len(set(await desk.sends())) == 300


async def test_a_run_that_was_superseded_releases_nothing(desk: Desk) -> None:
    """It was frozen while the campaign was paused and resumed, and comes back with what it knew."""
    await desk.make(numbers(300))
    stale = await desk.plan()
    await desk.control.pause(ORG.id, "c")
    await desk.control.resume(ORG.id, "c")

    now = now_ms()
    lane = await Lanes(Gateways(NoGateway())).of(desk.organization, None, None, "campaign", now)
    await desk.release.go_on(stale, desk.organization, lane, now)

    assert await desk.sends() == []


async def test_rows_that_were_taken_back_are_released_once(desk: Desk) -> None:
    """Two that want the same returned rows: the second has seen a list that is not there any more."""
    await desk.make(numbers(20))
    await desk.plan()
    await desk.release_some()
    await desk.control.pause(ORG.id, "c")
    campaign = await desk.control.resume(ORG.id, "c")
    places = await desk.store.returned(ORG.id, "c", 10)
    sends = [OpenSend(f"send-{number}", place, None) for number, place in enumerate(places)]

    assert await desk.store.release(campaign, None, str(places[0]), "", sends)
    assert not await desk.store.release(campaign, None, str(places[0]), "", sends)
    assert len(await desk.store.returned(ORG.id, "c", 20)) == 10


async def test_late_news_does_not_end_a_campaign_that_is_taken_up_again(desk: Desk) -> None:
    """Paused before the failed ones were found: nobody is planned yet, and all the same it is not over."""
    await desk.make(numbers(2))
    await desk.plan()
    await desk.release_some()
    await end(desk, "5511970000000")
    await end(desk, "5511970000001", "failed")
    await desk.control.resend_failed(ORG.id, "c")
    await desk.control.pause(ORG.id, "c")

    await desk.store.note(ORG.id, "c", "5511970000000", "delivered")

    assert (await desk.campaign()).state == "paused"


async def test_what_was_in_hand_during_the_pause_is_released_anew(desk: Desk) -> None:
    """A worker held it, heard that the campaign is paused, and put it off for long: resuming does not wait for that."""
    await desk.make(numbers(3))
    await desk.plan()
    await desk.release_some()
    held = (await desk.queue.scripts.settle_and_fetch([], 2, "token", FetchRules(30_000, "worker"))).jobs
    await desk.control.pause(ORG.id, "c")
    put_off = [Delayed(job.id, job.token, 3_600_000, counts=False) for job in held]
    await desk.queue.scripts.settle_and_fetch(put_off, 0, "", FetchRules(30_000, "worker"))
    assert (await desk.queue.counts())["delayed"] >= 1

    await desk.control.resume(ORG.id, "c")
    for _ in range(3):
        await desk.release_some()

    assert sorted(await desk.sends()) == [str(number) for number in numbers(3)]
    assert (await desk.queue.counts())["delayed"] == 1  # the job that took the campaign along, which was held too


async def test_paused_gives_the_days_budget_back(desk: Desk) -> None:
    """Ten a day: released, paused and resumed they are still ten, and other campaigns may have them meanwhile."""
    desk.organization = ORG.model_copy(update={"numbers": {"wa_1": NumberSettings(daily=10)}})
    await OrganizationStore(desk.redis, prefix=desk.hub.prefix).save(desk.organization)
    await desk.make(numbers(30))
    await desk.plan()
    await desk.release_some()
    assert len(await desk.sends()) == 10

    await desk.control.pause(ORG.id, "c")
    await desk.make(numbers(4, first=100), campaign_id="other")
    await desk.plan("other")
    await desk.release_some("other")
    assert len(await desk.sends()) == 4

    await desk.control.resume(ORG.id, "c")
    await desk.release_some()
    assert len(await desk.sends()) == 10


async def test_a_campaign_that_takes_months_is_not_forgotten(desk: Desk) -> None:
    """Each pass of its run lets everything of it live on."""
    await desk.make([*numbers(WINDOW + 10), "123"])
    await desk.plan()
    await desk.release_some()
    keys = [key async for key in desk.redis.scan_iter(f"oxyq:{desk.hub.prefix}:org:*:campaign*") if ":c" in key]
    for key in keys:
        await desk.redis.expire(key, 60)

    await desk.store.passed(await desk.campaign(), "", None, now_ms(), 0.0)

    lives = {key: await desk.redis.ttl(key) for key in keys if not key.endswith(":campaigns")}
    assert len(lives) == 5
    assert all(ttl > 29 * 86_400 for ttl in lives.values()), lives
