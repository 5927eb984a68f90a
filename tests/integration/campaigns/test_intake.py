"""Recipients come in piece by piece; a campaign is made once, and nothing is sent before it is whole."""

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.campaigns.intake import CampaignIntake
from oxyq.clock import now_ms
from oxyq.errors import IdConflict, InvalidPayload, NotFound
from tests.integration.campaigns.conftest import ORG, Desk, content, numbers


async def test_a_campaign_is_made_once_whatever_the_way(desk: Desk) -> None:
    """Handed in again in other portions it is the same campaign; with one recipient more it is another."""
    await desk.make(numbers(1200))
    filling = await CampaignIntake(desk.store).open(content())
    for first in range(0, 1200, 7):
        await filling.add([(str(number), {}) for number in numbers(1200)[first : first + 7]])
    same = await filling.finish()
    assert (same.state, same.uploaded) == ("draft", 1200)

    with pytest.raises(IdConflict, match="campaignId"):
        await desk.make(numbers(1201))
    with pytest.raises(IdConflict):
        await desk.make(numbers(1200), template="Outra coisa")
    assert (await desk.campaign()).uploaded == 1200


async def test_what_broke_off_is_made_anew(desk: Desk, redis_client: "redis.asyncio.Redis", prefix: str) -> None:
    """A file with a mistake in its middle, corrected: nothing of the first try is left."""
    broken = await CampaignIntake(desk.store).open(content("Olá {{name}}!"))
    await broken.add([(str(number), {"name": "Ana"}) for number in numbers(1100)])
    with pytest.raises(InvalidPayload, match=r"\{\{name\}\} has no value for recipient 5511970001100"):
        await broken.add([("5511970001100", {})])

    await desk.make(numbers(3), template="Oi!")
    planned = await desk.plan()
    assert (planned.uploaded, planned.statuses["planned"], planned.template) == (3, 3, "Oi!")
    assert not await redis_client.exists(redis_keys.campaign_upload(ORG.id, "c", prefix=prefix))


async def test_two_who_hand_in_the_same_campaign_at_once(desk: Desk) -> None:
    """The one that came last goes on; the other is told."""
    rows = [(str(number), dict[str, str]()) for number in numbers(600)]
    first = await CampaignIntake(desk.store).open(content())
    await first.add(rows[:10])
    second = await CampaignIntake(desk.store).open(content())
    with pytest.raises(IdConflict):
        await first.add(rows[10:])
    await second.add(rows[:5])
    await second.finish()

    with pytest.raises(IdConflict):
        await first.finish()
    assert (await desk.campaign()).uploaded == 5


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "recipients: are none"),
        ([("123", {}), ("abc", {})], r"recipients\[0\]: .*and so it is with all"),
        ([("5511970000000", {"name": "x" * 4100})], "as rendered for recipient 5511970000000, has 4104 characters"),
    ],
)
async def test_bad_recipients_are_refused_before_anything_is_sent(
    desk: Desk, rows: list[tuple[str, dict[str, str]]], problem: str
) -> None:
    filling = await CampaignIntake(desk.store).open(content("Olá {{name|}}"))
    with pytest.raises(InvalidPayload, match=problem):
        await filling.add(rows)
        await filling.finish()
    assert not (await desk.campaign()).is_uploaded


@pytest.mark.parametrize(
    ("away_ms", "problem"),
    [(-120_000, "startAt: is in the past"), (367 * 86_400_000, "startAt: is more than 366 days ahead")],
)
async def test_a_start_that_nobody_can_mean(desk: Desk, away_ms: int, problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        await desk.make(numbers(1), startAt=now_ms() + away_ms)
    with pytest.raises(NotFound):
        await desk.campaign()


async def test_everything_of_a_campaign_has_an_end(desk: Desk, redis_client: object, prefix: str) -> None:
    """Every key has a TTL, from the first word on."""
    await desk.make([*numbers(600), "123"])
    await desk.plan()
    await desk.release_some()
    await desk.control.pause(ORG.id, "c")

    keys = [key async for key in redis_client.scan_iter(f"oxyq:{prefix}:*")]  # type: ignore[attr-defined]
    assert len(keys) == 6
    assert all([0 < await redis_client.ttl(key) <= 30 * 86400 for key in keys])  # type: ignore[attr-defined]
