"""The parts of automations on a real server, wired as the app does it, and a worker's hand that takes their jobs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis.asyncio

from oxyq import redis_keys
from oxyq.automations.control import AutomationControl
from oxyq.automations.last_wrote import LastWrote
from oxyq.automations.schedules import AutomationSchedules
from oxyq.automations.waiting import WaitingAutomations
from oxyq.automations.withdrawals import Withdrawals
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.engine import Hub, Queue
from oxyq.engine.job import Job
from oxyq.engine.scripts import FetchRules
from oxyq.engine.settlement import Completed, Delayed, Keep, Settlement
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.none import NoGateway
from oxyq.gateways.outbound import Outbound, Receipt
from oxyq.jobs import Automation, decode
from oxyq.organizations import Organization
from oxyq.outcomes import Done, Later, Outcome
from oxyq.pacing.limiter import Limiter
from oxyq.producer import Producer
from oxyq.queues import POLICIES
from oxyq.sending.ledger import Ledger
from oxyq.sending.sender import NotYet, Sender
from oxyq.workers.automation import AutomationHandler
from oxyq.workers.runner import Task

ORG = Organization(id="org_1", name="Pet Shop", instances=["wa_1"])
ANA, BIA = "5511999990001", "5511999990002"


class Phones(NoGateway):
    """A gateway that takes everything, and remembers what went out."""

    def __init__(self) -> None:
        self.texts = list[str]()

    async def send(self, message: Outbound) -> Receipt:
        """Send."""
        self.texts.append(getattr(message, "text", ""))
        return Receipt(f"wamid-{len(self.texts)}")


@dataclass
class Desk:
    """Everything that automations need, and short ways to use it; `now_ms` is the handler's clock."""

    hub: Hub
    redis: "redis.asyncio.Redis"
    queue: Queue
    producer: Producer
    waiting: WaitingAutomations
    withdrawals: Withdrawals
    control: AutomationControl
    schedules: AutomationSchedules
    phones: Phones
    handler: AutomationHandler
    organization: Organization = ORG
    ahead_ms: int = 0

    async def add(self, automation_id: str = "a", *, delay_ms: int | None = None, **more: Any) -> str:
        """Add a reminder to Ana; returns its job's id."""
        known = {
            "automationId": automation_id, "organizationId": ORG.id, "type": "reminder", "recipientNumber": ANA,
            "content": f"Lembrete {automation_id}",
        }  # fmt: skip
        return await self.producer.add_automation_job({**known, **more}, delay_ms=delay_ms)

    async def take(self) -> Job:
        """The next job, as a worker gets it when its time has come: delayed ones are made ready first."""
        for job_id, _ in await self.queue.delayed_ids():
            await self.queue.promote(job_id)
        taken = await self.queue.scripts.settle_and_fetch([], 1, "token", FetchRules(30_000, "worker"))
        return Job(taken.jobs[0], "automation", None)

    async def run(self, job: Job | None = None) -> Outcome:
        """Take the next job, handle it, and write down how that ended; a scheduler's next job is queued meanwhile."""
        job = await self.take() if job is None else job
        await self.queue.schedulers.advance(job)
        outcome = await self.handler_says(job)
        await self.queue.scripts.settle_and_fetch([_ending(job, outcome)], 0, "token", FetchRules(30_000, "worker"))
        return outcome

    async def handler_says(self, job: Job) -> Outcome:
        """Handle a job and write nothing down, as a worker that dies then."""
        payload = decode("automation", job.data)
        assert isinstance(payload, Automation)
        try:
            return await self.handler(Task(payload, self.organization, job))
        except NotYet as put_off:  # as the runner says it
            return Later(put_off.at_ms, str(put_off))

    async def waits(self) -> list[str]:
        """The ids of the automations that wait, soonest first."""
        return [one.automation.automation_id for one in (await self.waiting.page(ORG.id)).found]

    def clock(self) -> int:
        """What time it is for the handler."""
        return now_ms() + self.ahead_ms

    async def wrote(self, contact: str, at_ms: int) -> None:
        """Somebody wrote then, as the script says that brings a message into its chat."""
        await self.redis.set(redis_keys.last_wrote(self.organization.id, contact, prefix=self.hub.prefix), at_ms)


def _ending(job: Job, outcome: Outcome) -> Settlement:
    if isinstance(outcome, Later):
        return Delayed(job.id, job.token, max(outcome.at_ms - now_ms(), 1), counts=False)
    assert isinstance(outcome, Done)
    return Completed(job.id, job.token, "null", Keep(), job.attempts)


@pytest.fixture
async def hub(redis_url: str, prefix: str) -> AsyncIterator[Hub]:
    """The connections of this test."""
    hub = Hub(redis_url, prefix=prefix)
    yield hub
    await hub.close()


@pytest.fixture
def desk(hub: Hub, redis_client: "redis.asyncio.Redis", prefix: str) -> Desk:
    """The parts, wired as the app does it."""
    queue, producer, phones = Queue("automation", hub=hub), Producer(hub, POLICIES), Phones()
    waiting, withdrawals = WaitingAutomations(queue), Withdrawals(redis_client, prefix=prefix)
    last_wrote = LastWrote(redis_client, prefix=prefix)
    sender = Sender(Gateways(phones), Ledger(hub), Limiter(hub))
    contacts = ContactStore(redis_client, prefix=prefix)
    made = Desk(
        hub=hub,
        redis=redis_client,
        queue=queue,
        producer=producer,
        waiting=waiting,
        withdrawals=withdrawals,
        control=AutomationControl(waiting, withdrawals, producer),
        schedules=AutomationSchedules(queue, producer, withdrawals, POLICIES["automation"]),
        phones=phones,
        handler=AutomationHandler(sender, contacts, withdrawals, last_wrote, lambda: made.clock()),
    )
    return made
