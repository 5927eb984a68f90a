"""What people do with a campaign: start, pause, resume, cancel, send again to whom it failed for."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from oxyq.campaigns.campaign import Campaign, State
from oxyq.campaigns.intake import CampaignIntake
from oxyq.campaigns.rows import OpenSend
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.engine.queue import Queue
from oxyq.errors import NotAllowed, NotFound
from oxyq.jobs import CampaignRequest
from oxyq.organizations import OrganizationStore
from oxyq.pacing.limiter import Limiter
from oxyq.producer import Producer
from oxyq.sending.lanes import Lanes

#: Jobs taken out of the queue at once: enough to be quick, few enough that others get their turn.
TAKEN_AT_ONCE: Final = 250

#: How long workers are given to end or put back what they have in hand; a gateway that takes longer is not waited for.
IN_HAND_SECONDS, LOOK_AGAIN_SECONDS = 0.4, 0.05

#: What to say when something may not be done in a state.
_INSTEAD: Final = {
    "start": "only a draft or a scheduled campaign can be started",
    "pause": "only a campaign that is planned or running can be paused",
    "resume": "only a paused campaign can be resumed",
    "cancel": "it is over",
    "resend": "only a completed campaign can be sent again to those it failed for",
}


class CampaignControl:
    """Changes the state of campaigns; raises NotFound, NotAllowed, QueueUnavailable. Doing it twice is once."""

    def __init__(
        self,
        store: CampaignStore,
        producer: Producer,
        queue: Queue,
        organizations: OrganizationStore,
        limiter: Limiter,
        lanes: Lanes,
    ) -> None:
        self._store = store
        self._producer = producer
        self._queue = queue
        self._organizations = organizations
        self._limiter = limiter
        self._lanes = lanes

    async def find(self, organization_id: str, campaign_id: str) -> Campaign:
        """One campaign as it stands."""
        campaign = await self._store.get(organization_id, campaign_id)
        if campaign is None:
            raise _not_found(campaign_id)
        return campaign

    async def latest(self, organization_id: str) -> list[Campaign]:
        """The campaigns of an organization, the newest first."""
        return await self._store.latest(organization_id)

    async def take_in(self, request: CampaignRequest) -> Campaign:
        """Make and start a campaign whose recipients came with it."""
        filling = await CampaignIntake(self._store).open(request)
        await filling.add(request.people())
        await filling.finish()
        return await self.launch(request.organization_id, request.campaign_id)

    async def launch(self, organization_id: str, campaign_id: str) -> Campaign:
        """Begin at the `start_at` of the campaign, or now without one. One that has begun is left as it is."""
        campaign = await self._filled(organization_id, campaign_id)
        wait_ms = max((campaign.start_at or 0) - now_ms(), 0)
        if campaign.state == "draft":
            await self._store.move(organization_id, campaign_id, "schedule" if wait_ms else "start")
        return await self._add_run(organization_id, campaign_id, wait_ms)

    async def start(self, organization_id: str, campaign_id: str) -> Campaign:
        """Let a draft begin when it is to; what is scheduled begins now."""
        if (await self._filled(organization_id, campaign_id)).state == "draft":
            return await self.launch(organization_id, campaign_id)
        await self._move(organization_id, campaign_id, "start", already=("planning", "running"))
        return await self._add_run(organization_id, campaign_id)

    async def pause(self, organization_id: str, campaign_id: str) -> Campaign:
        """Send nothing more until it is resumed; only what is at the gateway in this moment still goes out."""
        await self._move(organization_id, campaign_id, "pause", already=("paused",))
        await self._withdraw(organization_id, campaign_id)
        return await self.find(organization_id, campaign_id)

    async def resume(self, organization_id: str, campaign_id: str) -> Campaign:
        """Go on where it was."""
        # What was in hand while it was paused may have come back to the queue.
        await self._withdraw(organization_id, campaign_id, only_if="paused")
        await self._move(organization_id, campaign_id, "resume", already=("planning", "running"))
        return await self._add_run(organization_id, campaign_id)

    async def cancel(self, organization_id: str, campaign_id: str) -> Campaign:
        """End it for good; who has not got it yet never will."""
        await self._move(organization_id, campaign_id, "cancel", already=("cancelled",))
        await self._withdraw(organization_id, campaign_id)
        return await self.find(organization_id, campaign_id)

    async def resend_failed(self, organization_id: str, campaign_id: str) -> Campaign:
        """Send once more to those it failed for; never to those who may have got it."""
        campaign = await self.find(organization_id, campaign_id)
        if campaign.state == "completed" and not campaign.statuses["failed"]:
            raise NotAllowed(f"campaign {campaign_id} failed for nobody")
        await self._move(organization_id, campaign_id, "resend", already=())
        return await self._add_run(organization_id, campaign_id)

    async def _filled(self, organization_id: str, campaign_id: str) -> Campaign:
        campaign = await self.find(organization_id, campaign_id)
        if not campaign.is_uploaded:
            raise NotAllowed(f"campaign {campaign_id} has no recipients yet; hand them in first")
        return campaign

    async def _add_run(self, organization_id: str, campaign_id: str, wait_ms: int = 0) -> Campaign:
        """See that a campaign that has begun has its run: whoever began it may have died before adding that."""
        campaign = await self.find(organization_id, campaign_id)
        if campaign.state in ("scheduled", "planning", "running"):
            delay_ms = wait_ms if campaign.state == "scheduled" else 0
            await self._producer.add_campaign_run(organization_id, campaign_id, campaign.generation, delay_ms=delay_ms)
        return campaign

    async def _move(self, organization_id: str, campaign_id: str, what: str, *, already: Sequence[State]) -> None:
        moved = await self._store.move(organization_id, campaign_id, what)
        if moved is None:
            raise _not_found(campaign_id)
        if not moved.is_news and moved.before not in already:
            raise NotAllowed(f"campaign {campaign_id} is {moved.before}: {_INSTEAD[what]}")

    async def _withdraw(self, organization_id: str, campaign_id: str, *, only_if: State | None = None) -> None:
        """Take what waits in the queue out of it, back into the plan."""
        campaign = await self.find(organization_id, campaign_id)
        if only_if is not None and campaign.state != only_if:
            return
        # Until the last is put back: whoever goes on after a crash in between looks for rows whose jobs are gone.
        await self._store.releases(organization_id, campaign_id)
        deadline = time.monotonic() + IN_HAND_SECONDS
        while sends := await self._store.open_sends(organization_id, campaign_id):
            # In the order of the plan: rows that follow each other are read, and released again, together.
            sends.sort(key=lambda send: send.place)
            for first in range(0, len(sends), TAKEN_AT_ONCE):
                page = sends[first : first + TAKEN_AT_ONCE]
                removed = await asyncio.gather(*(self._queue.remove(send.job_id) for send in page))
                gone: list[OpenSend] = [send for send, was_removed in zip(page, removed, strict=True) if was_removed]
                await self._store.take_back(organization_id, campaign_id, [send.job_id for send in gone])
                await self._give_back(campaign, [send.slot for send in gone if send.slot is not None])
            # What workers have in hand is sent, or comes back to the queue in this moment.
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _give_back(self, campaign: Campaign, slots: list[int]) -> None:
        """The times that were reserved for sends that are not to be, and what they took of the day's budget."""
        organization = await self._organizations.get(campaign.organization_id) if slots else None
        if organization is not None:
            now = now_ms()
            lane = await self._lanes.of(organization, campaign.instance_id, None, "campaign", now)
            await self._limiter.refund(lane, slots, now_ms=now)


def _not_found(campaign_id: str) -> NotFound:
    return NotFound(f"there is no campaign {campaign_id}; they are kept for 30 days")
