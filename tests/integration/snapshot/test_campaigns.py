"""A campaign in the middle of its work: what is exported of it agrees with itself."""

import redis

from oxyq.engine.hub import Hub
from oxyq.snapshot import export, restore
from tests.integration.snapshot.conftest import everything_on
from tests.redis_server import RedisServer

SHOP = "oxyq:golden:org:org_123"


def hash_of(server: RedisServer, name: str) -> dict[str, str]:
    """The fields of a hash."""
    return dict(everything_on(server)[name]["value"])


async def test_one_under_way_goes_on_as_after_a_crash_and_others_as_they_were(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    # Given a campaign of which sends went out between the looks at its counters and at its recipients
    before = hash_of(full, f"{SHOP}:campaign:c-half")
    with redis.Redis.from_url(full.url) as client:
        client.hincrby(f"{SHOP}:campaign:c-half", "sent", -5)
        client.hincrby(f"{SHOP}:campaign:c-half", "planned", 5)

    await restore(target, export(source))

    # Then its counters are those of the recipients, and its next run looks for rows whose jobs are missing
    assert hash_of(empty, f"{SHOP}:campaign:c-half") == {**before, "releasing": "1"}
    campaigns = {
        name: dict(key["value"]) for name, key in everything_on(empty).items() if name.startswith(f"{SHOP}:campaign:")
    }
    under_way = {name for name, fields in campaigns.items() if fields["state"] in ("planning", "running", "paused")}
    assert {name for name, fields in campaigns.items() if "releasing" in fields} == under_way < campaigns.keys()


async def test_a_draft_whose_recipients_were_not_all_there_comes_without_them(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    # Given a draft into which somebody is putting recipients
    with redis.Redis.from_url(full.url) as client:
        client.hset(f"{SHOP}:campaign:c-new", mapping={"state": "draft", "upload": "token", "template": "Olá"})
        client.hset(f"{SHOP}:campaign-upload:c-new", mapping={"0": b"\x93\xff"})

    await restore(target, export(source))

    # Then it is a draft without any: nobody can put the rest into it and take that for all
    assert hash_of(empty, f"{SHOP}:campaign:c-new") == {"state": "draft", "template": "Olá"}
    assert f"{SHOP}:campaign-upload:c-new" not in everything_on(empty)


async def test_of_a_campaign_that_is_gone_what_is_left_is_taken(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    """Its keys do not go at one moment: a chat's history may outlive it too."""
    left = (f"{SHOP}:campaign-recipients:c-gone", f"{SHOP}:conversation-history:wa_demo:5511900000000")
    with redis.Redis.from_url(full.url) as client:
        client.hset(left[0], "5511900000000", "0 sent 1795444937703")
        client.rpush(left[1], "{}")

    await restore(target, export(source))

    assert set(left) <= everything_on(empty).keys()
