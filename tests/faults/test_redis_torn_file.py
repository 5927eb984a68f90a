"""The machine lost its power: the end of the append-only file is missing. What is left is whole, and is done."""

import asyncio
import shutil
from pathlib import Path

import pytest

from oxyq.engine import Entry, Queue, Worker
from tests.integration.engine.journal import Journal
from tests.redis_server import RedisServer

JOBS = 40
#: Within the last command, at its end, within the one before, and some that are far away.
BYTES_LOST = (1, 2, 17, 100, 333, 1000, 2500, 7000)


@pytest.fixture
def written(own_redis: RedisServer) -> Path:
    """The folder of a server that was killed after it had acknowledged 40 jobs, one after the other."""

    async def add() -> None:
        queue = Queue("work", redis_url=own_redis.url)
        for number in range(JOBS):
            await queue.add_many([Entry("task", {"n": number}, f"n-{number:02d}")])
        await queue.close()

    asyncio.run(add())
    own_redis.kill()
    return own_redis.folder


async def test_whatever_is_missing_at_the_end_no_job_is_torn_and_the_earlier_ones_are_done(
    written: Path, tmp_path: Path
) -> None:
    survivors = dict[int, int]()
    for lost in BYTES_LOST:
        # Given a file without its last bytes
        folder = tmp_path / f"{lost}"
        shutil.copytree(written, folder)
        [file] = (folder / "appendonlydir").glob("*.incr.aof")
        with file.open("r+b") as tail:
            tail.truncate(file.stat().st_size - lost)

        # When the server is started on it, and a worker
        with RedisServer(folder, "--appendonly", "yes") as server:
            with server.client() as client:
                ids = set(client.lrange("bull:work:wait", 0, -1))
                assert all(client.hexists(f"bull:work:{job_id}", "data") for job_id in ids)
            runs: Journal[str] = Journal()

            async def handler(job, runs=runs):
                runs.note(f"{job.id} {job.data['n']}")

            worker = Worker("work", handler, redis_url=server.url, concurrency=10)
            await worker.start()
            await runs.until(len(ids))
            await worker.stop()

        # Then what is left is the first so many, each whole, and each is run
        survivors[lost] = len(ids)
        assert sorted(runs.entries) == [f"n-{number:02d} {number}" for number in range(len(ids))]
    print(f"bytes lost → jobs left of {JOBS}: {survivors}")
    assert list(survivors.values()) == sorted(survivors.values(), reverse=True)
    assert JOBS > survivors[BYTES_LOST[0]] > survivors[BYTES_LOST[-1]] > 0
