"""A draft that somebody starts while another one changes it: what was started goes out as it was checked."""

import pytest
import redis.asyncio

from oxyq.campaigns.checks import DraftChecks
from oxyq.campaigns.eta import Pace
from oxyq.contacts import ContactStore
from oxyq.errors import NotAllowed
from tests.integration.campaigns.conftest import ORG, Desk, content, numbers


@pytest.fixture
def checks(desk: Desk, redis_client: "redis.asyncio.Redis", prefix: str) -> DraftChecks:
    """Looks at the drafts of the desk."""
    return DraftChecks(desk.hub, desk.store, ContactStore(redis_client, prefix=prefix))


async def test_who_changes_a_draft_that_was_started_meanwhile_changes_nothing(desk: Desk, checks: DraftChecks) -> None:
    await desk.make(numbers(3), template="Oi!")
    check = checks.begin(await desk.campaign(), ORG, content("Outra coisa!"))
    while await check.step():
        pass
    await desk.control.start(ORG.id, "c")

    with pytest.raises(NotAllowed, match="was started or changed meanwhile"):
        await check.finish(Pace())

    assert (await desk.plan_on()).template == "Oi!"
    assert not await desk.store.reword(await desk.campaign(), content("Outra coisa!"), "f")


async def test_of_two_who_change_it_at_once_the_second_is_told(desk: Desk, checks: DraftChecks) -> None:
    await desk.make(numbers(3), template="Oi!")
    campaign = await desk.campaign()
    first, second = (checks.begin(campaign, ORG, content(text)) for text in ("Um", "Dois"))
    for check in (first, second):
        while await check.step():
            pass

    await first.finish(Pace())
    with pytest.raises(NotAllowed, match="was started or changed meanwhile"):
        await second.finish(Pace())

    assert (await desk.campaign()).template == "Um"
    # The list is still the one that was handed in, so the run finds all of it.
    assert sum((await desk.plan()).rows.values()) == 3


async def test_a_look_at_many_pieces_is_a_look_at_all(desk: Desk, checks: DraftChecks) -> None:
    await desk.make([*numbers(1200), "123", *numbers(2)])
    campaign = await desk.campaign()
    check = checks.begin(campaign, ORG)
    while await check.step():
        pass
    preview = await check.finish(Pace(per_second=1.0))

    assert (preview.recipients, preview.skipped) == (1200, {"invalid": 1, "duplicate": 2})
    again = await checks.last(campaign, ORG, Pace(per_second=1.0))
    assert again is not None
    assert (again.recipients, again.texts, again.left_out) == (1200, preview.texts, preview.left_out)
    assert again.estimate is not None
    assert again.estimate.waits == "limit"
