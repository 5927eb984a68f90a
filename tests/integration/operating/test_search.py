"""Looking through the jobs of a queue: what fits is found, what does not is not, and nothing else is shown."""

import pytest
import redis.asyncio

from oxyq.engine import Queue
from oxyq.errors import InvalidPayload
from oxyq.operating.search import job_search, state_index
from oxyq.operating.search.job_filter import JobFilter, read_filter
from oxyq.operating.search.job_search import JobPage, JobSearch
from tests.integration.engine.journal import eventually
from tests.integration.operating.conftest import QUEUE, AddJobs


def ids(page: JobPage) -> list[str]:
    return [job.id for job in page.jobs]


async def complete(search: JobSearch, wanted: JobFilter, state: str = "waiting", start: int = 0) -> JobPage:
    """The page as it is once everything was looked at."""

    async def is_complete() -> bool:
        page = await search.page(QUEUE, state, wanted, start, 10)
        return page.search is not None and page.search.is_complete

    await eventually(is_complete, True)
    return await search.page(QUEUE, state, wanted, start, 10)


async def test_without_a_filter_pages_are_by_place_and_what_runs_next_is_first(
    search: JobSearch, queue: Queue, add_jobs: AddJobs
) -> None:
    added = await add_jobs(25)
    urgent = await queue.add("now", {}, job_id="urgent", priority=1)

    first = await search.page(QUEUE, "waiting", JobFilter(), 0, 10)
    last = await search.page(QUEUE, "waiting", JobFilter(), 20, 10)

    assert (ids(first), first.has_more, first.count, first.search) == (added[:10], True, 26, None)
    assert (ids(last), last.has_more) == ([*added[20:], urgent], False)


async def test_every_filter_finds_what_fits_and_nothing_else(search: JobSearch, add_jobs: AddJobs) -> None:
    added = await add_jobs(40)
    await add_jobs(5, delay_ms=60_000, prefix="later")

    of_one = await complete(search, JobFilter(organization_id="org_1"))
    assert (ids(of_one), of_one.count) == ([added[n] for n in range(1, 40, 4)], 10)
    assert ids(await complete(search, read_filter({"contact": "(11) 90000-0007"}))) == [added[7]]
    assert ids(await complete(search, JobFilter(organization_id="org_1", name="name0"))) == []
    assert ids(await complete(search, JobFilter(text="NÚMERO 39.".lower()))) == [added[39]]
    assert ids(await complete(search, JobFilter(organization_id="org_0", text="mensagem"), start=8)) == [
        added[32],
        added[36],
    ]
    assert (await complete(search, JobFilter(organization_id="org_3"), "delayed")).count == 1


async def test_what_left_the_state_is_not_shown_although_it_was_indexed(
    search: JobSearch, queue: Queue, add_jobs: AddJobs
) -> None:
    added = await add_jobs(8, organizations=1, delay_ms=60_000)
    wanted = JobFilter(organization_id="org_0")
    assert ids(await complete(search, wanted, "delayed")) == added

    await queue.promote(added[3])

    assert ids(await search.page(QUEUE, "delayed", wanted, 0, 10)) == [*added[:3], *added[4:]]


async def test_what_does_not_belong_to_an_organization_any_more_is_not_shown_to_it(
    search: JobSearch, add_jobs: AddJobs, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    [job_id] = await add_jobs(1)
    wanted = JobFilter(organization_id="org_0")
    assert ids(await complete(search, wanted)) == [job_id]

    await redis_client.hset(f"{prefix}:{QUEUE}:{job_id}", "data", '{"organizationId":"org_9"}')

    assert ids(await search.page(QUEUE, "waiting", wanted, 0, 10)) == []


async def test_new_jobs_are_found_as_soon_as_the_index_is_old(
    search: JobSearch, add_jobs: AddJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_search, "FRESH_SECONDS", 0)
    monkeypatch.setattr(job_search, "REST", 0)
    wanted = JobFilter(organization_id="org_0")
    await add_jobs(1)
    assert (await complete(search, wanted)).count == 1

    await add_jobs(1, prefix="new")

    assert (await complete(search, wanted)).count == 2


async def test_a_big_state_is_looked_through_while_somebody_looks(
    search: JobSearch, add_jobs: AddJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given nobody asks any more, it is left half read; and begun anew with the next question."""
    monkeypatch.setattr(state_index, "IDLE_SECONDS", -1)
    await add_jobs(1000)
    found, is_complete = await search.count(QUEUE, "waiting", JobFilter(organization_id="org_0"))
    assert found < 250
    assert not is_complete

    monkeypatch.setattr(state_index, "IDLE_SECONDS", 10)
    assert (await complete(search, JobFilter(organization_id="org_0"))).count == 250


async def test_facets_count_the_values_of_all_or_of_one_organization(search: JobSearch, add_jobs: AddJobs) -> None:
    await add_jobs(9, organizations=2)

    of_all = await search.facets(QUEUE, "waiting")
    of_one = await search.facets(QUEUE, "waiting", "org_1")

    assert of_all.values["organization_id"] == [("org_0", 5), ("org_1", 4)]
    assert of_all.values["error"] == []
    assert of_one.values["organization_id"] == [("org_1", 4)]
    assert of_one.values["name"] == [("name1", 4)]


async def test_what_is_no_job_is_told_and_harms_nobody(
    search: JobSearch, queue: Queue, add_jobs: AddJobs, redis_client: "redis.asyncio.Redis", prefix: str
) -> None:
    """Given keys that are no hash, no JSON, and a million letters long, among jobs."""
    await add_jobs(1)
    base = f"{prefix}:{QUEUE}:"
    await redis_client.set(f"{base}text", "no job")
    await redis_client.hset(f"{base}bad", mapping={"name": "bad", "data": "{", "timestamp": "1"})
    long = '{"x":"' + "y" * 1_000_000 + '","organizationId":"org_0"}'
    await redis_client.hset(f"{base}long", mapping={"name": "long", "data": long, "timestamp": "1"})
    await redis_client.rpush(f"{base}wait", "text", "gone", "bad", "long")

    everything = await search.page(QUEUE, "waiting", JobFilter(), 0, 10)
    assert ids(everything) == ["long", "bad", "gone", "text", "job-00000"]
    assert [bool(job.broken) for job in everything.jobs] == [False, True, True, True, False]
    assert ids(await complete(search, JobFilter(organization_id="org_0"))) == ["long", "job-00000"]
    assert ids(await complete(search, JobFilter(text="yyyy"))) == ["long"]


async def test_there_are_no_other_states(search: JobSearch) -> None:
    with pytest.raises(InvalidPayload):
        await search.page(QUEUE, "meta", JobFilter(), 0, 10)
