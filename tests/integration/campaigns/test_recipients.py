"""The recipients of a campaign by page: everybody once and in the order of the list, and who is looked for."""

from types import SimpleNamespace

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.campaigns.recipient import Recipient
from oxyq.campaigns.recipient_search import GROUPS, Group, Search
from oxyq.campaigns.recipients import Recipients
from oxyq.campaigns.row_streams import Mark
from oxyq.contacts import ContactStore
from oxyq.errors import InvalidPayload
from tests.integration.campaigns.conftest import ORG, Desk, numbers

SAO_PAULO, MANAUS, ACRE, WAITING = "5511970000001", "5592970000002", "5568970000003", "5511970000004"
CAPPED, OUT = "5511970000005", "5511970000006"


async def everybody(
    desk: Desk, words: str = "", *, masked: bool = False, limit: int = 2, group: Group | None = None
) -> list[Recipient]:
    """All pages one behind the other."""
    found, mark = list[Recipient](), Mark()
    while True:
        page = await Recipients(desk.store).page(
            await desk.campaign(), Search(words, is_masked=masked), mark, group=group, limit=limit
        )
        assert len(page.recipients) <= limit
        found += page.recipients
        if page.next is None:
            return found
        mark = Mark.read(str(page.next))


async def rows(desk: Desk, words: str = "", *, masked: bool = False, group: Group | None = None) -> list[int]:
    """Which rows of the list were found."""
    return [recipient.row for recipient in await everybody(desk, words, masked=masked, group=group)]


@pytest.fixture
async def planned(desk: Desk, redis_client: "redis.asyncio.Redis", prefix: str) -> Desk:
    """A campaign in which everything happened, to people of three time zones."""
    await ContactStore(redis_client, prefix=prefix).opt_out(ORG.id, OUT, source="test")
    names = ("Ana", "Bia", "Caio", "Davi", "Eva", "Fábio")
    people = (SAO_PAULO, MANAUS, ACRE, WAITING, CAPPED, OUT)
    recipients = [{"number": n, "variables": {"nome": name}} for n, name in zip(people, names, strict=True)]
    await desk.make([recipients[0], "123", *recipients[1:], "(11) 97000-0001"], template="Oi {{nome|você}}!")
    await desk.plan()
    await desk.release_some()
    await desk.store.note(ORG.id, "c", SAO_PAULO, "sent", detail="wamid-1", at_ms=1)
    await desk.store.note(ORG.id, "c", SAO_PAULO, "read", detail="wamid-1", at_ms=2)
    await desk.store.note(ORG.id, "c", MANAUS, "failed", detail="not on WhatsApp", at_ms=3)
    await desk.store.note(ORG.id, "c", ACRE, "unconfirmed", at_ms=4)
    await desk.store.note(ORG.id, "c", CAPPED, "capped", at_ms=5)
    return desk


async def test_everybody_comes_in_the_order_of_the_list(planned: Desk) -> None:
    """Whatever their time zone, and also those who were left out."""
    found = await everybody(planned)

    assert [(one.row, one.number, one.status) for one in found] == [
        (1, SAO_PAULO, "read"),
        (2, "123", "skipped"),
        (3, MANAUS, "failed"),
        (4, ACRE, "unconfirmed"),
        (5, WAITING, "planned"),
        (6, CAPPED, "skipped"),
        (7, OUT, "skipped"),
        (8, "(11) 97000-0001", "skipped"),
    ]
    assert found[0] == Recipient(1, SAO_PAULO, "read", None, "wamid-1", 2, "Oi Ana!")
    assert found[2] == Recipient(3, MANAUS, "failed", "not on WhatsApp", None, 3, "Oi Bia!")
    assert (found[1].reason or "").startswith("invalid: ")
    assert [one.reason for one in found[5:]] == ["capped", "opted_out", "duplicate"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("waiting", [5]), ("sent", [1]), ("delivered", [1]), ("read", [1]), ("failed", [3]), ("unconfirmed", [4]),
        ("skipped", [2, 6, 7, 8]), ("cancelled", []), ("invalid", [2]), ("duplicate", [8]), ("opted_out", [7]),
        ("capped", [6]), ("removed", []),
    ],
)  # fmt: skip
async def test_a_group_has_those_that_the_campaign_counts_in_it(
    planned: Desk, group: Group, expected: list[int]
) -> None:
    assert await rows(planned, group=group) == expected


def test_every_group_is_tried() -> None:
    (mark,) = [
        mark
        for mark in test_a_group_has_those_that_the_campaign_counts_in_it.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]
    assert [group for group, _ in mark.args[1]] == list(GROUPS)


