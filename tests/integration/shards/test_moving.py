"""Moving an organization: all of it goes along, nothing stays behind, and it is never in two places."""

import pytest
import redis

from oxyq import redis_keys
from oxyq.errors import NotAllowed, NotFound, OrganizationMoving, QueueUnavailable
from oxyq.gateways.simulator import read_log
from oxyq.instances import Instance
from oxyq.jobs import InboundMessage, parse_new
from oxyq.process import running_workers
from oxyq.producer import job_options
from oxyq.settings import HOME
from oxyq.shards.lease import held_lease
from oxyq.shards.moving import move
from oxyq.shards.place import Place
from oxyq.shards.producing import RoutedProducer
from oxyq.shards.shards import MOVING, Shard, Shards
from oxyq.shards.strays import Strays
from tests.integration.shards.conftest import ORG, OTHER, SOUTH, keys_of, message, until

STEPS = ("freezing", "copying", "clearing", "opening")


def _silent(_: str) -> None:
    """Nobody listens to the steps."""


async def _any(shard: Shard, queue: str, *states: str) -> bool:
    counts = (await shard.app.queue_counts())[queue]
    return any(counts[state] for state in states)


async def _none(shard: Shard, queue: str, *states: str) -> bool:
    return not await _any(shard, queue, *states)


async def test_all_of_it_goes_along_and_nothing_stays(shards: Shards, producer: RoutedProducer) -> None:
    # Given jobs that wait and are delayed, a person who wants no campaigns, and a draft
    home, south = shards.home.app, shards.named(SOUTH).app
    for number in range(20):
        await producer.add_message_job(message(ORG, number))
    await producer.add_message_job(message(OTHER, 1))
    reminder = {
        "automationId": "a1", "organizationId": ORG, "recipientNumber": "5511999990001", "content": "Amanhã!",
        "type": "reminder", "instanceId": "wa_demo",
    }  # fmt: skip
    await producer.add_automation_job(reminder, delay_ms=3_600_000)
    await home.contacts.opt_out(ORG, "5511999990002", source="test")
    # When it is moved
    records = await move(shards, ORG, SOUTH, _silent)
    # Then all is at south, nothing at home, and the other organization's job is where it was
    assert records > 21
    assert (await south.queue_counts())["message"]["waiting"] == 20
    assert (await south.queue_counts())["automation"]["delayed"] == 1
    assert (await home.queue_counts())["message"]["waiting"] == 1
    assert await keys_of(shards, HOME, ORG) == set()
    assert await south.organizations.get(ORG) is not None
    assert await south.contacts.opted_out(ORG, ["5511999990002"]) != set()
    assert await home.organizations.ids() == [OTHER]
    assert await shards.place_now(ORG) == Place(SOUTH)
    # And a fact that came in before is known there
    assert await producer.add_message_job(message(ORG, 3)) == await producer.add_message_job(message(ORG, 3))
    assert (await south.queue_counts())["message"]["waiting"] == 20


async def test_there_and_back(shards: Shards, producer: RoutedProducer) -> None:
    await producer.add_message_job(message(ORG, 1))
    before = await keys_of(shards, HOME, ORG)
    await move(shards, ORG, SOUTH, _silent)
    await move(shards, ORG, HOME, _silent)
    assert await keys_of(shards, HOME, ORG) == before
    assert await keys_of(shards, SOUTH, ORG) == set()
    assert await shards.place_now(ORG) == Place(HOME)
    await producer.add_message_job(message(ORG, 2))
    assert (await shards.home.app.queue_counts())["message"]["waiting"] == 2


async def test_what_is_added_meanwhile_is_refused_and_what_was_being_added_is_not_called_done(
    shards: Shards, producer: RoutedProducer
) -> None:
    home = shards.home
    await home.away.put(ORG, MOVING)
    with pytest.raises(OrganizationMoving, match="2 s"):
        await producer.add_message_job(message(ORG, 1))
    assert await _none(home, "message", "waiting")
    await producer.add_message_job(message(OTHER, 1))  # nobody else notices
    # A process that believes what it knew, and adds in the moment of the move
    await home.away.put(ORG, None)
    shard = await shards.of(ORG)
    await home.away.put(ORG, MOVING)
    assert not await shard.is_at_home_here(ORG)


