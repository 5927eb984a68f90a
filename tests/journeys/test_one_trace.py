"""One trace from a Node service with bullmq-otel to what WhatsApp is given, as a collector sees it."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxyq.app import App
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp
from tests.requirements import require
from tests.trace_collector import Collector, Span, collector

TRACED = Path(__file__).parents[1] / "interop" / "node" / "traced.mjs"
CUSTOMER = "5511999999999"
QUESTION = "Que horas vocês abrem? 🐶"


@pytest.fixture
def traces() -> Iterator[Collector]:
    """A collector of this machine."""
    with collector() as found:
        yield found


def add_in_node(environment: dict[str, str], traces: Collector, job: dict[str, object]) -> None:
    """Add a job as a Node service does that is traced."""
    done = subprocess.run(
        ["node", str(TRACED), "add", environment["REDIS_URL"], environment["OXYQ_REDIS_PREFIX"]],
        input=json.dumps(job), capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, **traces.environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def whole(spans: list[Span]) -> bool:
    """Whether the way of a send back to its producer is there."""
    by_id = {span.id: span for span in spans}
    sends = [span for span in spans if span.name == "send whatsapp"]
    return any(by_id[sent.parent].parent in by_id for sent in sends if sent.parent in by_id)


async def test_from_a_node_producer_to_our_send_it_is_one_trace(
    app: App, environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp, traces: Collector
) -> None:
    require("node", "node-packages")
    # Given our workers, and a service in Node, that tell the same collector
    workers = start_oxyq("workers", "start", **traces.environment)

    # When the service adds a customer's message
    message = {
        "organizationId": ORGANIZATION, "instanceId": "wa_instance_1", "from": f"{CUSTOMER}@c.us", "content": QUESTION,
        "messageId": "m-1", "timestamp": int(time.time() * 1000),
    }  # fmt: skip
    job = {"queue": "message", "name": "incoming", "opts": {"attempts": 3}, "data": message}
    await asyncio.to_thread(add_in_node, environment, traces, job)
    [answer] = await whatsapp.until_told(CUSTOMER)

    # Then adding, working and sending are one trace, each step the child of the one before it
    spans = await asyncio.to_thread(traces.until, whole)
    by_id = {span.id: span for span in spans}
    sent = next(span for span in spans if span.name == "send whatsapp")
    # One of the runs: the first waits until the customer is silent, the last answers
    worked = by_id[sent.parent]
    added = by_id[worked.parent]
    ours = [span for span in spans if span.service == "oxyq-workers"]
    assert {span.trace for span in ours} == {added.trace}
    assert (added.name, added.kind, added.parent) == ("add message.incoming", "producer", "")
    assert added.service.endswith("node")
    assert (worked.name, worked.kind) == ("process message", "consumer")
    assert (sent.service, sent.kind) == ("oxyq-workers", "client")
    assert worked.attributes["oxyq.organization.id"] == ORGANIZATION
    assert worked.attributes["bullmq.queue.name"] == "message"

    # And nothing of it holds what was written, nor to whom
    told = "".join(span.raw for span in ours)
    assert not any(private in told for private in (QUESTION, "horas", answer[:12], CUSTOMER, CUSTOMER[2:]))

    # And the lines of the log about it name the trace, so that one leads to the other
    lines = [json.loads(line) for line in workers.output.splitlines()]
    [handled] = [line for line in lines if line["event"] == "job.handled" and line["outcome"] == "done"]
    assert (handled["trace_id"], handled["span_id"]) == (added.trace, worked.id)
