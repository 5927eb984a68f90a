"""The numbers in Redis: one owner for each id, secrets that nobody reads there, and what was last heard."""

import asyncio
import json

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.errors import ConfigurationError, InvalidPayload, QueueUnavailable
from oxyq.instances import LONGEST_SECRET, Instance, InstanceStore
from oxyq.jobs import parse_new
from oxyq.sealing import Sealer
from tests.redis_server import RedisServer

KEY = "a-key-that-seals-of-40-characters......."
CLOUD = Instance(id="wa_1", organization_id="org_1", gateway="cloud", phone_number_id="1122")
QR = Instance(id="wa_2", organization_id="org_1", gateway="baileys")
TOKEN = "EAAG-a-token"


def store_of(client: "redis.asyncio.Redis", prefix: str, key: str = KEY) -> InstanceStore:
    """A store that seals with this key."""
    return InstanceStore(client, lambda: Sealer(key), prefix=prefix)


@pytest.fixture
def store(redis_client: "redis.asyncio.Redis", prefix: str) -> InstanceStore:
    """The numbers of this test's installation."""
    return store_of(redis_client, prefix)


def problem(*fields: object, **more: object) -> tuple[str, str]:
    """What is wrong with an instance of these fields."""
    with pytest.raises(InvalidPayload) as caught:
        parse_new(Instance, {"id": "wa_1", "organizationId": "org_1", **more})
    return caught.value.field, caught.value.problem


# --- what an instance is ------------------------------------------------------------------------------------


def test_each_gateway_says_what_it_needs() -> None:
    assert problem(gateway="cloud")[0] == "phoneNumberId"
    assert problem(gateway="evolution")[0] == "server"
    assert problem(gateway="waha") == ("server", "is missing; give the address, such as https://waha.example.com")
    assert problem(gateway="whatsapp")[0] == "gateway"


@pytest.mark.parametrize(
    "server",
    [
        "evolution.example.com",
        "ftp://evolution.example.com",
        "https://",
        "https://user:password@evolution.example.com",
        "https://evolution.example.com/?apikey=x",
        "https://evolution.example.com/#top",
    ],
)
def test_a_server_is_an_address_and_nothing_more(server: str) -> None:
    assert problem(gateway="evolution", server=server)[0] == "server"


def test_the_address_of_a_server_is_kept_in_one_form() -> None:
    instance = parse_new(
        Instance, id="wa_1", organization_id="org_1", gateway="evolution", server="http://127.0.0.1:8080/evo/"
    )

    assert instance.server == "http://127.0.0.1:8080/evo"


# --- the table ----------------------------------------------------------------------------------------------


async def test_what_was_saved_is_found(store: InstanceStore) -> None:
    await store.save(QR)
    await store.save(CLOUD)

    assert await store.get("wa_1") == CLOUD
    assert await store.get("wa_3") is None
    assert await store.list() == [CLOUD, QR]


async def test_an_id_belongs_to_one_organization(store: InstanceStore) -> None:
    """Webhooks name it, and nothing else says whose they are."""
    await store.save(CLOUD)

    with pytest.raises(InvalidPayload) as taken:
        await store.save(Instance(id="wa_1", organization_id="org_2", gateway="baileys"))

    assert taken.value.field == "id"
    assert await store.get("wa_1") == CLOUD


