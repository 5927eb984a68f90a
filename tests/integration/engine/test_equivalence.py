"""Our batch scripts leave behind what BullMQ's do: the same keys, the same events, from the same random states.

Both sides get the same jobs and the same clock. On one side BullMQ's scripts end the jobs one by one and take the next
ones; on the other our script does it in one call. Then everything under the two prefixes is compared.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxyq.engine import Hub
from oxyq.engine import scripts as scripts_module
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import FetchRules, NewJob, QueueScripts
from oxyq.engine.settlement import Completed, Delayed, FailedForGood, Keep, RawJob, Retried, Settlement

T0 = 1_795_377_084_000
FIELDS = ("failedReason", "why", "stacktrace", "[]")
#: Others in each run; a change of the script is tried with thousands.
EXAMPLES = int(os.environ.get("OXYQ_TEST_EQUIVALENCE_EXAMPLES", "100"))


@dataclass(frozen=True)
class Waiting:
    """A job in the queue beside those in hand; `due` only for delayed ones, in ms from now."""

    kind: str
    priority: int = 0
    due: int = 0
    lifo: bool = False
    deferred: bool = False
    parent: bool = False


@dataclass(frozen=True)
class InHand:
    """A job that was taken, how it ends, and what went wrong with it meanwhile."""

    ending: str
    keep: Keep
    delay: int
    trouble: str
    priority: int
    attempts: int


@dataclass(frozen=True)
class Scene:
    """One random state, and what is asked of it."""

    in_hand: list[InHand]
    waiting: list[Waiting]
    finished: int
    wanted: int
    paused: bool
    concurrency: int | None
    global_rate: int | None
    own_rate: int | None
    started_in_window: int


keeps = st.sampled_from([Keep(), Keep(count=0), Keep(count=2), Keep(count=1, age_seconds=60), Keep(age_seconds=30)])
one_keep_or_many = st.one_of(keeps.map(lambda keep: st.just(keep)), st.just(keeps))
in_hand = one_keep_or_many.flatmap(
    lambda keep: st.lists(
        st.builds(
            InHand,
            ending=st.sampled_from("cccfdlrR"),
            keep=keep,
            delay=st.sampled_from([0, 1, 500, 500, 60_000]),
            trouble=st.sampled_from(["", "", "", "", "", "", "no lock", "other lock", "not active", "gone"]),
            priority=st.sampled_from([0, 0, 3]),
            attempts=st.sampled_from([1, 3]),
        ),
        max_size=5,
    )
)
waiting = st.lists(
    st.one_of(
        st.builds(Waiting, kind=st.just("wait"), lifo=st.booleans(), deferred=st.sampled_from([False, False, True])),
        st.builds(Waiting, kind=st.just("prioritized"), priority=st.sampled_from([1, 5])),
        st.builds(
            Waiting, kind=st.just("delayed"), priority=st.sampled_from([0, 2]), due=st.sampled_from([-50, 0, 10, 9_000])
        ),
    ),
    max_size=6,
)
scenes = st.builds(
    Scene,
    in_hand=in_hand,
    waiting=waiting,
    finished=st.integers(0, 4),
    wanted=st.integers(0, 7),
    paused=st.sampled_from([False, False, False, True]),
    concurrency=st.sampled_from([None, None, None, 1, 3]),
    global_rate=st.sampled_from([None, None, None, 2]),
    own_rate=st.sampled_from([None, None, 1, 3, 10]),
    started_in_window=st.sampled_from([0, 0, 1, 3]),
)


class Clock:
    """The clock of both sides; it stands still unless moved."""

    now = T0

    def __call__(self) -> int:
        return self.now


class Side:
    """One of the two queues that are kept alike."""

    def __init__(self, hub: Hub, name: str, clock: Clock) -> None:
        self.keys = QueueKeys(name, hub.prefix)
        self.scripts = QueueScripts(self.keys, hub.commands)
        self.call = hub.commands.call
        self._clock = clock

    async def build(self, scene: Scene) -> list[Settlement]:
        """Make the state, by BullMQ's own scripts and by hand, and return the endings to be written."""
        self._clock.now = T0 - 100_000
        for number in range(scene.finished):
            await self._add(NewJob(f"old-{number}", "j", "{}", {}, T0 - 100_000))
            raw = await self._take()
            await self.scripts.settle(Completed(raw.id, raw.token, "1", Keep(), 1), RULES)
            self._clock.now += 20_000
        endings = [await self._take_in_hand(number, job) for number, job in enumerate(scene.in_hand)]
        self._clock.now = T0
        for number, job in enumerate(scene.waiting):
            await self._add_waiting(number, job)
        await self._limit(scene)
        for ending, job in zip(endings, scene.in_hand, strict=True):
            await self._spoil(ending, job.trouble)
        return endings

    async def _take_in_hand(self, number: int, job: InHand) -> Settlement:
        options = {"attempts": job.attempts}
        await self._add(NewJob(f"hand-{number}", "j", "{}", options, T0 - 5_000, priority=job.priority))
        raw = await self._take()
        match job.ending:
            case "c":
                return Completed(raw.id, raw.token, '"done"', job.keep, job.attempts)
            case "f":
                return FailedForGood(raw.id, raw.token, "why", FIELDS, job.keep, job.attempts)
            case "d" | "l":
                return Delayed(raw.id, raw.token, job.delay, job.ending == "d", FIELDS if job.ending == "d" else ())
            case _:
                return Retried(raw.id, raw.token, FIELDS, lifo=job.ending == "R")

    async def _add_waiting(self, number: int, job: Waiting) -> None:
        job_id, options = f"wait-{number}", {"lifo": True} if job.lifo else {}
        delay = 0
        if job.kind == "delayed":
            self._clock.now = T0 + job.due - 10_000
            delay = 10_000
        await self._add(NewJob(job_id, "j", "{}", options, self._clock.now, delay, job.priority))
        self._clock.now = T0
        if job.deferred:
            await self.call("HSET", self.keys.job(job_id), "defa", "job stalled more than allowable limit")

    async def _limit(self, scene: Scene) -> None:
        if scene.paused:
            await self.scripts.pause(paused=True)
        if scene.concurrency is not None:
            await self.call("HSET", self.keys.meta, "concurrency", scene.concurrency)
        if scene.global_rate is not None:
            await self.call("HSET", self.keys.meta, "max", scene.global_rate, "duration", 60_000)
        if scene.started_in_window:
            await self.call("SET", self.keys.limiter, scene.started_in_window, "PX", 60_000)

    async def _spoil(self, ending: Settlement, trouble: str) -> None:
        match trouble:
            case "no lock":
                await self.call("DEL", self.keys.lock(ending.job_id))
            case "other lock":
                await self.call("SET", self.keys.lock(ending.job_id), "somebody", "PX", 30_000)
            case "not active":
                await self.call("LREM", self.keys.active, 0, ending.job_id)
            case "gone":
                await self.call("DEL", self.keys.job(ending.job_id))

    async def _add(self, job: NewJob) -> None:
        if job.delay_ms:
            job = NewJob(**{**_as_dict(job), "options": {**job.options, "delay": job.delay_ms}})
        if job.priority:
            job = NewJob(**{**_as_dict(job), "options": {**job.options, "priority": job.priority}})
        await self.scripts.add(job)

    async def _take(self) -> RawJob:
        fetched = await self.scripts.fetch("token", RULES)
        assert fetched.job is not None
        return fetched.job


