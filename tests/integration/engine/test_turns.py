"""Fair turns in a queue that several organizations share: whoever has how much waiting, each gets its share."""

import asyncio
import random
import time
from collections import Counter

import pytest

from oxyq.clock import now_ms
from oxyq.engine import Entry, JobOptions, Queue, Rate, Turns, exchange
from oxyq.engine.events import JobCompleted, JobFailed, JobQuarantined
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import FetchRules, NewJob, QueueScripts
from oxyq.engine.settlement import HandedBack
from oxyq.errors import ConfigurationError
from tests.integration.engine.journal import Journal

OWN = 5
TURNS = Turns(by="organizationId", priority=OWN)
RULES = FetchRules(30_000, "worker", turns=TURNS)
#: The two halves of the scores that lua/turns.lua sorts into, and how much one round is there.
LOWER, UPPER, ROUND = 2**52, 2**52 + 2**51, 2**27


class Starts:
    """A handler that notes whose jobs were begun."""

    def __init__(self) -> None:
        self.of: Journal[str] = Journal()

    async def __call__(self, job):
        self.of.note(job.data["organizationId"])


def jobs(organization, count, priority=OWN):
    return [Entry("task", data(organization), options=JobOptions(priority=priority)) for _ in range(count)]


def data(organization):
    return {"organizationId": organization}


@pytest.fixture
async def scripts(hub, prefix):
    """The queue "work" as a worker sees it."""
    await hub.commands.ready(5)
    return QueueScripts(QueueKeys("work", prefix), hub.commands)


async def take(scripts, count, rules=RULES):
    """Ask for so many jobs, as often as there are some to be sorted first, as a worker does."""
    while (batch := await scripts.settle_and_fetch([], count, "ours", rules)).are_unsorted:
        pass
    return [raw.id for raw in batch.jobs]


# --- shares --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", [0, OWN])
async def test_each_organization_has_one_job_in_turn_whatever_the_others_have(queue, start_worker, priority):
    # Given a long line of one organization, and two short ones behind it
    starts = Starts()
    for organization, count in (("ana", 500), ("bia", 3), ("caio", 2)):
        await queue.add_many(jobs(organization, count, priority))

    # When
    await start_worker(starts, turns=TURNS)

    # Then
    begun = await starts.of.until(20)
    assert begun[:8] == ["ana", "bia", "caio", "ana", "bia", "caio", "ana", "bia"]
    assert set(begun[8:20]) == {"ana"}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_three_organizations_get_a_third_of_a_limit_each(queue, start_worker, redis_client, prefix, seed):
    # Given backlogs of very different lengths, in pieces that came in some order, with and without priority
    chance, starts, windows = random.Random(seed), Starts(), 4
    lengths = dict(zip(chance.sample(["ana", "bia", "caio"], 3), (170, 400, 3_000), strict=True))
    pieces = [(name, at, chance.choice([0, OWN])) for name, length in lengths.items() for at in range(0, length, 10)]
    chance.shuffle(pieces)
    if seed == 1:  # all of the longest first
        pieces.sort(key=lambda piece: -lengths[piece[0]])
    await queue.add_many(job for name, _, priority in pieces for job in jobs(name, 10, priority))

    # When a worker starts a hundred in each window of the limit
    await start_worker(starts, concurrency=3, turns=TURNS, rate=Rate(100, per_seconds=1))

    # Then each has a third of every window
    begun = (await starts.of.until(100 * windows, within=20))[: 100 * windows]
    for window in range(windows):
        shares = Counter(begun[window * 100 : window * 100 + 100])
        assert shares.keys() == lengths.keys()
        assert all(abs(share - 33) <= 2 for share in shares.values()), shares


async def test_weight_is_the_number_of_jobs_in_a_round(queue, start_worker):
    # Given
    starts = Starts()
    for organization in ("one", "three", "half"):
        await queue.add_many(jobs(organization, 100))

    # When
    await start_worker(starts, turns=Turns("organizationId", OWN, {"three": 3, "half": 0.5}))

    # Then
    begun = (await starts.of.until(90))[:90]
    assert Counter(begun) == {"one": 20, "three": 60, "half": 10}
    assert "".join(name[0] for name in begun[:18]) == "ottth" + "ottt" + "ottth" + "ottt"