async def test_who_was_waiting_when_it_was_cancelled(planned: Desk) -> None:
    await planned.control.cancel(ORG.id, "c")

    assert await rows(planned, group="waiting") == []
    assert await rows(planned, group="cancelled") == [5]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("5511970000001", [1, 8]),  # a whole number: the person, however it was written
        ("11 7000-0001", [1, 8]),  # and without the ninth digit, as it was once
        ("97000", [1, 3, 4, 5, 6, 7, 8]),
        ("0002", [3]),
        ("ana", [1]),
        ("FABIO", []),  # left out before any text was made for him
        ("dav", [4 + 1]),
        ("ia", []),  # words are found by their beginnings
        ("  ", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
async def test_who_is_looked_for_is_found(planned: Desk, words: str, expected: list[int]) -> None:
    assert await rows(planned, words) == expected


async def test_who_sees_no_numbers_cannot_feel_their_way_to_one(planned: Desk) -> None:
    """They find whom they know already, by the whole number, and by the digits that are shown to all."""
    assert await rows(planned, "(92) 97000-0002", masked=True) == [3]
    assert await rows(planned, "0002", masked=True) == [3]
    assert await rows(planned, "9700", masked=True) == []
    for words in ("97000", "ana", "55"):
        with pytest.raises(InvalidPayload, match="masked for you; give a whole number, or its last 4 digits"):
            Search(words, is_masked=True)


async def test_a_draft_shows_its_list_before_anybody_planned_it(desk: Desk) -> None:
    await desk.make([{"number": "11970000001", "variables": {"nome": "Ana"}}, "123", MANAUS], template="Oi {{nome|!}}")

    found = await everybody(desk)

    assert [(one.row, one.number, one.status, one.text) for one in found] == [
        (1, SAO_PAULO, "planned", "Oi Ana"),
        (2, "123", "skipped", ""),
        (3, MANAUS, "planned", "Oi !"),
    ]
    assert await rows(desk, "Ana") == [1]


async def test_a_campaign_that_is_half_planned_shows_all_of_its_list(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given 1,200 rows of which the first 500 are planned, and more are planned between two pages."""
    await desk.make([*numbers(1200)])
    await desk.control.start(ORG.id, "c")
    with monkeypatch.context() as clock:
        clock.setattr("oxyq.campaigns.planning.time", SimpleNamespace(monotonic=iter((0, 0, 9)).__next__))
        await desk.planning.go_on(await desk.campaign(), desk.organization, seconds=1)
    assert (await desk.campaign()).planned_rows == 500

    first = await Recipients(desk.store).page(await desk.campaign(), Search("", is_masked=False), Mark(), limit=700)
    await desk.plan_on()
    assert first.next is not None
    rest = await Recipients(desk.store).page(await desk.campaign(), Search("", is_masked=False), first.next, limit=700)

    assert [one.row for one in (*first.recipients, *rest.recipients)] == list(range(1, 1201))


async def test_one_of_many_is_found_without_looking_through_all(
    desk: Desk, redis_client: "redis.asyncio.Redis"
) -> None:
    """By the whole number: a few pieces of the plan are read, not all twenty."""
    people = [
        f"55{area}9{70_000_000 + at}" for at, area in zip(range(10_000), ("11", "92", "11", "68") * 2500, strict=True)
    ]
    await desk.make([*people])
    await desk.plan()
    before = await redis_client.info("commandstats")

    found = await everybody(desk, people[7_777])

    after = await redis_client.info("commandstats")
    assert [(one.row, one.number) for one in found] == [(7_778, people[7_777])]
    assert after["cmdstat_lindex"]["calls"] - before["cmdstat_lindex"]["calls"] < 20


async def test_how_far_a_long_look_came_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given it takes longer than a page may, then the page ends there and says how to go on."""
    monkeypatch.setattr("oxyq.campaigns.recipients.SEARCH_SECONDS", 0)
    await desk.make([*numbers(1200)])
    await desk.plan()

    page = await Recipients(desk.store).page(await desk.campaign(), Search("5511970001100", is_masked=True), Mark())
    assert [one.row for one in page.recipients] == [1101]

    page = await Recipients(desk.store).page(await desk.campaign(), Search("1100", is_masked=False), Mark())
    assert (page.recipients, page.looked) == ([], 500)
    assert page.next is not None
    assert [one.row for one in await everybody(desk, "1100")] == [1101]


async def test_the_few_it_failed_for_are_found_among_many_at_once(
    desk: Desk, redis_client: "redis.asyncio.Redis"
) -> None:
    """By their rows, and not by looking through the plan."""
    people = [f"55{'11' if at % 3 else '92'}9{70_000_000 + at}" for at in range(10_000)]
    await desk.make([*people])
    await desk.plan()
    for row in (9_999, 3, 5_000):
        await desk.store.note(ORG.id, "c", people[row], "failed", detail="no", at_ms=1)
    before = await redis_client.info("commandstats")

    found = await rows(desk, group="failed")

    after = await redis_client.info("commandstats")
    assert found == [4, 5_001, 10_000]
    assert after["cmdstat_lindex"]["calls"] - before["cmdstat_lindex"]["calls"] < 20


async def test_those_of_a_campaign_from_before_are_found_too(planned: Desk) -> None:
    """Given nobody wrote their rows down then."""
    await planned.redis.delete(redis_keys.campaign_exceptions(ORG.id, "c", prefix=planned.hub.prefix))

    assert await rows(planned, group="failed") == [3]
    assert await rows(planned, group="skipped") == [2, 6, 7, 8]


async def test_who_got_it_in_the_end_did_not_fail(planned: Desk) -> None:
    await planned.store.note(ORG.id, "c", MANAUS, "sent", detail="wamid-2", at_ms=9)
    await planned.store.note(ORG.id, "c", ACRE, "failed", detail="late", at_ms=9)

    assert await rows(planned, group="failed") == []
    assert await rows(planned, group="unconfirmed") == [4]
    key = redis_keys.campaign_exceptions(ORG.id, "c", prefix=planned.hub.prefix)
    assert set(await planned.redis.zrange(key, 0, -1)) == {ACRE, CAPPED}


async def test_who_is_sent_to_again_is_waited_for(desk: Desk) -> None:
    await desk.make([*numbers(3)])
    await desk.plan()
    for number, status in enumerate(("sent", "failed", "sent")):
        await desk.store.note(ORG.id, "c", str(numbers(3)[number]), status, at_ms=1)  # type: ignore[arg-type]
    assert await rows(desk, group="failed") == [2]

    await desk.control.resend_failed(ORG.id, "c")
    await desk.plan_on()

    assert await rows(desk, group="failed") == []
    assert await rows(desk, group="waiting") == [2]
    assert not await desk.redis.exists(redis_keys.campaign_exceptions(ORG.id, "c", prefix=desk.hub.prefix))
