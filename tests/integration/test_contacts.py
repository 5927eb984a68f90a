"""Who is out of the campaigns: kept by organization, however the number is written."""

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.contacts import ContactStore
from oxyq.errors import InvalidPayload, QueueUnavailable

NUMBER = "5511999990001"


@pytest.fixture
def contacts(redis_client: "redis.asyncio.Redis", prefix: str) -> ContactStore:
    """The contacts of this test's installation."""
    return ContactStore(redis_client, prefix=prefix)


async def test_a_wish_is_kept_with_how_it_came(
    contacts: ContactStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    assert await contacts.opt_out("org", NUMBER, source="msg-1", words="SAIR")

    consent = await contacts.consent("org", NUMBER)
    assert consent is not None
    assert (consent.is_out, consent.source, consent.words) == (True, "msg-1", "SAIR")
    # For ever: a wish to be left alone does not run out.
    assert await redis_client.ttl(redis_keys.contact("org", NUMBER, prefix=prefix)) == -1


async def test_numbers_are_one_with_and_without_the_ninth_digit(contacts: ContactStore) -> None:
    await contacts.opt_out("org", "551199990001@c.us", source="msg-1")

    assert await contacts.opted_out("org", [NUMBER, "5511999990002", "+55 (11) 99999-0001"]) == {
        NUMBER,
        "+55 (11) 99999-0001",
    }


async def test_organizations_do_not_share_wishes(contacts: ContactStore) -> None:
    await contacts.opt_out("org", NUMBER, source="msg-1")

    assert await contacts.opted_out("other", [NUMBER]) == set()


async def test_saying_it_again_is_news_only_to_the_same_job(contacts: ContactStore) -> None:
    """A job that runs again confirms what it did; another message of the same person is not confirmed again."""
    assert await contacts.opt_out("org", NUMBER, source="msg-1")
    assert await contacts.opt_out("org", NUMBER, source="msg-1")
    assert not await contacts.opt_out("org", NUMBER, source="msg-2")


async def test_who_comes_back_is_reached_again(contacts: ContactStore) -> None:
    assert not await contacts.opt_in("org", NUMBER, source="msg-0")
    await contacts.opt_out("org", NUMBER, source="msg-1")

    assert await contacts.opt_in("org", NUMBER, source="msg-2", words="voltar")

    assert await contacts.opted_out("org", [NUMBER]) == set()
    consent = await contacts.consent("org", NUMBER)
    assert consent is not None
    assert (consent.is_out, consent.words) == (False, "voltar")


async def test_many_are_asked_about_in_order(contacts: ContactStore) -> None:
    numbers = [f"55119{10_000_000 + n}" for n in range(1_201)]
    for number in (numbers[0], numbers[600], numbers[1_200]):
        await contacts.opt_out("org", number, source="import")

    assert await contacts.opted_out("org", numbers) == {numbers[0], numbers[600], numbers[1_200]}


async def test_that_somebody_was_reached_is_forgotten_after_a_day(
    contacts: ContactStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    assert not await contacts.was_reached("org", NUMBER)

    await contacts.reached("org", NUMBER)

    assert await contacts.was_reached("org", NUMBER)
    assert 86_000 < await redis_client.ttl(redis_keys.reached("org", NUMBER, prefix=prefix)) <= 86_400


async def test_what_is_no_number_is_refused(contacts: ContactStore) -> None:
    with pytest.raises(InvalidPayload, match="number"):
        await contacts.opt_out("org", "nobody", source="cli")


async def test_without_redis_it_is_said() -> None:
    away = ContactStore(redis.asyncio.Redis(port=1, socket_connect_timeout=0.2))

    with pytest.raises(QueueUnavailable, match="contacts"):
        await away.opted_out("org", [NUMBER])


async def test_those_who_are_out_are_listed_the_last_one_first(contacts: ContactStore) -> None:
    """Given three who went out and one of them who came back; then two are listed, page by page, in their order."""
    ana, bia, eva = "5511999990001", "5511999990002", "5511999990003"
    for number in (ana, bia, eva):
        await contacts.opt_out("org", number, source="msg-1", words="SAIR")
    await contacts.opt_in("org", bia, source="msg-2")

    first = await contacts.latest_out("org", 1)
    [(contact, consent)] = first
    rest = await contacts.latest_out("org", 10, after=(consent.at_ms, contact))

    assert await contacts.out_count("org") == 2
    assert {contact, *(other for other, _ in rest)} == {ana, eva}
    assert consent.words == "SAIR"
    assert await contacts.latest_out("org_2", 10) == []


async def test_who_is_out_under_a_number_is_listed_under_the_hidden_id_that_turned_out_to_be_theirs(
    contacts: ContactStore,
) -> None:
    await contacts.opt_out("org", NUMBER, source="msg-1")
    await contacts.join("org", [NUMBER, "123456789@lid"])

    assert {contact for contact, _ in await contacts.latest_out("org", 10)} == {NUMBER, "123456789@lid"}
