"""Who gets what: each person once, texts frozen, everybody else listed with a reason."""

import pytest

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.rows import PlannedRow, SkippedRow
from oxyq.contacts import ContactStore
from oxyq.errors import QueueUnavailable
from tests.integration.campaigns.conftest import ORG, Desk, numbers


async def planned_rows(desk: Desk, campaign: Campaign) -> list[PlannedRow]:
    """The whole plan, in the order of the rows."""
    return sorted([row async for _, _, rows in desk.store.planned(campaign) for row in rows])


async def skipped_rows(desk: Desk) -> list[SkippedRow]:
    """All that were left out."""
    return [row async for rows in desk.store.skipped(ORG.id, "c") for row in rows]


async def test_each_person_gets_the_text_once(desk: Desk) -> None:
    """Written four ways, with and without the ninth digit, a person is one recipient; own variables go first."""
    await desk.make(
        [
            {"number": "5511999990001", "variables": {"name": "Ana"}},
            "+55 (11) 99999-0001",
            "551199990001",
            "(11) 99999-0001",
            "5511999990002",
            "123",
        ],
        template="Olá {{name}}!",
        variables={"name": "Cliente"},
    )

    campaign = await desk.plan()

    assert await planned_rows(desk, campaign) == [
        PlannedRow(0, "5511999990001", "Olá Ana!"),
        PlannedRow(4, "5511999990002", "Olá Cliente!"),
    ]
    left_out = await skipped_rows(desk)
    assert [(row.row, row.written, row.reason) for row in left_out] == [
        (1, "+55 (11) 99999-0001", "duplicate"),
        (2, "551199990001", "duplicate"),
        (3, "(11) 99999-0001", "duplicate"),
        (5, "123", "invalid"),
    ]
    assert left_out[-1].detail
    assert (campaign.state, campaign.statuses["planned"]) == ("running", 2)
    assert campaign.skipped == {"duplicate": 3, "invalid": 1}


async def test_duplicates_far_apart_and_people_who_opted_out(desk: Desk, redis_client: object, prefix: str) -> None:
    """The same number 1,500 rows later is a duplicate; who said SAIR is not written to."""
    await ContactStore(redis_client, prefix=prefix).opt_out(ORG.id, "5511970000007", source="test")  # type: ignore[arg-type]
    await desk.make([*numbers(1500), *numbers(3)])

    campaign = await desk.plan()

    assert campaign.statuses["planned"] == 1499
    assert campaign.skipped == {"duplicate": 3, "opted_out": 1}
    assert campaign.planned_rows == 1503


async def test_time_zones_are_planned_apart(desk: Desk) -> None:
    """By area code: São Paulo, Manaus, Rio Branco; a number abroad follows the organization."""
    await desk.make(["5511970000001", "5592970000001", "5568970000001", "351912345678"])

    campaign = await desk.plan()

    assert campaign.rows == {"America/Sao_Paulo": 2, "America/Manaus": 1, "America/Rio_Branco": 1}


async def test_a_choice_of_words_is_made_once(desk: Desk) -> None:
    """Planned by whoever, as often as it takes, a person gets the same choice; different people get different ones."""
    await desk.make(numbers(200), template="{Oi|Olá|E aí}, tudo bem?")
    texts = {row.text for row in await planned_rows(desk, await desk.plan())}
    assert texts == {"Oi, tudo bem?", "Olá, tudo bem?", "E aí, tudo bem?"}


@pytest.mark.parametrize("script", ["screen", "plan"])
async def test_a_planning_that_breaks_off_goes_on_where_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Cut off after each call, its reply lost: nobody is a duplicate of himself, nobody is planned twice."""
    await desk.make([*numbers(1300), *numbers(2)])
    await desk.control.start(ORG.id, "c")
    calls, run = 0, desk.store._run

    async def run_and_lose_the_reply(chosen, keys, arguments):  # type: ignore[no-untyped-def]
        nonlocal calls
        reply = await run(chosen, keys, arguments)
        if chosen.name == script:
            calls += 1
            if calls % 2:
                raise QueueUnavailable("the reply was lost")
        return reply

    monkeypatch.setattr(desk.store, "_run", run_and_lose_the_reply)
    for _ in range(10):
        try:
            if await desk.planning.go_on(await desk.campaign(), ORG, seconds=10):
                break
        except QueueUnavailable:
            continue
    monkeypatch.undo()
    await desk.store.planned_all(await desk.campaign())

    campaign = await desk.campaign()
    assert calls >= 3
    assert campaign.statuses["planned"] == 1300
    assert campaign.skipped == {"duplicate": 2}
    assert len({row.number for row in await planned_rows(desk, campaign)}) == 1300


async def test_a_campaign_without_anybody_is_completed(desk: Desk, redis_client: object, prefix: str) -> None:
    """All of them opted out."""
    await ContactStore(redis_client, prefix=prefix).opt_out(ORG.id, "5511970000000", source="test")  # type: ignore[arg-type]
    await desk.make(numbers(1))
    assert (await desk.plan()).state == "completed"


async def test_a_piece_is_written_down_once(desk: Desk) -> None:
    """Whoever comes late with the same piece changes nothing."""
    await desk.make(numbers(3))
    campaign = await desk.control.start(ORG.id, "c")
    zones = {"America/Sao_Paulo": [PlannedRow(0, "5511970000000", "Olá!")]}
    assert await desk.store.plan(campaign, 0, 0, 3, zones, [])
    assert not await desk.store.plan(campaign, 0, 0, 3, zones, [])
    assert (await desk.campaign()).statuses["planned"] == 1
