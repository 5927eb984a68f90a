"""A look at a draft before it is started: at all its rows as they are stored, and what it would say to each."""

from collections.abc import Sequence
from itertools import count

import msgspec

from oxyq import redis_keys
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.eta import Pace
from oxyq.campaigns.intake import Fingerprint
from oxyq.campaigns.planning import content_of
from oxyq.campaigns.preview import Preview, Previewing, expected
from oxyq.campaigns.rows import UploadedRow
from oxyq.campaigns.store import READY_SECONDS, CampaignStore
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.engine.hub import Hub
from oxyq.errors import NotAllowed
from oxyq.jobs import CampaignContent
from oxyq.organizations import Organization


class _Kept(msgspec.Struct):
    """A look as it is stored: all but the estimate, which is made anew for each who asks."""

    fingerprint: str
    preview: Preview


class DraftChecks:
    """Looks at drafts, and keeps what was found for those who ask later. All raise QueueUnavailable."""

    def __init__(self, hub: Hub, store: CampaignStore, contacts: ContactStore) -> None:
        self._hub = hub
        self._store = store
        self._contacts = contacts

    def begin(self, campaign: Campaign, organization: Organization, content: CampaignContent | None = None) -> "Check":
        """Begin to look; `content` is what the draft is to say from now on, if it turns out to be sound.

        Raises NotAllowed for what is no draft, or has no recipients yet.
        """
        if campaign.state not in ("draft", "scheduled"):
            raise NotAllowed(f"campaign {campaign.id} is {campaign.state}: only what was not started can be checked")
        if content is not None and campaign.state != "draft":
            raise NotAllowed(f"campaign {campaign.id} is {campaign.state}: only a draft can be changed")
        if not campaign.is_uploaded:
            raise NotAllowed(f"campaign {campaign.id} has no recipients yet; hand them in first")
        return Check(self, self._store, self._contacts, campaign, organization, content or content_of(campaign))

    async def last(self, campaign: Campaign, organization: Organization, pace: Pace) -> Preview | None:
        """What the last look found; None when there was none since the draft was made or changed."""
        await self._hub.commands.ready(READY_SECONDS)
        reply = await self._hub.commands.call("GET", self._key(campaign))
        kept = _DECODER.decode(reply) if isinstance(reply, bytes) else None
        if kept is None or kept.fingerprint != campaign.fingerprint:
            return None
        kept.preview.estimate = expected(kept.preview, content_of(campaign), organization, pace, now_ms())
        return kept.preview

    async def keep(self, campaign: Campaign, fingerprint: str, preview: Preview) -> None:
        """Remember what was found."""
        text = msgspec.json.encode(_Kept(fingerprint, preview))
        await self._hub.commands.ready(READY_SECONDS)
        await self._hub.commands.call("SET", self._key(campaign), text, "EX", redis_keys.CAMPAIGN_SECONDS)

    def _key(self, campaign: Campaign) -> str:
        return redis_keys.campaign_check(campaign.organization_id, campaign.id, prefix=self._hub.prefix)


class Check:
    """One look, piece by piece, so that whoever looks can have a deadline for each."""

    def __init__(
        self,
        checks: DraftChecks,
        store: CampaignStore,
        contacts: ContactStore,
        campaign: Campaign,
        organization: Organization,
        content: CampaignContent,
    ) -> None:
        self._checks = checks
        self._store = store
        self._campaign = campaign
        self._content = content
        self._previewing = Previewing(content, organization, contacts)
        self._fingerprint = Fingerprint(content)
        self._numbers = count()

    async def step(self) -> bool:
        """Look at one more piece; False when there is none. Raises InvalidPayload where the content is unsound."""
        rows: Sequence[UploadedRow] = await self._store.piece(
            self._campaign.organization_id, self._campaign.id, next(self._numbers)
        )
        if rows:
            self._fingerprint.add(rows)
            await self._previewing.add(rows)
        return bool(rows)

    async def finish(self, pace: Pace) -> Preview:
        """What was found; what the draft is to say from now on is written down.

        Raises NotAllowed when it was started, or changed by somebody else meanwhile.
        """
        fingerprint, preview = str(self._fingerprint), self._previewing.finish(pace, now_ms())
        if fingerprint != self._campaign.fingerprint and not await self._store.reword(
            self._campaign, self._content, fingerprint
        ):
            raise NotAllowed(f"campaign {self._campaign.id} was started or changed meanwhile; look at it again")
        await self._checks.keep(self._campaign, fingerprint, preview)
        return preview


_DECODER = msgspec.json.Decoder(_Kept)