RULES = FetchRules(30_000, "worker")


def _as_dict(job: NewJob) -> dict[str, object]:
    return {name: getattr(job, name) for name in NewJob.__slots__}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def hub(loop: asyncio.Runner, redis_server: object) -> Iterator[Hub]:
    """One connection for all examples."""

    async def opened() -> Hub:
        made = Hub(redis_server.url, prefix="equivalence")  # type: ignore[attr-defined]
        await made.commands.ready(5)
        return made

    made = loop.run(opened())
    yield made
    loop.run(made.close())


@pytest.mark.timeout(180)
@given(scene=scenes)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_leaves_behind_what_bullmqs_scripts_do(
    scene: Scene, loop: asyncio.Runner, hub: Hub, redis_server: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the state and however the jobs end: the same answers, the same keyspace, the same events."""
    clock = Clock()
    monkeypatch.setattr(scripts_module, "now_ms", clock)
    rules = FetchRules(30_000, "worker", scene.own_rate, 60_000 if scene.own_rate else 0)
    theirs, ours = Side(hub, "theirs", clock), Side(hub, "ours", clock)

    async def both() -> tuple[list[int], list[int]]:
        for side in (theirs, ours):
            await _clear(side)
        their_endings, our_endings = await theirs.build(scene), await ours.build(scene)
        return await _by_bullmq(theirs, their_endings, scene.wanted, rules), await _by_us(
            ours, our_endings, scene.wanted, rules
        )

    their_codes, our_codes = loop.run(both())

    assert our_codes == their_codes
    with redis.Redis.from_url(redis_server.url) as client:  # type: ignore[attr-defined]
        were_refused = any(their_codes)
        assert _everything(client, ours.keys) == _everything(client, theirs.keys)
        assert _events(client, ours.keys, were_refused) == _events(client, theirs.keys, were_refused)


async def _by_bullmq(side: Side, endings: list[Settlement], wanted: int, rules: FetchRules) -> list[int]:
    """End all, the last one taking the next job as Node does, then take the rest."""
    codes = []
    for number, ending in enumerate(endings):
        takes = wanted > 0 and number == len(endings) - 1 and isinstance(ending, Completed | FailedForGood)
        codes.append(await side.scripts.settle(ending, rules, fetch_next=takes))
        if takes and codes[-1] == 0:
            wanted -= 1
    for _ in range(wanted):
        await side.scripts.fetch("token", rules)
    return codes


async def _by_us(side: Side, endings: list[Settlement], wanted: int, rules: FetchRules) -> list[int]:
    return (await side.scripts.settle_and_fetch(endings, wanted, "token", rules)).codes


async def _clear(side: Side) -> None:
    keys = await side.call("KEYS", side.keys.base + "*")
    if isinstance(keys, list) and keys:
        await side.call("DEL", *keys)


def _everything(client: "redis.Redis", keys: QueueKeys) -> dict[str, object]:
    """All keys but the events, with their values, and whether they expire."""
    found: dict[str, object] = {}
    for key in client.scan_iter(keys.base + "*", count=1000):
        name = key.decode().removeprefix(keys.base)
        if name != "events":
            found[name] = (_value(client, key), client.pttl(key) > 0)
    return found


def _value(client: "redis.Redis", key: bytes) -> object:
    match client.type(key):
        case b"hash":
            return client.hgetall(key)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1, withscores=True)
        case _:
            return client.get(key)


def _events(client: "redis.Redis", keys: QueueKeys, were_refused: bool) -> tuple[dict[bytes, list[object]], object]:
    """Each job's events in their order, and how many of each kind there were.

    BullMQ says "drained" in the middle of a batch when the jobs behind were not active any more; then it is left out.
    """
    by_job: dict[bytes, list[object]] = {}
    kinds: Counter[bytes] = Counter()
    for _, fields in client.xrange(keys.events):
        if fields[b"event"] == b"drained" and were_refused:
            continue
        kinds[fields[b"event"]] += 1
        by_job.setdefault(fields.get(b"jobId", b""), []).append(fields)
    return by_job, kinds