async def test_what_workers_have_in_hand_is_waited_for(shards: Shards, producer: RoutedProducer) -> None:
    # Given a message to somebody slow (the simulator takes 2 s), in a worker's hands
    home, south = shards.home, shards.named(SOUTH)
    reminder = {
        "automationId": "slow", "organizationId": ORG, "recipientNumber": "5511999999904", "content": "Oi",
        "type": "reminder", "instanceId": "wa_demo",
    }  # fmt: skip
    async with (
        running_workers(home.app, (), Strays(shards, home).elsewhere),
        running_workers(south.app, (), Strays(shards, south).elsewhere),
    ):
        await producer.add_automation_job(reminder)
        await until(lambda: _any(home, "automation", "active"), "a worker to take it")
        # When it is moved in that moment
        await move(shards, ORG, SOUTH, _silent)
        # Then it went out once, from home, before the move, which took its record along
        counts = await south.app.queue_counts()
        assert counts["automation"]["completed_kept"] == 1
        assert (await home.app.queue_counts())["automation"]["completed_kept"] == 0
    assert len(read_log(home.app.settings.simulator_log_path)) == 1


async def test_strays_are_taken_to_their_organization(shards: Shards, producer: RoutedProducer) -> None:
    # Given an organization at south, and a service in Node that still adds at home
    home, south = shards.home, shards.named(SOUTH)
    await move(shards, ORG, SOUTH, _silent)
    await producer.add_message_job(message(ORG, 1))
    payloads = [parse_new(InboundMessage, message(ORG, number)) for number in (1, 2)]
    options = job_options(home.app.settings.policies["message"])
    for payload in payloads:
        await home.app.queues["message"].add(
            "message", message(ORG, int(payload.message_id[-1])), job_id=payload.job_id(), attempts=options.attempts
        )
    # When home's workers meet them
    async with running_workers(home.app, ["message"], Strays(shards, home).elsewhere):
        await until(lambda: _none(home, "message", "waiting", "active"), "home's workers to meet them")
    # Then what was not there is at south, once, and nothing became a dead letter
    assert set(await south.app.queues["message"].all_ids("prioritized")) == {payload.job_id() for payload in payloads}
    assert await home.app.dead_letters.count() == 0


async def test_on_a_shard_that_this_process_does_not_know_a_job_is_left_to_others(
    shards: Shards, producer: RoutedProducer
) -> None:
    home = shards.home
    await producer.add_message_job(message(ORG, 1))
    await shards.change(ORG, Place(HOME), Place("east"))
    await home.away.put(ORG, "east")
    async with running_workers(home.app, ["message"], Strays(shards, home).elsewhere):
        await until(lambda: _any(home, "message", "delayed"), "the job to be put off")
    assert await _none(home, "message", "failed", "completed")


async def test_called_off_it_stays_and_goes_on(shards: Shards, producer: RoutedProducer) -> None:
    # Given a move that broke off in the middle of the copying
    await producer.add_message_job(message(ORG, 1))
    before = await keys_of(shards, HOME, ORG)
    place = Place(HOME)
    assert await shards.change(ORG, place, place.leaving(SOUTH))
    for name in (HOME, SOUTH):
        await shards.named(name).away.put(ORG, MOVING)
    with pytest.raises(OrganizationMoving):
        await producer.add_message_job(message(ORG, 2))
    # When it is called off
    await move(shards, ORG, HOME, _silent)
    # Then it is at home as before
    assert await keys_of(shards, HOME, ORG) == before
    await producer.add_message_job(message(ORG, 2))
    assert (await shards.home.app.queue_counts())["message"]["waiting"] == 2


