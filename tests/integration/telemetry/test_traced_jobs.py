"""A job's way as spans: whoever adds it, however often it runs, and whatever it adds itself."""

import asyncio
import json
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from oxyq.engine import Backoff, Entry, Hub, Job, Queue, Worker
from oxyq.engine.events import EngineEvent, JobCompleted, JobFailed, JobHandedBack
from oxyq.errors import TemporaryError
from oxyq.outcomes import Done, Later, Outcome
from oxyq.producer import Producer, SendJob
from oxyq.queues import POLICIES
from oxyq.telemetry.traces import Traces
from tests.integration.engine.journal import Journal
from tests.integration.telemetry.conftest import Work
from tests.integration.telemetry.kept_spans import Kept, is_child, trace_of

Told = Journal[EngineEvent]
TEXT, NUMBER = "Preciso falar sobre o exame", "5511987654321"


async def echo(job: Job) -> Any:
    """Do nothing."""
    return job.data


async def done(told: Told, count: int = 1) -> list[Job]:
    """The jobs that were completed."""
    events = await told.until(count, lambda event: isinstance(event, JobCompleted))
    return [event.job for event in events if isinstance(event, JobCompleted)]


async def test_retries_and_waits_are_steps_of_one_trace(queue: Queue, spans: Kept, told: Told, work: Work) -> None:
    """Failed, put off, done: each run is a child of the adding, and an error is told by its class alone."""
    endings = iter([TemporaryError(f"{TEXT} {NUMBER}"), Later(0, TEXT), Done()])

    async def handler(job: Job) -> Outcome:
        ending = next(endings)
        if isinstance(ending, Exception):
            raise ending
        return ending

    await work(handler)
    await queue.add("remind", {"organizationId": "org_1", "text": TEXT}, attempts=3, backoff=Backoff("fixed", 1))
    await done(told)

    added, runs = spans.the("add work.remind"), spans.named("process work")
    assert [is_child(run, added) for run in runs] == [True] * 3
    assert [run.attributes.get("oxyq.outcome") for run in runs if run.attributes] == [None, "later", "done"]
    assert runs[0].status.status_code == StatusCode.ERROR
    assert runs[0].attributes is not None
    assert runs[0].attributes["error.type"] == "TemporaryError"
    assert runs[0].attributes["oxyq.organization.id"] == "org_1"
    assert TEXT not in spans.all_they_say
    assert NUMBER not in spans.all_they_say


async def test_what_a_job_adds_belongs_to_its_trace(
    queue: Queue, hub: Hub, spans: Kept, told: Told, work: Work
) -> None:
    """A hand-over, a follow-up: added while a job runs."""
    onward = Queue("later", hub=hub)

    async def handler(job: Job) -> None:
        await onward.add("follow-up", {})

    await work(handler)
    await queue.add("message", {})
    await done(told)

    assert is_child(spans.the("add later.follow-up"), spans.the("process work"))


async def test_each_send_of_a_campaign_has_a_trace_of_its_own_that_is_linked(
    hub: Hub, spans: Kept, traces: Traces
) -> None:
    """Not one trace of a hundred thousand sends."""
    sends = [SendJob(f"send-{number}", {"organizationId": "org_1"}, 0) for number in range(120)]
    with traces.serving("POST", {}):
        await Producer(hub, POLICIES).add_sends(sends)

    added, request = spans.named("add campaign.campaign-send"), spans.the("POST")
    assert len({trace_of(span) for span in added}) == 120
    assert all(span.parent is None for span in added)
    assert {link.context.trace_id for span in added for link in span.links} == {trace_of(request)}
    carried = await carried_by(Queue("campaign", hub=hub), "send-119")
    assert f"{trace_of(added[-1]):032x}" in carried["traceparent"]


async def test_jobs_that_are_added_together_carry_one_trace(queue: Queue, spans: Kept) -> None:
    ids = await queue.add_many([Entry("a", 1), Entry("b", 2)])

    added = spans.the("addBulk work")
    for job_id in ids:
        assert f"{trace_of(added):032x}" in (await carried_by(queue, job_id))["traceparent"]


