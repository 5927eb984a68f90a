"""The one door into a queue: facts come in, jobs with deterministic ids go out, the same fact never twice."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from oxyq import redis_keys
from oxyq.admission import Admission
from oxyq.clock import now_ms
from oxyq.engine.backoff import Backoff
from oxyq.engine.hub import Hub
from oxyq.engine.options import LONGEST_DELAY_MS, MOST_ATTEMPTS, Entry, JobOptions
from oxyq.engine.queue import Queue
from oxyq.engine.settlement import Keep
from oxyq.errors import InvalidPayload
from oxyq.jobs import (
    Automation,
    CampaignRequest,
    CampaignRun,
    InboundMessage,
    NewDeadLetter,
    Payload,
    PersonReply,
    parse_new,
    wire,
)
from oxyq.outcomes import JsonValue
from oxyq.queues import DEAD_LETTER, REMEMBER_SECONDS, QueuePolicy

#: The names jobs carry in the queues; workers go by the payload, so any other name works too.
MESSAGE_JOB, REPLY_JOB, AUTOMATION_JOB, CAMPAIGN_JOB, RUN_JOB, SEND_JOB, DEAD_LETTER_JOB = (
    "message", "person-reply", "automation", "campaign", "campaign-run", "campaign-send", "failed-job",
)  # fmt: skip
#: What comes in from outside.
_New: TypeAlias = InboundMessage | PersonReply | Automation | CampaignRequest
#: Before all sends: a campaign that cannot release is one that does not send.
RUN_PRIORITY: Final = 1
RUN_BACKOFF: Final = Backoff("fixed", 5_000, 0.5)


#: A clock that is a little off, or a request that took its time, is no schedule in the past.
LATE_MS: Final = 60_000


def check_start(start_at_ms: int | None, now_ms: int) -> None:
    """InvalidPayload when a campaign is to begin in the past, or in a time that nobody can mean."""
    if start_at_ms is None:
        return
    if start_at_ms < now_ms - LATE_MS:
        raise InvalidPayload("startAt", "is in the past; leave it out to begin now")
    if start_at_ms > now_ms + LONGEST_DELAY_MS:
        raise InvalidPayload("startAt", "is more than 366 days ahead; create the campaign later")


class SendJob(NamedTuple):
    """One send of a campaign, as it goes into the queue."""

    job_id: str
    data: dict[str, JsonValue]
    delay_ms: int


class Producer:
    """Adds jobs under the queues' policies. Every method takes the model, a mapping, or keywords.

    Each returns the job's id, also when the same fact was added before: adding twice is one job, even after the
    first has finished (8 days). Raises InvalidPayload, IdConflict (same id, other data), QueueUnavailable.

    One with an `admission` is the door for what is new: messages, replies, automations and campaigns are refused with
    MemoryFull, and but for a person's replies with QuotaExceeded. One without adds what accepted work asks for.
    """

    def __init__(self, hub: Hub, policies: Mapping[str, QueuePolicy], admission: Admission | None = None) -> None:
        self._policies = policies
        self._admission = admission
        self._prefix = hub.prefix
        self._queues = {name: Queue(name, hub=hub) for name in (*policies, DEAD_LETTER)}

    async def add_message_job(
        self, value: Mapping[str, object] | InboundMessage | None = None, **fields: object
    ) -> str:
        """Someone wrote to one of our numbers: answer them."""
        message = parse_new(InboundMessage, value, **fields)
        return await self._take_in("message", MESSAGE_JOB, message)

    async def add_person_reply(self, reply: PersonReply) -> str:
        """Somebody of the organization writes in a chat: also past its quota, since nobody floods by hand."""
        return await self._take_in("message", REPLY_JOB, reply, has_quota=False)

    async def add_automation_job(
        self,
        value: Mapping[str, object] | Automation | None = None,
        *,
        delay_ms: int | None = None,
        **fields: object,
    ) -> str:
        """Send a reminder or follow-up in `delay_ms`, or else at its `scheduledFor`, or else now.

        The delay is no part of the fact: the same automation added again with another delay keeps its first one.
        """
        automation = parse_new(Automation, value, **fields)
        if delay_ms is None:
            delay_ms = _delay_ms(automation)
        return await self._take_in("automation", AUTOMATION_JOB, automation, delay_ms)

    async def add_automation_as_read(self, automation: Automation) -> str:
        """Add one that was read from Redis, with the fields that only others know: it was accepted before."""
        return await self._add("automation", AUTOMATION_JOB, automation, delay_ms=_delay_ms(automation))

    async def add_campaign_job(
        self, value: Mapping[str, object] | CampaignRequest | None = None, **fields: object
    ) -> str:
        """Send one template to many: planned by a worker into one job per recipient."""
        # In a thread: a list of 100,000 recipients takes more than a second to check.
        campaign = await asyncio.to_thread(lambda: parse_new(CampaignRequest, value, **fields))
        check_start(campaign.start_at, now_ms())
        return await self._take_in("campaign", CAMPAIGN_JOB, campaign)

    async def add_campaign_run(
        self, organization_id: str, campaign_id: str, generation: int, *, delay_ms: int = 0
    ) -> str:
        """Add the job that takes a campaign along; once for each generation."""
        run = CampaignRun(campaign_id=campaign_id, organization_id=organization_id, generation=generation)
        # It must outlive a Redis that is away for minutes, since nothing else takes the campaign along.
        options = replace(
            job_options(self._policies["campaign"], delay_ms),
            priority=RUN_PRIORITY,
            attempts=MOST_ATTEMPTS,
            backoff=RUN_BACKOFF,
        )
        await self._queues["campaign"].add_many([Entry(RUN_JOB, wire(run), run.job_id(), options)])
        return run.job_id()

    async def wake_campaign_run(self, organization_id: str, campaign_id: str, generation: int) -> None:
        """Let the job that takes a campaign along look again now, if it waits."""
        run = CampaignRun(campaign_id=campaign_id, organization_id=organization_id, generation=generation)
        await self._queues["campaign"].promote(run.job_id())

    async def add_sends(self, sends: Sequence[SendJob]) -> None:
        """Add the send jobs of a campaign, each to run after its delay; one that is there already is left as it is."""
        policy = self._policies["campaign"]
        await self._queues["campaign"].add_many(
            [Entry(SEND_JOB, send.data, send.job_id, job_options(policy, send.delay_ms)) for send in sends],
            own_traces=True,
        )

    async def send_to_dlq(self, value: Mapping[str, object] | NewDeadLetter | None = None, **fields: object) -> str:
        """Put a dead letter for a job by hand; one per original job, a second call changes nothing."""
        letter = parse_new(NewDeadLetter, value, **fields)
        body = {
            "kind": "by-hand", "attempts": [], "attemptsMade": 0, "replays": [], "opts": {},
            "failedAt": now_ms(), **wire(letter),
        }  # fmt: skip
        return await self._queues[DEAD_LETTER].add(DEAD_LETTER_JOB, body, job_id=letter.job_id())

    async def _take_in(self, queue: str, name: str, payload: _New, delay_ms: int = 0, *, has_quota: bool = True) -> str:
        """Add what is new, if there is room for it."""
        quota_key = ""
        if self._admission is not None:
            await self._admission.admit()
            if has_quota:
                quota_key = redis_keys.quota(payload.organization_id, prefix=self._prefix)
        return await self._add(queue, name, payload, delay_ms=delay_ms, quota_key=quota_key)

    async def _add(self, queue: str, name: str, payload: Payload, *, delay_ms: int, quota_key: str = "") -> str:
        job_id = payload.job_id()
        if isinstance(payload, CampaignRequest):
            body, fingerprint = await asyncio.to_thread(_written, payload)
        else:
            body, fingerprint = _written(payload)
        await self._queues[queue].add_once(
            name, body, job_id=job_id, options=job_options(self._policies[queue], delay_ms),
            fingerprint=fingerprint, remember_seconds=REMEMBER_SECONDS + delay_ms // 1000, quota_key=quota_key,
        )  # fmt: skip
        return job_id


def _written(payload: Payload) -> tuple[JsonValue, str]:
    return wire(payload), payload.fingerprint()


def _delay_ms(automation: Automation) -> int:
    delay_ms = max((automation.scheduled_for or 0) - now_ms(), 0)
    if delay_ms > LONGEST_DELAY_MS:
        raise InvalidPayload("scheduledFor", "is more than 366 days ahead; add it later")
    return delay_ms


def job_options(policy: QueuePolicy, delay_ms: int = 0) -> JobOptions:
    """A queue's policy as the options its jobs carry, so that Node workers keep to it too."""
    return JobOptions(
        delay_ms=delay_ms,
        priority=policy.priority,
        attempts=policy.attempts,
        backoff=Backoff("exponential", round(policy.backoff_seconds * 1000), policy.backoff_jitter),
        keep_completed=Keep(policy.keep_completed_count, policy.keep_completed_seconds),
        keep_failed=Keep(policy.keep_failed_count, policy.keep_failed_seconds),
    )
