"""Fair turns, held against the promise itself: however jobs come, go, fail and vanish, nobody is passed twice.

Between two jobs of one organization, and before its first one, each other one has at most its share of a round.
"""

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxyq.clock import now_ms
from oxyq.engine import Hub, Turns
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import FetchRules, NewJob, QueueScripts
from oxyq.engine.settlement import Completed, Delayed, HandedBack, Keep, Retried, Settlement

OWN = 5
WEIGHTS = {"twice": 2.0, "half": 0.5}
ORGANIZATIONS = ("ana", "bia", "caio", "twice", "half", "")
RULES = FetchRules(30_000, "worker", turns=Turns("organizationId", OWN, WEIGHTS))
MOST_SORTED_IN_A_CALL = 200
EXAMPLES = 120


@dataclass(frozen=True)
class Add:
    """So many jobs of one organization come in at once."""

    organization: str
    priority: int
    count: int


@dataclass(frozen=True)
class Take:
    """Our worker asks for so many, then ends all it has: "c" done, "r" at once again, "l" put off, "b" handed back."""

    count: int
    ending: str


@dataclass(frozen=True)
class Remove:
    """Somebody removes so many jobs from the end of an organization's."""

    organization: str
    count: int


@dataclass(frozen=True)
class NodeTakes:
    """A Node worker takes a job, as it finds them."""


@dataclass(frozen=True)
class Forget:
    """The hash of the turns is gone."""


organizations = st.sampled_from(ORGANIZATIONS)
steps = st.lists(
    st.one_of(
        st.builds(Add, organizations, st.sampled_from([0, 0, OWN, OWN, 7, 1]), st.sampled_from([1, 1, 2, 5, 30])),
        st.builds(Add, organizations, st.sampled_from([0, OWN]), st.just(MOST_SORTED_IN_A_CALL + 50)),
        st.builds(Take, st.integers(1, 8), st.sampled_from("cccccrlb")),
        st.builds(Take, st.integers(1, 8), st.just("c")),
        st.builds(Remove, organizations, st.sampled_from([1, 3, 300])),
        st.just(NodeTakes()),
        st.just(Forget()),
    ),
    max_size=40,
)


@dataclass
class _Job:
    """What BullMQ keeps of a job, as far as turns go by it."""

    id: str
    organization: str
    priority: int
    starts: int = 0
    made: int = 0

    @property
    def line(self) -> tuple[str, bool]:
        return self.organization, self.is_begun

    @property
    def is_begun(self) -> bool:
        return self.starts > self.made

    @property
    def is_urgent(self) -> bool:
        return 0 < self.priority < OWN


class Promise:
    """Who waits, and how often each was passed by each other since it waits for its next turn."""

    def __init__(self) -> None:
        self.urgent: list[_Job] = []
        #: How often rounds may have begun anew; who has several jobs in a round may then have had some of them already.
        self.beginnings = 0
        self.waiting: dict[tuple[str, bool], list[_Job]] = defaultdict(list)
        self._passed: dict[tuple[str, bool], dict[tuple[str, bool], int]] = defaultdict(lambda: defaultdict(int))

    def comes(self, job: _Job) -> None:
        if job.is_urgent:
            self.urgent.append(job)
            return
        if not self.waiting[job.line]:
            self._passed[job.line].clear()
        self.waiting[job.line].append(job)

    def taken(self, job: _Job) -> None:
        """Our worker took it: nobody may have been passed too often."""
        if job.is_urgent:
            _is_first(job, self.urgent)
            self.goes(job)
            return
        assert self.urgent == [], "an urgent job waits"
        _is_first(job, self.waiting[job.line])
        self.goes(job)
        for line, jobs in self.waiting.items():
            if jobs and line != job.line:
                self._passed[line][job.line] += 1
                share = math.ceil(WEIGHTS.get(job.organization, 1))
                most = share * math.ceil(1 / WEIGHTS.get(line[0], 1)) + (share - 1) * self.beginnings
                assert self._passed[line][job.line] <= most, f"{line} was passed too often by {job.line}"

    def goes(self, job: _Job) -> None:
        """It waits no more."""
        if job.is_urgent:
            self.urgent.remove(job)
        else:
            self.waiting[job.line].remove(job)
            self._passed[job.line].clear()


