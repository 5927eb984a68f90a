"""The counters of a campaign are right however often anything is said."""

import asyncio

import pytest
import redis.asyncio

from oxyq.campaigns.progress import CampaignProgress


@pytest.fixture
def progress(redis_client: "redis.asyncio.Redis", prefix: str) -> CampaignProgress:
    """The counters of this test's installation."""
    return CampaignProgress(redis_client, prefix=prefix)


async def test_the_last_recipient_ends_the_campaign_once(progress: CampaignProgress) -> None:
    """Of twenty that end at the same moment, exactly one is told that it was the last."""
    recipients = [str(number) for number in range(20)]
    await progress.plan("org", "c", recipients, skipped=2)
    await progress.planned_all("org", "c")

    last = await asyncio.gather(*(progress.record("org", "c", recipient, "sent") for recipient in recipients))

    assert sum(last) == 1
    assert await progress.counts("org", "c") == {"planned": 0, "sent": 20, "skipped": 2}


async def test_saying_it_again_changes_nothing(progress: CampaignProgress) -> None:
    """A job that runs twice, or a seed that is planned twice, counts once."""
    for _ in range(2):
        await progress.plan("org", "c", ["1", "2"], skipped=0)
        await progress.record("org", "c", "1", "sent")

    assert await progress.counts("org", "c") == {"planned": 1, "sent": 1, "skipped": 0}


async def test_a_send_is_never_undone_but_a_failure_may_turn_out_well(progress: CampaignProgress) -> None:
    """Replayed from the dead letters, what failed may be sent in the end; what was sent stays sent."""
    await progress.plan("org", "c", ["1", "2"], skipped=0)
    await progress.record("org", "c", "1", "sent")
    await progress.record("org", "c", "1", "failed")
    await progress.record("org", "c", "2", "failed")
    await progress.record("org", "c", "2", "sent")

    assert await progress.counts("org", "c") == {"planned": 0, "sent": 2, "failed": 0, "skipped": 0}


async def test_sends_that_end_while_others_are_still_being_planned_do_not_end_it(progress: CampaignProgress) -> None:
    """The campaign ends when every recipient has a job and none is open: by the planner, if it comes last."""
    await progress.plan("org", "c", ["1"], skipped=0)
    assert not await progress.record("org", "c", "1", "sent")

    assert await progress.planned_all("org", "c")
    assert not await progress.planned_all("org", "c")


async def test_it_is_forgotten_after_thirty_days(
    progress: CampaignProgress, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Both keys of a campaign have a TTL from the first word on."""
    await progress.plan("org", "c", ["1"], skipped=1)
    await progress.planned_all("org", "c")

    keys = [key async for key in redis_client.scan_iter(f"oxyq:{prefix}:*")]
    assert len(keys) == 2
    assert all([0 < await redis_client.ttl(key) <= 30 * 86400 for key in keys])