@pytest.mark.timeout(120)
async def test_flood_of_one_organization_does_not_keep_another_waiting(start_redis, prefix, start_worker):
    # Given how long bia waits when she is alone, with ten jobs a second
    url = start_redis().url
    queue = Queue("work", redis_url=url, prefix=prefix)
    waits: Journal[float] = Journal()

    async def handler(job):
        if job.data["organizationId"] == "bia":
            waits.note(time.monotonic() - job.data["at"])
        await asyncio.sleep(0.005)

    await start_worker(handler, redis_url=url, concurrency=5, turns=TURNS)
    alone = await p95_of_bia(queue, waits)

    # When ana puts fifty thousand jobs before hers
    await queue.add_many(jobs("ana", 50_000, priority=0))
    beside = await p95_of_bia(queue, waits)

    # Then
    assert beside <= 2 * alone + 1.0
    await queue.close()


async def p95_of_bia(queue, waits, count=30):
    """Add that many jobs at ten a second, and see how long 95 of 100 waited at most."""
    before = len(waits.entries)
    for _ in range(count):
        await queue.add("task", {**data("bia"), "at": time.monotonic()}, priority=OWN)
        await asyncio.sleep(0.1)
    seen = sorted((await waits.until(before + count))[before:])
    return seen[int(count * 0.95) - 1]


# --- order ---------------------------------------------------------------------------------------------------------


async def test_urgent_job_goes_before_all_turns_and_first_come_first_served(queue, scripts):
    # Given jobs that are sorted, and then urgent ones
    await queue.add_many(jobs("ana", 3))
    await take(scripts, 1)
    second, first, third = [await queue.add("task", data("ana"), priority=priority) for priority in (4, 1, 4)]

    # When, Then
    assert (await take(scripts, 4))[:3] == [first, second, third]


async def test_urgent_job_that_stalled_is_urgent_again(queue, scripts, redis_client, prefix):
    # Given an urgent job that BullMQ's check for stalled jobs has put into wait, like any other
    await queue.add_many(jobs("ana", 3, priority=0))
    urgent = await queue.add("task", data("ana"), priority=1)
    await take(scripts, 1)
    await redis_client.lrem(f"{prefix}:work:active", 1, urgent)
    await redis_client.lpush(f"{prefix}:work:wait", urgent)

    # When, Then
    assert await take(scripts, 1) == [urgent]


async def test_job_that_was_handed_back_does_not_wait_behind_the_others_of_its_organization(queue, scripts):
    # Given a job that a stopping worker hands back, and a long line behind it
    await queue.add_many(jobs("ana", 300))
    [handed_back] = await take(scripts, 1)
    assert await scripts.settle(HandedBack(handed_back, "ours"), RULES) == 0

    # When, Then
    assert handed_back in await take(scripts, 2)


async def test_organization_whose_jobs_somebody_removed_does_not_wait_for_their_turns(queue, scripts):
    # Given that many jobs of ana were sorted and then removed, while bia has many
    ids = await queue.add_many(jobs("ana", 300))
    await queue.add_many(jobs("bia", 300))
    await take(scripts, 2)
    assert [await queue.remove(job_id) for job_id in ids[1:]] == [True] * 299

    # When ana has one more
    new = await queue.add("task", data("ana"), priority=OWN)

    # Then it has the next turn
    assert new in await take(scripts, 2)


async def test_rounds_that_come_to_their_end_begin_anew(queue, scripts, redis_client, prefix):
    # Given sorted jobs far in the rounds
    key = f"{prefix}:work:prioritized"
    ids = await queue.add_many([*jobs("ana", 4), *jobs("bia", 4)])
    first = await take(scripts, 1)
    for job_id, score in await redis_client.zrange(key, 0, -1, withscores=True):
        await redis_client.zadd(key, {job_id: score + (2**23 + 1) * ROUND})
    assert await redis_client.zcount(key, UPPER, "+inf") == 7

    # When a new one is sorted
    ids.append(await queue.add("task", data("caio"), priority=OWN))
    second = await take(scripts, 1)

    # Then all others are in the other half, none is lost, and caio has a turn after one of ana's
    assert await redis_client.zcount(key, LOWER, f"({UPPER}") == 7
    rest = await take(scripts, 20)
    assert sorted([*first, *second, *rest]) == sorted(ids)
    assert [*second, *rest[:2]] == [ids[4], ids[1], ids[8]]


