"""The campaigns of an organization by page: those in some states, those with some words, none lost between pages."""

import pytest

from oxyq.campaigns.campaign import State
from oxyq.campaigns.catalogue import Catalogue
from tests.integration.campaigns.conftest import ORG, Desk


async def ids(desk: Desk, limit: int = 2, words: str = "", states: tuple[State, ...] = ()) -> list[str]:
    """All pages one behind the other."""
    found, behind = list[str](), None
    while True:
        page = await Catalogue(desk.store).page(ORG.id, states=states, words=words, behind=behind, limit=limit)
        assert len(page.campaigns) <= limit
        found += [campaign.id for campaign in page.campaigns]
        if (behind := page.next) is None:
            return found


@pytest.fixture
async def made(desk: Desk) -> Desk:
    """Five campaigns, the second cancelled, the fourth begun."""
    for number in range(1, 6):
        await desk.make(["5511970000001"], f"Promoção {number}: banho", f"sale {number}")
    await desk.control.cancel(ORG.id, "sale 2")
    await desk.control.start(ORG.id, "sale 4")
    return desk


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
async def test_the_newest_come_first_and_each_once(made: Desk, limit: int) -> None:
    assert await ids(made, limit) == ["sale 5", "sale 4", "sale 3", "sale 2", "sale 1"]


async def test_those_in_some_states_and_with_some_words(made: Desk) -> None:
    assert await ids(made, states=("draft",)) == ["sale 5", "sale 3", "sale 1"]
    assert await ids(made, states=("cancelled", "planning")) == ["sale 4", "sale 2"]
    assert await ids(made, words="promocao 3") == ["sale 3"]
    assert await ids(made, words="SALE") == ["sale 5", "sale 4", "sale 3", "sale 2", "sale 1"]
    assert await ids(made, words="banho", states=("cancelled",)) == ["sale 2"]
    assert await ids(made, words="tosa") == []


async def test_one_that_is_made_between_two_pages_moves_none(made: Desk) -> None:
    first = await Catalogue(made.store).page(ORG.id, limit=2)
    await made.make(["5511970000001"], campaign_id="newer")

    second = await Catalogue(made.store).page(ORG.id, behind=first.next, limit=2)

    assert [campaign.id for campaign in second.campaigns] == ["sale 3", "sale 2"]


async def test_a_page_that_ends_with_the_last_says_so(made: Desk) -> None:
    assert (await Catalogue(made.store).page(ORG.id, limit=5)).next is None
    assert (await Catalogue(made.store).page(ORG.id, behind="gone", limit=5)).campaigns == []
