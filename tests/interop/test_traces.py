"""Traces through Node and us: what bullmq-otel carries we go on with, and what we carry it goes on with."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from oxyq.engine import Hub, Job, Queue, Worker
from oxyq.telemetry.traces import Traces
from tests.interop.witness import Witness
from tests.requirements import require
from tests.trace_collector import Collector, collector

TRACED = Path(__file__).parent / "node" / "traced.mjs"


@pytest.fixture
def heard() -> Iterator[Collector]:
    """The collector that Node tells."""
    require("node", "node-packages")
    with collector() as found:
        yield found


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of a process of ours that is traced."""
    hub = Hub(redis_url, prefix=prefix, tracing=Traces(TracerProvider(shutdown_on_exit=False).get_tracer("ours")))
    yield hub
    await hub.close()


def in_node(collector: Collector, *arguments: str, jobs: str = "") -> list[dict[str, object]]:
    """Run traced.mjs to its end, and return what it printed."""
    done = subprocess.run(
        ["node", str(TRACED), *arguments], input=jobs, capture_output=True, text=True, timeout=40, check=False,
        env={**os.environ, **collector.environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_node_goes_on_with_our_trace(heard: Collector, hub: Hub, redis_url: str, prefix: str) -> None:
    """Each of our jobs with its own, from one call to Redis."""
    queue = Queue("work", hub=hub)
    ids = await asyncio.gather(*(queue.add("remind", {"number": number}) for number in range(3)))
    records = await queue.records(ids)
    carried = {record.id: json.loads(str(record.options["tm"]))["traceparent"] for record in records if record}

    told = await asyncio.to_thread(in_node, heard, "work", redis_url, prefix, "work", "3")

    assert {line["id"]: line["trace"] for line in told} == {
        id_: parent.split("-")[1] for id_, parent in carried.items()
    }
    spans = [span for span in heard.spans if span.name == "process work"]
    assert {(span.trace, span.parent) for span in spans} == {tuple(given.split("-")[1:3]) for given in carried.values()}


async def test_we_go_on_with_node_s_trace_but_for_jobs_that_shall_not_carry_it(
    heard: Collector, hub: Hub, redis_url: str, prefix: str
) -> None:
    ran = Witness[Job]()

    async def handler(job: Job) -> None:
        ran.tell(job)

    jobs = [
        {"queue": "work", "name": "remind", "data": {}},
        {"queue": "work", "name": "alone", "data": {}, "opts": {"telemetry": {"omitContext": True}}},
    ]
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    await asyncio.to_thread(in_node, heard, "add", redis_url, prefix, jobs=lines)
    worker = Worker("work", handler, hub=hub)
    await worker.start()
    with_trace, alone = await ran.until(lambda job: True, 2)
    await worker.stop(grace_seconds=0)

    [added] = [span for span in heard.spans if span.name == "add work.remind"]
    assert with_trace.trace is not None
    assert with_trace.trace["trace_id"] == added.trace
    # As Node stores them: headers as JSON, and a word for those that shall carry nothing
    assert set(json.loads(str(with_trace.options["tm"]))) == {"traceparent"}
    assert (alone.options.get("tm"), alone.options.get("omc")) == (None, True)
    assert alone.trace is not None
    assert alone.trace["trace_id"] not in {span.trace for span in heard.spans}