# --- whose a job is ------------------------------------------------------------------------------------------------

TEXTS = {
    '{"organizationId":"ana","n":1}': "ana",
    ' { "n" : 1, "organizationId" : "ana" } ': "ana",
    '{"inner":{"organizationId":"bia"},"organizationId":"ana"}': "ana",
    '{"list":[1],"organizationId":"ana"}': "ana",
    '{"text":"{","organizationId":"ana"}': "ana",
    '{"text":"\\"organizationId\\":\\"bia\\"","organizationId":"ana"}': "ana",
    '{"text":"organizationId","organizationId":"ana"}': "ana",
    '{"organizationId":"z\\u00e9"}': "zé",
    '{"organizationId":"zé"}': "zé",
    '{"organizationId":"a\\"b"}': 'a"b',
    '{"organizationId":42}': "42",
    '{"inner":{"organizationId":"bia"}}': "",
    '{"organizationId":null}': "",
    '{"organizationId":{"a":1}}': "",
    '["organizationId"]': "",
    '{"organizationId":': "",
    "no JSON": "",
    "": "",
    "[" * 5_000 + '"organizationId"': "",
    '{"organizationId":"ana","text":"' + "x" * 70_000 + '"}': "ana",
    # So much text is not read to the end: the first such field counts, wherever it is.
    '{"inner":{"organizationId":"bia"},"organizationId":"ana","text":"' + "x" * 70_000 + '"}': "bia",
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:40])
async def test_the_field_of_the_outermost_object_says_whose_a_job_is(scripts, redis_client, prefix, text):
    # Given a job with such data, whoever wrote it, and another one
    await scripts.add(NewJob("first", "task", text, {}, now_ms()))
    await scripts.add(NewJob("second", "task", "{}", {}, now_ms()))

    # When it is sorted
    await take(scripts, 1)

    # Then
    lines = {name.removeprefix("new:") for name in await redis_client.hkeys(f"{prefix}:work:turns:next") if ":" in name}
    assert lines == {TEXTS[text], ""}


async def test_what_is_no_job_and_what_no_json_stops_nobody(queue, scripts, start_worker, redis_client, prefix, told):
    # Given a list and an overwritten id among the jobs, one whose hash is gone, and one whose data is no JSON
    starts = Starts()
    await queue.add_many([Entry("task", data("ana"), job_id) for job_id in ("one", "list", "two", "gone", "three")])
    await redis_client.delete(f"{prefix}:work:list", f"{prefix}:work:gone")
    await redis_client.rpush(f"{prefix}:work:list", "x")
    await scripts.add(NewJob("broken", "task", '{"organizationId":"ana', {}, now_ms()))
    await redis_client.rpush(f"{prefix}:work:wait", "0:0")

    # When
    await start_worker(starts, turns=TURNS)

    # Then the others run, and nothing is left
    await told.until(3, lambda event: isinstance(event, JobCompleted))
    wrong = await told.until(3, lambda event: isinstance(event, JobQuarantined | JobFailed))
    assert sorted(getattr(event, "job_id", None) or event.job.id for event in wrong) == ["broken", "gone", "list"]
    for key in ("wait", "prioritized", "active"):
        assert not await redis_client.exists(f"{prefix}:work:{key}")


# --- how much at once ----------------------------------------------------------------------------------------------


async def test_nothing_is_taken_while_some_are_unsorted_but_urgent_jobs_are(queue, scripts):
    # Given more jobs than one call sorts, and an urgent one
    await queue.add_many(jobs("ana", 450))
    urgent = await queue.add("task", data("ana"), priority=1)

    # When
    calls = [await scripts.settle_and_fetch([], 2, "ours", RULES) for _ in range(3)]

    # Then
    assert [[raw.id for raw in batch.jobs] for batch in calls[:2]] == [[urgent], []]
    assert [batch.are_unsorted for batch in calls] == [True, True, False]
    assert len(calls[2].jobs) == 2


