"""Statistics that raise cost the numbers, and nothing else."""

from pathlib import Path

import pytest

from oxyq.app import open_app
from oxyq.engine.events import JobFailed
from oxyq.settings import load_settings
from oxyq.statistics.recorder import Recorder
from tests.integration.engine.journal import Journal


async def test_jobs_end_and_are_told_all_the_same(
    redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given statistics with a bug
    def broken(self: Recorder, event: object) -> None:
        raise ZeroDivisionError("a bug in the statistics")

    monkeypatch.setattr(Recorder, "heard", broken)
    settings = load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path)})
    told: Journal[object] = Journal()
    async with open_app(settings) as app:
        app.telemetry.listen(told.note)
        workers = app.workers(["message"])
        await workers.start()

        # When jobs end, here those that nobody can do
        ids = [await app.queues["message"].add("message", {"organizationId": "org_1"}) for _ in range(3)]

        # Then each is told, and is among the dead letters
        failed = await told.until(3, lambda event: isinstance(event, JobFailed))
        assert {event.job.id for event in failed} == set(ids)
        await workers.stop(5)
        assert await app.dead_letters.count() == 3