def _is_first(job: _Job, jobs: list[_Job]) -> None:
    """Of those of one priority the first that came must be the first to go; one that comes back may pass the others."""
    if not job.is_begun:
        assert job is next(one for one in jobs if one.priority == job.priority and not one.is_begun), "out of order"


class Rig:
    """The queue, and what should be in it."""

    def __init__(self, hub: Hub) -> None:
        self.keys = QueueKeys("turns", hub.prefix)
        self.scripts = QueueScripts(self.keys, hub.commands)
        self.call = hub.commands.call
        self.promise = Promise()
        self.jobs: dict[str, _Job] = {}
        self.done = set[str]()

    async def run(self, steps: list[object]) -> None:
        await self.scripts.obliterate(force=True)
        await self.scripts.pause(paused=False)
        for step in steps:
            match step:
                case Add():
                    await self._add(step)
                case Take():
                    await self._take(step)
                case Remove():
                    await self._remove(step)
                case NodeTakes():
                    await self._node_takes()
                case Forget():
                    await self.call("DEL", self.keys.turns)
            self.promise.beginnings += isinstance(step, Remove | Forget)
        while await self._take(Take(8, "c")):
            pass
        assert self.done == set(self.jobs)
        assert await self.call("EXISTS", self.keys.turns) == 0

    async def _add(self, step: Add) -> None:
        data = f'{{"n":1,"organizationId":"{step.organization}"}}' if step.organization else "{}"
        for _ in range(step.count):
            job = _Job(f"job-{len(self.jobs)}", step.organization, step.priority)
            self.jobs[job.id] = job
            self.promise.comes(job)
        added = list(self.jobs.values())[-step.count :]
        new = [NewJob(job.id, "j", data, {}, now_ms(), priority=step.priority) for job in added]
        await self.scripts.add_batch([(job, "", 0, "") for job in new])

    async def _take(self, step: Take) -> int:
        while True:
            batch = await self.scripts.settle_and_fetch([], step.count, "ours", RULES)
            assert not batch.are_unsorted or all(self.jobs[raw.id].is_urgent for raw in batch.jobs)
            for raw in batch.jobs:
                self.promise.taken(self.jobs[raw.id])
            for raw in batch.jobs:
                await self._end(self.jobs[raw.id], step.ending)
            if not batch.are_unsorted:
                return len(batch.jobs)

    async def _end(self, job: _Job, ending: str) -> None:
        job.starts += 1
        settlement: Settlement
        match ending:
            case "c":
                settlement = Completed(job.id, "ours", "1", Keep(count=0), 1)
                self.done.add(job.id)
            case "r":
                settlement = Retried(job.id, "ours", ("failedReason", "once more"))
                job.made += 1
            case "l":
                settlement = Delayed(job.id, "ours", 0, counts=False)
            case _:
                settlement = HandedBack(job.id, "ours")
        assert await self.scripts.settle(settlement, RULES) == 0
        if ending != "c":
            self.promise.comes(job)

    async def _remove(self, step: Remove) -> None:
        line = deque(self.promise.waiting[step.organization, False], maxlen=step.count)
        for job in line:
            if await self.scripts.remove(job.id):
                self.promise.goes(job)
                self.done.add(job.id)

    async def _node_takes(self) -> None:
        fetched = await self.scripts.fetch("node", RULES)
        if fetched.job is not None:
            job = self.jobs[fetched.job.id]
            self.promise.goes(job)
            assert await self.scripts.settle(Completed(job.id, "node", "1", Keep(count=0), 1), RULES) == 0
            self.done.add(job.id)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def hub(loop: asyncio.Runner, redis_server: object) -> Iterator[Hub]:
    """One connection for all examples."""

    async def opened() -> Hub:
        made = Hub(redis_server.url, prefix="promise")  # type: ignore[attr-defined]
        await made.commands.ready(5)
        return made

    made = loop.run(opened())
    yield made
    loop.run(made.close())


@given(steps=steps)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_passed_by_more_than_a_share_of_each_other(
    steps: list[object], loop: asyncio.Runner, hub: Hub
) -> None:
    loop.run(Rig(hub).run(steps))