async def test_a_field_of_a_later_version_is_kept_and_a_broken_row_names_itself(
    store: InstanceStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    table = redis_keys.instances(prefix=prefix)
    row = {"id": "wa_9", "organizationId": "org_1", "gateway": "baileys", "colour": "green"}
    await redis_client.hset(table, mapping={"wa_9": json.dumps(row), "wa_8": "{}", "wa_7": "no JSON"})

    found = await store.get("wa_9")
    assert found is not None
    assert found.model_extra == {"colour": "green"}
    for instance_id in ("wa_8", "wa_7"):
        with pytest.raises(InvalidPayload) as broken:
            await store.get(instance_id)
        assert broken.value.field.startswith(f"instance {instance_id}")


# --- secrets ------------------------------------------------------------------------------------------------


async def test_a_secret_is_sealed_in_redis(
    store: InstanceStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    await store.save(CLOUD)
    await store.set_secret(CLOUD, "access_token", TOKEN)

    assert await store.secrets(CLOUD) == {"access_token": TOKEN}
    stored = await redis_client.hgetall(redis_keys.instance_secrets("wa_1", prefix=prefix))
    assert TOKEN not in str(stored)


async def test_one_number_s_secret_is_of_no_use_under_another(
    store: InstanceStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    other = Instance(id="wa_3", organization_id="org_2", gateway="cloud", phone_number_id="3344")
    await store.set_secret(CLOUD, "access_token", TOKEN)
    stored = await redis_client.hgetall(redis_keys.instance_secrets("wa_1", prefix=prefix))
    await redis_client.hset(redis_keys.instance_secrets("wa_3", prefix=prefix), mapping=stored)

    with pytest.raises(ConfigurationError, match="wa_3:access_token"):
        await store.secrets(other)


async def test_without_the_key_that_sealed_them_the_cure_is_told(
    store: InstanceStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    await store.set_secret(CLOUD, "access_token", TOKEN)

    with pytest.raises(ConfigurationError, match="OXYQ_SECRETS_KEY"):
        await store_of(redis_client, prefix, "another-key-of-40-characters............").secrets(CLOUD)


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("api_key", TOKEN, "name"),
        ("access_token", "", "access_token"),
        ("access_token", "  ", "access_token"),
        ("access_token", f"{TOKEN}\n", "access_token"),
        ("access_token", "a" * (LONGEST_SECRET + 1), "access_token"),
    ],
)
async def test_a_wrong_secret_is_refused_and_not_repeated(
    store: InstanceStore, name: str, value: str, field: str
) -> None:
    with pytest.raises(InvalidPayload) as refused:
        await store.set_secret(CLOUD, name, value)

    assert refused.value.field == field
    assert TOKEN not in str(refused.value)
    assert await store.secrets(CLOUD) == {}


async def test_the_key_is_asked_for_only_when_there_is_a_secret(
    redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Numbers of the bridge have none, and need no key in production."""

    def no_key() -> Sealer:
        raise ConfigurationError("OXYQ_SECRETS_KEY: is missing")

    store = InstanceStore(redis_client, no_key, prefix=prefix)
    await store.save(QR)

    assert await store.secrets(QR) == {}
    with pytest.raises(ConfigurationError):
        await store.set_secret(CLOUD, "access_token", TOKEN)


# --- how they stand, and their end --------------------------------------------------------------------------


async def test_what_was_last_heard_is_known(store: InstanceStore) -> None:
    assert await store.known_state("wa_1") is None
    before = now_ms()

    await store.note_state("wa_1", "connecting")
    await store.note_state("wa_1", "closed", "x" * 1000)

    known = await store.known_state("wa_1")
    assert known is not None
    assert (known.state, known.detail) == ("closed", "x" * 500)
    assert before <= known.at_ms <= now_ms()


async def test_a_removed_number_leaves_nothing_behind(
    store: InstanceStore, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    await store.save(CLOUD)
    await store.set_secret(CLOUD, "access_token", TOKEN)
    await store.note_state("wa_1", "open")

    assert await store.remove("wa_1")

    assert [key async for key in redis_client.scan_iter(f"oxyq:{prefix}:*")] == []
    assert not await store.remove("wa_1")


async def test_without_redis_everything_says_so(own_redis: RedisServer, prefix: str) -> None:
    async with redis.asyncio.Redis.from_url(own_redis.url, decode_responses=True, socket_timeout=1) as client:
        store = store_of(client, prefix)
        await asyncio.to_thread(own_redis.kill)
        for asking in (
            store.get("wa_1"), store.list(), store.save(CLOUD), store.remove("wa_1"), store.secrets(CLOUD),
            store.set_secret(CLOUD, "access_token", TOKEN), store.note_state("wa_1", "open"), store.known_state("wa_1"),
        ):  # fmt: skip
            with pytest.raises(QueueUnavailable):
                await asking