async def test_what_cannot_be_moved(shards: Shards) -> None:
    with pytest.raises(NotFound, match="no organization org_nobody at home"):
        await move(shards, "org_nobody", SOUTH, _silent)
    place = Place(SOUTH)
    assert await shards.change("org_there", Place(HOME), place.leaving("north"))
    with pytest.raises(NotAllowed, match="on its way to north"):
        await move(shards, "org_there", HOME, _silent)


async def test_a_linked_number_is_taken_from_its_bridge_and_goes_along(shards: Shards) -> None:
    # Given a number that a bridge at home has open
    home, south, prefix = shards.home.app, shards.named(SOUTH).app, shards.home.app.settings.redis_prefix
    await home.instances.save(Instance(id="wa_bridged", organization_id=ORG, gateway="baileys"))
    lease, fence, auth = (
        key("wa_bridged", prefix=prefix)
        for key in (redis_keys.bridge_lease, redis_keys.bridge_fence, redis_keys.bridge_auth)
    )
    await home.redis.set(lease, '{"bridge":"b1","url":"http://127.0.0.1:1","fence":7,"at":1}')
    await home.redis.set(fence, 7)
    await home.redis.hset(auth, "creds", "sealed")
    held_while_copied = list[str]()

    def look(step: str) -> None:
        if step.startswith("clearing"):
            with redis.Redis.from_url(home.settings.redis_url or "", decode_responses=True) as client:
                held_while_copied.append(str(client.get(lease)))

    # When its organization is moved
    await move(shards, ORG, SOUTH, look)
    # Then the bridge had lost it before its keys were copied, and a bridge at south may open it with them
    assert ['"bridge":"move"' in held for held in held_while_copied] == [True]
    assert await south.redis.hgetall(auth) == {"creds": "sealed"}
    assert int(await south.redis.get(fence) or 0) > 7
    assert await south.redis.get(lease) is None
    assert await home.redis.exists(lease, auth) == 0


async def test_only_one_mover_at_a_time(shards: Shards) -> None:
    home = shards.home.app
    key = redis_keys.shard_move(ORG, prefix=home.settings.redis_prefix)
    async with held_lease(home.hub, key) as lease:
        lease.check()
        # When somebody else has it, since this process was frozen for too long
        await home.redis.set(key, "another")

        async def is_lost() -> bool:
            try:
                lease.check()
            except QueueUnavailable:
                return True
            return False

        # Then it does nothing more, and leaves the other's alone
        await until(is_lost, "the lease to be missed")
    assert await home.redis.get(key) == "another"


class _BrokenOffError(Exception):
    """The mover ended here."""


@pytest.mark.parametrize("step", STEPS)
async def test_broken_off_at_any_step_it_goes_on_where_it_was(
    shards: Shards, producer: RoutedProducer, step: str
) -> None:
    # Given a move that ends as this step begins, and somebody who adds at home all the same
    home, south = shards.home.app, shards.named(SOUTH).app
    ids = {await producer.add_message_job(message(ORG, number)) for number in range(5)}

    def break_off(begins: str) -> None:
        if begins.startswith(step):
            raise _BrokenOffError

    with pytest.raises(_BrokenOffError):
        await move(shards, ORG, SOUTH, break_off)
    assert (await shards.place_now(ORG)).is_moving
    stray = parse_new(InboundMessage, message(ORG, 9))
    await home.queues["message"].add("message", message(ORG, 9), job_id=stray.job_id())
    # When it is run again
    await move(shards, ORG, SOUTH, _silent)
    # Then all of it is at south, each job once, and at home there is nothing but the stray, if that came too late
    at_south = [*await south.queues["message"].all_ids("wait"), *await south.queues["message"].all_ids("prioritized")]
    at_home = [*await home.queues["message"].all_ids("wait"), *await home.queues["message"].all_ids("prioritized")]
    assert sorted([*at_south, *at_home]) == sorted({*ids, stray.job_id()})
    assert set(at_home) <= {stray.job_id()}
    assert await keys_of(shards, HOME, ORG) == set()
    assert await shards.place_now(ORG) == Place(SOUTH)
    assert await shards.named(SOUTH).is_at_home_here(ORG)
    assert not await shards.home.is_at_home_here(ORG)
