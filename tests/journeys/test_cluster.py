"""An installation in a Redis Cluster: all its keys lie in one slot, and it follows that slot from node to node."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxyq.app import open_app
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended
from tests.journeys.hosted import bridge_intake, look_at_the_board, under_way, write_as
from tests.redis_cluster import RedisCluster
from tests.redis_server import wait_until

RECIPIENTS, WRITERS = 400, 20
NUMBERS = [f"5511{910_000_000 + n}" for n in range(RECIPIENTS)]
TUNED = {"OXYQ_LOCK_SECONDS": "2", "OXYQ_STALLED_INTERVAL_SECONDS": "0.5", "OXYQ_CAMPAIGN_RATE": "100/1"}


@pytest.fixture
def prefix() -> str:
    """With a hash tag."""
    return "{oxyq}"


@pytest.fixture
def cluster(tmp_path: Path, prefix: str) -> Iterator[RedisCluster]:
    """Three masters; the one that has our keys has a replica."""
    (tmp_path / "servers").mkdir()
    with RedisCluster(tmp_path / "servers", prefix) as cluster:
        yield cluster


@pytest.fixture
def environment(environment: dict[str, str], cluster: RedisCluster) -> dict[str, str]:
    """The same installation in the cluster."""
    return {**environment, "REDIS_URL": cluster.url, **TUNED}


@pytest.mark.timeout(120)
async def test_work_goes_on_when_the_keys_move_and_when_their_node_dies(
    environment: dict[str, str], cluster: RedisCluster, start_oxyq: StartProcess, whatsapp: WhatsApp
) -> None:
    # Given a worker in the middle of a campaign
    start_oxyq("workers", "start")
    async with open_app(load_settings(environment)) as app, bridge_intake(environment) as bridge:
        await app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
        await app.producer.add_campaign_job(
            campaign_id="moved", organization_id=ORGANIZATION, template="Oi", recipients=NUMBERS
        )
        await bridge.take("5541910000001")
        await under_way(app, "moved", 50)
        with cluster.owner.client() as client:
            assert client.dbsize() > 50, "the keys are not where they should be"

        # When another node takes them over in order, so that the old one says MOVED, and people write meanwhile
        await asyncio.to_thread(cluster.promote_replica)
        people = [f"5521{910_000_000 + n}" for n in range(WRITERS)]
        await asyncio.gather(*(write_as(app, number) for number in people), bridge.take("5541910000002"))

        # And when that one dies, and the first is promoted again
        await asyncio.to_thread(wait_until, cluster.owner.follows, "the old master to follow the new one")
        await under_way(app, "moved", 100)
        cluster.replica.kill()
        late = [f"5531{910_000_000 + n}" for n in range(WRITERS)]
        await asyncio.gather(*(write_as(app, number) for number in late), bridge.take("5541910000003"))

        # Then everybody is answered, the campaign goes on to its end, and the board is shown
        counts = await campaign_ended(app, "moved", RECIPIENTS, seconds=60)
        for number in (*people, *late, "5541910000001", "5541910000002", "5541910000003"):
            await whatsapp.until_told(number)
        received = [message.to for message in whatsapp.received if message.to in NUMBERS]
        assert len(received) == len(set(received))
        assert counts.sent + counts.unconfirmed == RECIPIENTS
        assert (counts.failed, counts.waiting, counts.cancelled) == (0, 0, 0)
        await look_at_the_board(app)

    # And nothing of ours is on the other nodes
    for node in cluster.masters:
        if node is not cluster.owner:
            with node.client() as client:
                assert client.dbsize() == 0