async def test_of_jobs_that_go_in_one_call_each_carries_its_own(
    queue: Queue, spans: Kept, redis_url: str, prefix: str
) -> None:
    """Adding is batched, contexts are not; and what jobs share of their options stays as it was."""
    ids = await asyncio.gather(*(queue.add(f"n{number}", number) for number in range(60)))

    for number, job_id in enumerate(ids):
        assert f"{trace_of(spans.the(f'add work.n{number}')):032x}" in (await carried_by(queue, job_id))["traceparent"]
    untraced = Queue("work", redis_url=redis_url, prefix=prefix)
    record = await untraced.job(await untraced.add("plain", 0))
    await untraced.close()
    assert record is not None
    assert record.options == {"attempts": 1}


@pytest.mark.parametrize(
    "carried",
    ["", "no JSON", "[1]", '{"traceparent":7}', '{"traceparent":"00-zz-zz-01"}', 7, None, "[" * 100_000,
     '{"tracestate":"' + "a=b," * 9_000 + '"}'],
    ids=lambda carried: str(carried)[:20],
)  # fmt: skip
async def test_what_cannot_be_read_begins_a_trace_and_the_job_is_done(
    queue: Queue, hub: Hub, spans: Kept, told: Told, work: Work, carried: object
) -> None:
    job_id = await queue.add("message", {})
    options = json.dumps({"attempts": 1, "tm": carried})
    await hub.commands.call("HSET", queue.keys.job(job_id), "opts", options)

    await work(echo)
    await done(told)

    assert spans.the("process work").parent is None


async def test_baggage_is_neither_kept_nor_handed_on(
    queue: Queue, hub: Hub, spans: Kept, traces: Traces, told: Told, work: Work
) -> None:
    """It is anybody's text; of a caller's headers only the trace is taken."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with traces.serving("POST", {"traceparent": parent, "baggage": f"text={NUMBER}"}):
        job_id = await queue.add("message", {})

    carried = await carried_by(queue, job_id)
    assert set(carried) == {"traceparent"}
    assert "0af7651916cd43dd8448eb211c80319c" in carried["traceparent"]
    assert f"{trace_of(spans.the('POST')):032x}" == "0af7651916cd43dd8448eb211c80319c"


async def test_an_attempt_knows_its_trace_when_its_end_is_told(
    queue: Queue, spans: Kept, told: Told, work: Work
) -> None:
    """Lines of the log about it are written after its span has ended."""

    async def handler(job: Job) -> None:
        raise TemporaryError("no")

    await work(handler)
    await queue.add("message", {})
    [failed] = [event for event in await told.until(1) if isinstance(event, JobFailed)]

    run = spans.the("process work")
    assert failed.job.trace == {"trace_id": f"{trace_of(run):032x}", "span_id": f"{run.context.span_id:016x}"}


async def test_so_does_one_that_is_stopped(queue: Queue, hub: Hub, spans: Kept, told: Told) -> None:
    """Handed back by a worker that ends, it is a run that was cancelled."""
    running = asyncio.Event()

    async def handler(job: Job) -> None:
        running.set()
        await asyncio.Event().wait()

    worker = Worker("work", handler, hub=hub, on_event=told.note)
    await worker.start()
    await queue.add("message", {})
    async with asyncio.timeout(20):
        await running.wait()
    await worker.stop(grace_seconds=0)

    run = spans.the("process work")
    [back] = [event for event in told.entries if isinstance(event, JobHandedBack)]
    assert back.job is not None
    assert back.job.trace == {"trace_id": f"{trace_of(run):032x}", "span_id": f"{run.context.span_id:016x}"}
    assert run.attributes is not None
    assert run.attributes["error.type"] == "CancelledError"


async def carried_by(queue: Queue, job_id: str) -> dict[str, str]:
    """What a job carries of its trace."""
    record = await queue.job(job_id)
    assert record is not None
    carried: dict[str, str] = json.loads(str(record.options["tm"]))
    return carried