async def test_in_a_hurry_sorted_jobs_are_taken_though_some_are_not(queue, scripts):
    # Given
    ids = await queue.add_many(jobs("ana", 450))

    # When
    batch = await scripts.settle_and_fetch([], 2, "ours", RULES, hurry=True)

    # Then
    assert batch.are_unsorted
    assert [raw.id for raw in batch.jobs] == ids[:2]


async def test_worker_that_sorts_for_long_takes_jobs_meanwhile(queue, start_worker, redis_client, prefix, monkeypatch):
    # Given more jobs than can be sorted in the time that a worker does nothing else
    monkeypatch.setattr(exchange, "LONGEST_SORTING_SECONDS", 0.0)
    starts, unsorted = Starts(), []

    async def handler(job):
        unsorted.append(await redis_client.zcount(f"{prefix}:work:prioritized", 0, f"({LOWER}"))
        await starts(job)

    await queue.add_many(jobs("ana", 3_000))

    # When
    await start_worker(handler, turns=TURNS)

    # Then
    await starts.of.until(3_000, within=30)
    assert unsorted[0] > 0


async def test_large_jobs_are_sorted_a_few_at_a_time(queue, scripts):
    # Given ten jobs of 300 kB each
    ids = await queue.add_many([Entry("task", {**data("ana"), "text": "x" * 300_000}) for _ in range(10)])

    # When
    calls = [await scripts.settle_and_fetch([], 1, "ours", RULES) for _ in range(3)]

    # Then four a call, so that no call copies more than a megabyte and one job
    assert [batch.are_unsorted for batch in calls] == [True, True, False]
    assert [raw.id for raw in calls[2].jobs] == ids[:1]


# --- what is left behind -------------------------------------------------------------------------------------------


async def test_nothing_is_kept_of_turns_when_the_queue_is_empty(queue, scripts, redis_client, prefix):
    # Given a queue in which turns are remembered, though not for ever
    await queue.add_many(jobs("ana", 3))
    await take(scripts, 1)
    assert 0 < await redis_client.ttl(f"{prefix}:work:turns:next") <= 7 * 24 * 3600

    # When all is taken, or removed with the queue
    assert len(await take(scripts, 3)) == 2

    # Then
    assert not await redis_client.exists(f"{prefix}:work:turns:next")
    await queue.add_many(jobs("ana", 3))
    await take(scripts, 1)
    await queue.obliterate()
    assert not await redis_client.exists(f"{prefix}:work:turns:next")


async def test_organizations_that_come_and_go_leave_nothing_behind(queue, scripts, redis_client, prefix):
    # Given a queue that is never empty
    await queue.add_many(jobs("ana", 2_000))
    await take(scripts, 1)

    # When a thousand others have one job each
    for number in range(0, 1_000, 10):
        await queue.add_many(job for one in range(number, number + 10) for job in jobs(f"org-{one}", 1))
        await take(scripts, 12)

    # Then most of them are forgotten
    assert await redis_client.hlen(f"{prefix}:work:turns:next") < 100


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda: Turns('a"b'), "name of a field"),
        (lambda: Turns("organizationId", -1), "priority -1"),
        (lambda: Turns("organizationId", 2**20), "from 0 to 1048575"),
        (lambda: Turns("organizationId", weights={"ana": 0}), "weight 0 of 'ana'"),
        (lambda: Turns("organizationId", weights={"ana": float("nan")}), "weight nan"),
    ],
)
def test_wrong_turns_are_refused_with_the_reason(wrong, problem):
    with pytest.raises(ConfigurationError, match=problem):
        wrong()


async def test_without_turns_nothing_is_sorted(queue, start_worker, redis_client, prefix):
    starts = Starts()
    await queue.add_many([*jobs("ana", 3), *jobs("bia", 3)])

    await start_worker(starts)

    assert await starts.of.until(6) == ["ana"] * 3 + ["bia"] * 3
