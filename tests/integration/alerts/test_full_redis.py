"""When memory is full somebody must be told of it, once, although nearly nothing can be written then."""

from dataclasses import replace
from pathlib import Path

from oxyq.app import open_app
from oxyq.settings import load_settings
from tests.conftest import StartRedis
from tests.integration.alerts.conftest import SECRET, Receiver


async def test_a_full_redis_is_told_once(start_redis: StartRedis, receiver: Receiver, tmp_path: Path) -> None:
    server = start_redis()
    with server.client() as client:
        client.set("ballast", "x" * 6_000_000)
        client.config_set("maxmemory", 6_000_000)
    settings = load_settings(
        {
            "REDIS_URL": server.url, "OXYQ_DATA_DIR": str(tmp_path), "OXYQ_ALERT_WEBHOOK": receiver.url,
            "OXYQ_ALERT_SECRET": SECRET, "OXYQ_ALERT_OWNERS": "true",
        }
    )  # fmt: skip
    async with open_app(settings) as app:
        await app.alert_watch.run_once()
        [memory] = [one for one in await app.alerts.all() if one.rule == "redis-memory"]
        assert memory.state == "pending"

        # As if a minute had passed
        await app.alerts.save([replace(memory, since_ms=memory.since_ms - 60_000)], ())
        for _ in range(3):
            await app.alert_watch.run_once()

    assert [one for one in receiver.news if one.startswith("redis-memory")] == ["redis-memory firing"]
