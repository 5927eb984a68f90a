"""How everything stands, and what was done, for who may see it."""

import httpx
import pytest

from oxyq.app import App
from oxyq.engine.events import JobCompleted, JobFailed
from oxyq.engine.job import Job
from oxyq.engine.settlement import RawJob
from oxyq.statistics.heartbeats import Heartbeat
from oxyq.statistics.recorder import Recorder
from tests.integration.api.conftest import As

PATHS = ("/v1/overview", "/v1/workers", "/v1/statistics")


@pytest.fixture
async def done(app: App, shops: tuple[str, str]) -> None:
    """A job of each shop that was done, and one of the second that failed for good."""
    recorder = Recorder(app.hub)
    for organization_id in shops:
        recorder.heard(JobCompleted(_job(organization_id), 0.2))
    recorder.heard(JobFailed(_job("org_2"), "no", None, 0.2))
    await recorder.flush()


def _job(organization_id: str) -> Job:
    fields = {b"name": b"m", b"data": b'{"organizationId":"%b"}' % organization_id.encode(), b"timestamp": b"1"}
    return Job(RawJob("job-1", "t", fields), "message", None)


@pytest.mark.parametrize("path", PATHS)
async def test_everybody_who_may_look_may_see_it(client: httpx.AsyncClient, as_: As, path: str) -> None:
    for role in ("owner", "operator", "viewer", "service"):
        assert (await client.get(path, headers=as_(role))).status_code == 200


async def test_the_overview_has_it_all(client: httpx.AsyncClient, as_: As, app: App, done: None) -> None:
    await app.queues["campaign"].add("send", {"organizationId": "org_123"})
    await Heartbeat(app.hub, {"campaign": 3}, lambda: 2).beat()

    overview = (await client.get("/v1/overview", headers=as_("viewer"))).json()

    queue = overview["queues"][2]
    assert (queue["name"], queue["state"], queue["waiting"], queue["workers"]) == ("campaign", "fine", 1, 1)
    assert queue["oldestWaitingMs"] >= 0
    assert queue["targetSeconds"] == 60.0
    [worker] = overview["workers"]
    assert (worker["queues"], worker["inHand"]) == ({"campaign": 3}, 2)
    assert worker["heardAt"] >= worker["startedAt"] - 5_000
    assert overview["redis"]["server"] == "redis"
    assert (overview["deadLetters"], overview["organization"]) == (0, None)
    assert (await client.get("/v1/workers", headers=as_("viewer"))).json() == {"workers": [worker]}


async def test_an_organization_sees_its_own_and_nothing_of_the_installation(
    client: httpx.AsyncClient, as_: As, app: App, done: None
) -> None:
    await Heartbeat(app.hub, {"message": 5}, lambda: 2).beat()
    mine = as_("owner", "org_2")

    overview = (await client.get("/v1/overview", headers=mine)).json()
    assert (overview["queues"], overview["workers"], overview["redis"], overview["deadLetters"]) == ([], [], None, None)
    assert overview["organization"]["id"] == "org_2"
    assert overview["organization"]["isCounted"] is True
    assert overview["organization"]["last24Hours"][0] == {"name": "message", "completed": 1, "failed": 1, "retried": 0}
    assert (await client.get("/v1/workers", headers=mine)).status_code == 403

    own = (await client.get("/v1/statistics?span=24h", headers=mine)).json()
    assert own["organizationId"] == "org_2"
    assert sum(point["completed"] for point in own["points"]) == 1
    assert (own["wait"], own["run"]) == (None, None)
    others = await client.get("/v1/statistics?organizationId=org_123", headers=mine)
    nobodys = await client.get("/v1/statistics?organizationId=org_9", headers=mine)
    assert (others.status_code, nobodys.status_code) == (404, 404)
    assert others.json()["error"]["message"].replace("org_123", "org_9") == nobodys.json()["error"]["message"]


@pytest.mark.parametrize("span", ["1h", "24h", "7d", "90d"])
async def test_statistics_of_all_and_of_one(client: httpx.AsyncClient, as_: As, done: None, span: str) -> None:
    async def asked(**more: str) -> dict:
        return (await client.get("/v1/statistics", params={"span": span, **more}, headers=as_("viewer"))).json()

    def total(found: dict) -> tuple[int, int]:
        return tuple(sum(point[what] for point in found["points"]) for what in ("completed", "failed"))

    everything = await asked()
    assert (total(everything), everything["queue"], everything["organizationId"]) == ((2, 1), None, None)
    assert everything["run"]["count"] == 3
    assert everything["run"]["p95Seconds"] == pytest.approx(0.2, rel=0.2)
    assert total(await asked(queue="campaign")) == (0, 0)
    assert total(await asked(organizationId="org_123")) == (1, 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [("span=1y", "span"), ("queue=dead-letter", "queue"), ("queue=", "queue"), ("org=org_123", "org"),
     ("span=1h&span=7d", "span")],
)  # fmt: skip
async def test_what_cannot_be_asked_is_named(client: httpx.AsyncClient, as_: As, query: str, field: str) -> None:
    answer = await client.get(f"/v1/statistics?{query}", headers=as_("viewer"))

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
