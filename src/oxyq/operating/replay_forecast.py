"""What a replay would do, foreseen without doing it: the same questions that a worker asks before it sends."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from oxyq import redis_keys
from oxyq.automations.last_wrote import LastWrote
from oxyq.automations.lateness import due_ms, late_ms
from oxyq.automations.withdrawals import Withdrawals
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.conversations.entry import digest
from oxyq.conversations.identity import addresses
from oxyq.dead_letters import DeadLetter
from oxyq.engine.connection import Argument, Reply
from oxyq.engine.hub import Hub
from oxyq.engine.job import Job, MalformedJob
from oxyq.engine.queue import Queue
from oxyq.engine.schedulers import ends_ms
from oxyq.engine.scripts import NOBODY
from oxyq.errors import InvalidPayload
from oxyq.jobs import Automation, CampaignSend, InboundMessage, PersonReply, decode
from oxyq.numbers import contact_key
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.queues import POLICIES
from oxyq.sending.ledger import Entry, IfUnknown, Ledger
from oxyq.sending.message_keys import automation_key, turn_key
from oxyq.workers.automation import FOLLOW_UPS

#: Letters looked at at the same time: a few connections, and some ms of our own work.
AT_ONCE: Final = 8


class Foreseen(StrEnum):
    """What would become of a letter's job."""

    SENDS = "sends"
    """Its message would go out; limits, quiet hours and frequency caps may put it off."""
    TWICE = "twice"
    """Its message would go out, and perhaps did before."""
    RUNS = "runs"
    """It would run; it is none that sends a message by itself."""
    SENT = "sent"
    """Its message went out already, and does not again."""
    UNCONFIRMED = "unconfirmed"
    """Its message may have gone out, and is not sent again."""
    ANSWERED = "answered"
    """The person was answered by another job, or wrote since a follow-up was added: nothing would be sent."""
    UNWANTED = "unwanted"
    """It was withdrawn, its campaign was cancelled, its time is over, or the person opted out."""
    LATE = "late"
    """Its time passed too long ago."""
    BUSY = "busy"
    """It waits or runs already, or was done since: only the letter would go."""
    INVALID = "invalid"
    """It would come back at once: its data is wrong, or its organization is unknown."""
    UNREADABLE = "unreadable"
    """There is no job to put back; give its data anew."""


class Organizations(Protocol):
    """Where organizations are looked up."""

    async def get(self, organization_id: str) -> Organization | None:
        """The organization, or None."""


