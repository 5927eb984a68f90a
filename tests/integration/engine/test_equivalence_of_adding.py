"""Our batch script adds as BullMQ's scripts do: the same keys, the same events, from the same random states."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxyq.engine import Hub
from oxyq.engine import scripts as scripts_module
from oxyq.engine.keys import QueueKeys
from oxyq.engine.scripts import NewJob, QueueScripts
from tests.integration.engine.test_equivalence import T0, Clock, _clear, _events, _everything

#: Others in each run; a change of the script is tried with thousands.
EXAMPLES = int(os.environ.get("OXYQ_TEST_EQUIVALENCE_EXAMPLES", "100"))


@dataclass(frozen=True)
class New:
    """A job to be added; few ids, so that some are added twice."""

    number: int
    delay: int
    priority: int
    lifo: bool
    earlier: int


@dataclass(frozen=True)
class Scene:
    """What is in the queue before, and what is added."""

    before: list[New]
    added: list[New]
    paused: bool
    concurrency: int | None
    active: int


new = st.builds(
    New,
    number=st.integers(0, 7),
    delay=st.sampled_from([0, 0, 0, 1, 500, 60_000]),
    priority=st.sampled_from([0, 0, 1, 5]),
    lifo=st.booleans(),
    earlier=st.sampled_from([0, 0, 5, 1_000]),
)
scenes = st.builds(
    Scene,
    before=st.lists(new, max_size=4),
    added=st.lists(new, min_size=1, max_size=8),
    paused=st.sampled_from([False, False, True]),
    concurrency=st.sampled_from([None, None, 1]),
    active=st.sampled_from([0, 0, 1]),
)


class Side:
    """One of the two queues that are kept alike."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.keys = QueueKeys(name, hub.prefix)
        self.scripts = QueueScripts(self.keys, hub.commands)
        self.call = hub.commands.call

    async def build(self, scene: Scene) -> None:
        """Make the state by BullMQ's own scripts and by hand."""
        for job in scene.before:
            await self.scripts.add(_job(job))
        if scene.paused:
            await self.scripts.pause(paused=True)
        if scene.concurrency is not None:
            await self.call("HSET", self.keys.meta, "concurrency", scene.concurrency)
        if scene.active:
            await self.call("LPUSH", self.keys.active, "running")


def _job(new: New) -> NewJob:
    options: dict[str, object] = {"attempts": 3, "backoff": {"type": "exponential", "delay": 2000, "jitter": 0.2}}
    options |= {"delay": new.delay} if new.delay else {}
    options |= {"priority": new.priority} if new.priority else {}
    # BullMQ's script for prioritised jobs takes no notice of lifo; neither does ours.
    options |= {"lifo": True} if new.lifo else {}
    return NewJob(f"job-{new.number}", "j", '{"text":"oi 🐶"}', options, T0 - new.earlier, new.delay, new.priority)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def hub(loop: asyncio.Runner, redis_server: object) -> Iterator[Hub]:
    """One connection for all examples."""

    async def opened() -> Hub:
        made = Hub(redis_server.url, prefix="equivalence-of-adding")  # type: ignore[attr-defined]
        await made.commands.ready(5)
        return made

    made = loop.run(opened())
    yield made
    loop.run(made.close())


@pytest.mark.timeout(180)
@given(scene=scenes)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_of_new_jobs_leaves_behind_what_bullmqs_scripts_do(
    scene: Scene, loop: asyncio.Runner, hub: Hub, redis_server: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain, delayed, prioritised, lifo, and ids that are there already: the same keyspace and the same events."""
    monkeypatch.setattr(scripts_module, "now_ms", Clock())
    theirs, ours = Side(hub, "theirs"), Side(hub, "ours")

    async def both() -> list[int | bytes]:
        for side in (theirs, ours):
            await _clear(side)  # type: ignore[arg-type]
            await side.build(scene)
        for job in scene.added:
            await theirs.scripts.add(_job(job))
        return await ours.scripts.add_batch([(_job(job), "", 0, "") for job in scene.added])

    answers = loop.run(both())

    there, expected = {job.number for job in scene.before}, []
    for job in scene.added:
        expected.append(3 if job.number in there else 0)
        there.add(job.number)
    assert answers == expected
    with redis.Redis.from_url(redis_server.url) as client:  # type: ignore[attr-defined]
        assert _with_options(_everything(client, ours.keys)) == _with_options(_everything(client, theirs.keys))
        assert _events(client, ours.keys, False) == _events(client, theirs.keys, False)


def _with_options(everything: dict[str, object]) -> dict[str, object]:
    """The keyspace with job options as values: the order of names in a JSON object says nothing."""
    for name, (value, expires) in list(everything.items()):  # type: ignore[misc]
        if isinstance(value, dict) and b"opts" in value:
            everything[name] = ({**value, b"opts": json.loads(value[b"opts"])}, expires)
    return everything
