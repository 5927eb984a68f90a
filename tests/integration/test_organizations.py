"""The organizations' store against a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.errors import InvalidPayload, NotAllowed, NotFound, QueueUnavailable
from oxyq.jobs import parse_new
from oxyq.organizations import Organization, OrganizationStore, RecentOrganizations, demo_organization


@pytest.fixture(params=[True, False], ids=["str", "bytes"])
async def client(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[redis.asyncio.Redis]:
    """A client that answers with text, and one that answers with bytes."""
    async with redis.asyncio.Redis.from_url(redis_url, decode_responses=request.param) as client:
        yield client


@pytest.fixture
def store(client: redis.asyncio.Redis, prefix: str) -> OrganizationStore:
    return OrganizationStore(client, prefix=prefix)


async def test_what_was_saved_is_read_again(store: OrganizationStore) -> None:
    await store.save(demo_organization())

    assert await store.get("org_demo") == demo_organization()


async def test_saving_again_replaces_what_was_there(store: OrganizationStore) -> None:
    await store.save(demo_organization())
    await store.save(parse_new(Organization, id="org_demo", name="New name"))

    [only] = await store.list()
    assert only.name == "New name"


async def test_an_unknown_organization_is_none(store: OrganizationStore) -> None:
    assert await store.get("org_nobody") is None
    assert await store.list() == []


async def test_the_list_has_all_of_them_by_id(store: OrganizationStore) -> None:
    for organization_id in ("org_b", "org_ç:*", "org_a"):
        await store.save(parse_new(Organization, id=organization_id, name="Shop"))

    assert [organization.id for organization in await store.list()] == ["org_a", "org_b", "org_ç:*"]


async def test_only_the_documented_keys_are_written(
    store: OrganizationStore, client: redis.asyncio.Redis, prefix: str
) -> None:
    await store.save(demo_organization())

    keys = {key if isinstance(key, str) else key.decode() async for key in client.scan_iter(f"*{prefix}*")}
    assert keys == {
        redis_keys.organization("org_demo", prefix=prefix),
        redis_keys.organizations_index(prefix=prefix),
    }


async def test_fields_of_a_newer_version_survive(
    store: OrganizationStore, client: redis.asyncio.Redis, prefix: str
) -> None:
    """Two versions run beside each other during a deploy."""
    await client.set(
        redis_keys.organization("org_1", prefix=prefix), '{"id":"org_1","name":"Shop","fromTheFuture":{"a":1}}'
    )

    read = await store.get("org_1")
    assert read is not None
    await store.save(read)

    assert read == await store.get("org_1")
    assert b"fromTheFuture" in _bytes(await client.get(redis_keys.organization("org_1", prefix=prefix)))


def _bytes(stored: str | bytes | None) -> bytes:
    return stored.encode() if isinstance(stored, str) else stored or b""


@pytest.mark.parametrize("stored", ["not json", "[]", '{"id":"org_1"}', '{"id":"org_1","name":5}'])
async def test_a_broken_record_is_named(
    store: OrganizationStore, client: redis.asyncio.Redis, prefix: str, stored: str
) -> None:
    await client.set(redis_keys.organization("org_1", prefix=prefix), stored)

    with pytest.raises(InvalidPayload, match=r"^organization org_1"):
        await store.get("org_1")


async def test_without_redis_the_queue_is_unavailable() -> None:
    async with redis.asyncio.Redis(port=1, retry=None, decode_responses=True) as nobody:
        store = OrganizationStore(nobody)

        for call in (store.get("org_1"), store.list(), store.save(demo_organization())):
            with pytest.raises(QueueUnavailable):
                await call


async def test_what_was_changed_is_heeded_after_a_moment(store: OrganizationStore) -> None:
    """Workers keep an organization for that long; one that is not there is asked for each time."""
    kept, at_once = RecentOrganizations(store, seconds=3600), RecentOrganizations(store, seconds=0)
    assert await kept.get("org_demo") is None
    await store.save(demo_organization())
    assert await kept.get("org_demo") == await at_once.get("org_demo") == demo_organization()

    changed = demo_organization().model_copy(update={"name": "Outro nome"})
    await store.save(changed)
    assert await kept.get("org_demo") == demo_organization()
    assert await at_once.get("org_demo") == changed


async def test_what_others_change_at_the_same_time_is_not_lost(store: OrganizationStore) -> None:
    await store.save(demo_organization())

    async def add(instance_id: str) -> None:
        await store.change("org_demo", lambda now: now.model_copy(update={"instances": [*now.instances, instance_id]}))

    await asyncio.gather(*(add(f"wa_{number}") for number in range(8)))

    changed = await store.get("org_demo")
    assert changed is not None
    assert sorted(changed.instances) == sorted(["wa_demo", *(f"wa_{number}" for number in range(8))])


async def test_a_change_to_what_was_read_is_refused_when_it_is_another_by_now(store: OrganizationStore) -> None:
    await store.save(demo_organization())
    version = demo_organization().version
    await store.change("org_demo", lambda now: now.model_copy(update={"name": "Ana"}), version=version)

    with pytest.raises(NotAllowed):
        await store.change("org_demo", lambda now: now.model_copy(update={"name": "Bia"}), version=version)
    with pytest.raises(NotFound):
        await store.change("org_nobody", lambda now: now)

    changed = await store.get("org_demo")
    assert changed is not None and changed.name == "Ana"


async def test_a_page_leaves_out_a_broken_one(
    store: OrganizationStore, client: redis.asyncio.Redis, prefix: str
) -> None:
    for organization_id in ("org_b", "org_a", "org_c"):
        await store.save(parse_new(Organization, id=organization_id, name="Shop"))
    await client.set(redis_keys.organization("org_b", prefix=prefix), "{")

    ids = await store.ids()
    assert list(ids) == ["org_a", "org_b", "org_c"]
    assert [organization.id for organization in await store.page([*ids, "org_nobody"])] == ["org_a", "org_c"]
