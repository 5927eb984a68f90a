"""What is exported and imported is what was there."""

import json
from collections.abc import Iterator

import pytest
import redis

from oxyq.engine.hub import Hub
from oxyq.errors import NotAllowed
from oxyq.snapshot import export, remove, restore
from oxyq.snapshot.inventory import How, our_key, queue_family
from tests.integration.snapshot.conftest import Keys, everything_on
from tests.redis_server import RedisServer
from tests.versions.dump import Key
from tests.versions.make_golden import PREFIX

#: The score from which a prioritized job has no priority of its own but a turn.
FIRST_TURN = 2**52
SHOP, BARBER = "org_123", "org_456"
PLACES = ("active", "prioritized", "wait", "paused")


async def test_an_import_makes_what_was_exported(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    before = everything_on(full)

    counts = await restore(target, export(source))

    assert same(everything_on(empty)) == same(before)
    assert everything_on(full).keys() == before.keys()
    assert sum(counts.there.values()) == 0 and not counts.left_out


def same(keys: Keys, prefix: str = PREFIX) -> dict[str, object]:
    """What must be equal: all but what is never exported, and of what waits only in which order it is taken."""
    found: dict[str, object] = {name: value_of(key) for name, key in keys.items() if is_exported(name, prefix)}
    for queue in {name.split(":")[1] for name in keys if name.startswith(f"{prefix}:")}:
        found[f"{queue} in order"] = list(in_order(keys, f"{prefix}:{queue}:"))
    return found


def is_exported(name: str, prefix: str) -> bool:
    """Whether this key is compared as it is."""
    ours, bullmq = f"oxyq:{prefix}:", f"{prefix}:"
    if not name.startswith((ours, bullmq)):
        return False
    if name.startswith(ours):
        return our_key(name.removeprefix(ours).encode()).family.how is not How.NEVER
    rest = name.removeprefix(bullmq).partition(":")[2]
    return queue_family(rest.encode()).how is not How.NEVER and rest not in PLACES


def value_of(key: Key) -> object:
    """Type, value and, more or less, for how long it lives."""
    value = key["value"]
    if ":campaign:" in str(key["key"]):
        # One that was under way is marked as cut off, so that its next run looks for rows without jobs.
        value = [pair for pair in value if pair[0] != "releasing"]
    if key["type"] in ("hash", "set", "zset"):
        value = sorted(value, key=str)
    return key["type"], value, pytest.approx(key["ttl_s"], abs=120) if "ttl_s" in key else None


def in_order(keys: Keys, base: str) -> Iterator[tuple[str, float]]:
    """The jobs that wait, as they are taken; with the priority of those that have one of their own."""

    def members(place: str) -> list[object]:
        return list(keys.get(base + place, {}).get("value", ()))

    yield from ((str(job), 0) for job in reversed(members("active")))
    yield from ((job, 0 if score >= FIRST_TURN else score) for job, score in members("prioritized"))
    yield from ((str(job), 0) for job in reversed(members("wait")))


async def test_an_organization_moves_with_all_that_is_its_own(
    full: RedisServer, empty: RedisServer, source: Hub, target: Hub
) -> None:
    let_go_of_jobs(full)
    before = everything_on(full)

    # When one of two organizations is copied to another server and removed here
    await restore(target, export(source, organization_id=SHOP))
    removed = await remove(source, SHOP)

    # Then nothing on the source speaks of it (but who is logged in), and all of the other is there still
    left = everything_on(full)
    speaking = {name.split(":")[2] for name, key in left.items() if SHOP in json.dumps(key)}
    assert speaking == {"session", "login-link"}
    assert {name for name in before if BARBER in name} <= left.keys()
    # and nothing on the target speaks of the other, and of it there is what there was
    there = everything_on(empty)
    assert not [name for name, key in there.items() if BARBER in json.dumps(key)]
    arrived, expected = same(there), same(before)
    of_shop = [name for name in expected if f":org:{SHOP}:" in name]
    assert {name: arrived[name] for name in of_shop} == {name: expected[name] for name in of_shop}
    # Removed once more there is nothing to remove, and moved back all is as it was
    assert (await remove(source, SHOP)).made.total() == 0 < removed.made.total()
    again = await restore(source, export(target))
    assert again.made.total() > 0
    assert same(everything_on(full)).keys() >= expected.keys()


async def test_what_workers_have_in_hand_is_not_removed_nor_anything_else(full: RedisServer, source: Hub) -> None:
    before = everything_on(full)

    with pytest.raises(NotAllowed, match="1 jobs of organization org_123 in hand"):
        await remove(source, SHOP)

    assert everything_on(full).keys() == before.keys()


def let_go_of_jobs(server: RedisServer) -> None:
    """No worker has a job in hand any more."""
    with redis.Redis.from_url(server.url) as client:
        client.delete(*client.keys("*:lock"))