class ReplayForecast:
    """Looks at what is known of the messages of dead letters; changes nothing. All raise QueueUnavailable."""

    def __init__(
        self,
        hub: Hub,
        organizations: Organizations,
        contacts: ContactStore,
        withdrawals: Withdrawals,
        last_wrote: LastWrote,
    ) -> None:
        self._hub = hub
        self._ledger = Ledger(hub)
        self._organizations = organizations
        self._contacts = contacts
        self._withdrawals = withdrawals
        self._last_wrote = last_wrote
        self._places = asyncio.Semaphore(AT_ONCE)

    async def of_all(self, letters: Sequence[DeadLetter]) -> Counter[Foreseen]:
        """How many would end how."""
        return Counter(await asyncio.gather(*map(self.of, letters)))

    async def of(self, letter: DeadLetter, data: JsonValue = None) -> Foreseen:
        """What a replay would do, with this `data` in place of the job's."""
        if data is None and not letter.is_readable:
            return Foreseen.UNREADABLE
        async with self._places:
            try:
                return await self._of(letter, letter.data if data is None else data)
            except InvalidPayload:
                return Foreseen.INVALID

    async def _of(self, letter: DeadLetter, data: JsonValue) -> Foreseen:
        queue = Queue(letter.queue, hub=self._hub)
        if await queue.state(letter.job_id) not in ("failed", "unknown"):
            return Foreseen.BUSY
        if letter.queue not in POLICIES:
            return Foreseen.RUNS  # somebody else's queue; its workers know
        payload = decode(letter.queue, data)
        organization = await self._organizations.get(payload.organization_id)
        if organization is None:
            return Foreseen.INVALID
        match payload:
            case InboundMessage():
                return await self._message(letter, payload)
            case Automation():
                return await self._automation(queue, letter, payload, organization)
            case CampaignSend():
                return await self._send(payload)
            case PersonReply():
                return await self._by_ledger(payload.organization_id, payload.message_key(), "once")
            case _:
                return Foreseen.RUNS

    async def _message(self, letter: DeadLetter, message: InboundMessage) -> Foreseen:
        """As its chat stands: whose turn it is, and whether somebody answered it meanwhile."""
        organization_id, instance_id, prefix = message.organization_id, message.instance_id, self._hub.prefix
        known = addresses(message.sender, message.lid, message.bsuid)
        aliases = await self._call("MGET", *(redis_keys.alias(organization_id, one, prefix=prefix) for one in known))
        contact = next((_text(one) for one in _list(aliases) if one is not None), known[0])
        place, known_as = (organization_id, instance_id, contact), digest(message)
        (owner, given, pending), seen = await asyncio.gather(
            self._fields(redis_keys.conversation(*place, prefix=prefix), "owner", "given", f"in:{known_as}"),
            self._call("ZSCORE", redis_keys.conversation_seen(*place, prefix=prefix), known_as),
        )
        has_turn = owner is not None and _text(owner) == letter.job_id
        if seen is not None and pending is None and not has_turn:
            return Foreseen.ANSWERED
        turn = int(_text(given) or 0) if has_turn else 0
        return await self._by_ledger(organization_id, turn_key(letter.job_id, turn), "once")

    async def _automation(
        self, queue: Queue, letter: DeadLetter, automation: Automation, organization: Organization
    ) -> Foreseen:
        job = await _stored(queue, letter.job_id)
        # What retention removed is added anew, and is as young as that.
        added_ms = now_ms() if job is None else job.timestamp_ms
        if await self._withdrawals.is_withdrawn(automation, added_ms):
            return Foreseen.UNWANTED
        if automation.type in FOLLOW_UPS:
            wrote_ms = await self._last_wrote.at(organization.id, contact_key(automation.recipient_number))
            if wrote_ms is not None and wrote_ms > added_ms:
                return Foreseen.ANSWERED
        if job is not None:
            ends = ends_ms(job)
            if ends is not None and due_ms(automation, job) > ends:
                return Foreseen.UNWANTED
            if late_ms(automation, organization, job, now_ms()) is not None:
                return Foreseen.LATE
        is_scheduled_run = letter.job_id.startswith("repeat:")
        key = automation_key(automation, letter.job_id, is_scheduled_run=is_scheduled_run)
        return await self._by_ledger(organization.id, key, "once")

    async def _send(self, send: CampaignSend) -> Foreseen:
        campaign = redis_keys.campaign(send.organization_id, send.campaign_id, prefix=self._hub.prefix)
        [state], out = await asyncio.gather(
            self._fields(campaign, "state"), self._contacts.opted_out(send.organization_id, [send.recipient])
        )
        foreseen = await self._by_ledger(send.organization_id, send.message_key(), "never")
        if foreseen is Foreseen.SENDS and (out or state == b"cancelled"):
            return Foreseen.UNWANTED
        return foreseen

    async def _by_ledger(self, organization_id: str, key: str, if_unknown: IfUnknown) -> Foreseen:
        return _claimed(await self._ledger.entry(organization_id, key), if_unknown)

    async def _fields(self, key: str, *names: str) -> list[Reply]:
        return _list(await self._call("HMGET", key, *names))

    async def _call(self, *command: Argument) -> Reply:
        await self._hub.commands.ready(_READY_SECONDS)
        return await self._hub.commands.call(*command)


def _claimed(entry: Entry | None, if_unknown: IfUnknown) -> Foreseen:
    """What the ledger would say to a claim (sending/claim.lua)."""
    if entry is None:
        return Foreseen.SENDS
    match entry.state:
        case "sent" | "delivered" | "read":
            return Foreseen.SENT
        case "sending" | "unconfirmed" if if_unknown == "never" or entry.is_repeated:
            return Foreseen.UNCONFIRMED
        case "sending" | "unconfirmed":
            return Foreseen.TWICE
        case _:
            return Foreseen.TWICE if entry.is_repeated else Foreseen.SENDS


async def _stored(queue: Queue, job_id: str) -> Job | None:
    raw = await queue.raw(job_id, NOBODY)
    try:
        return None if raw is None else Job(raw, queue.name, notes=None)
    except MalformedJob:
        return None  # the letter's data takes its place


def _list(reply: Reply) -> list[Reply]:
    return reply if isinstance(reply, list) else []


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else ""


_READY_SECONDS: Final = 5.0
