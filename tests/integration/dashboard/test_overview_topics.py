"""What open pages of the overview are sent: an organization's own, and nothing else, whatever is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from oxyq.app import App, open_app
from oxyq.dashboard.pages.overview import OverviewPage
from oxyq.dashboard.rendering import Pages
from oxyq.engine.events import JobCompleted
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.errors import NotFound
from oxyq.settings import load_settings
from oxyq.statistics.recorder import Recorder


@pytest.fixture
async def app(redis_url: str, prefix: str, tmp_path: Path) -> AsyncIterator[App]:
    """An installation in which one job was done for org_1 and two for org_2."""
    settings = load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path)})
    async with open_app(settings) as app:
        recorder = Recorder(app.hub)
        for organization_id in ("org_1", "org_2", "org_2"):
            fields = {b"name": b"m", b"data": b'{"organizationId":"%b"}' % organization_id.encode()}
            recorder.heard(JobCompleted(Job(RawJob("job-1", "t", fields), "message", None), 0.1))
        await recorder.flush()
        yield app


async def completed(app: App, organization_id: str | None, argument: str) -> int:
    drawn = await OverviewPage(app, Pages()).topics()["done"].poll(organization_id, argument)
    return sum(point[0] for point in drawn["points"])


async def test_who_sees_all_is_sent_what_is_asked_for(app: App) -> None:
    assert await completed(app, None, "1h.all") == 3
    assert await completed(app, None, "24h.message") == 3
    assert await completed(app, None, "90d.campaign") == 0
    assert await completed(app, None, "org_2@1h.all") == 2


async def test_an_organization_is_sent_its_own(app: App) -> None:
    assert await completed(app, "org_1", "1h.all") == 1
    assert await completed(app, "org_1", "org_1@1h.all") == 1


async def test_anothers_is_as_absent_as_nobodys(app: App) -> None:
    for other in ("org_2", "org_9"):
        with pytest.raises(NotFound):
            await completed(app, "org_1", f"{other}@1h.all")


@pytest.mark.parametrize("argument", ["", "1h", "1y.all", "1h.dead-letter", "1h.all.x", "@", "1h.message@"])
async def test_what_is_no_chart_is_not_found(app: App, argument: str) -> None:
    with pytest.raises(NotFound):
        await completed(app, None, argument)


async def test_an_organization_is_sent_nothing_of_the_installation(app: App) -> None:
    assert await OverviewPage(app, Pages()).topics()["overview"].poll("org_1", "") == {}


async def test_whoever_sees_all_is_sent_the_numbers_of_now(app: App) -> None:
    now = await OverviewPage(app, Pages()).topics()["overview"].poll(None, "")

    assert set(now["queues"]) == {"message", "automation", "campaign"}
    assert now["words"].startswith("nobody fine fine fine")
