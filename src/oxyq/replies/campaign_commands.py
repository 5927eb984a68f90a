"""Campaigns as an owner's desk sees them: how each stands, and what may be done to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CampaignSummary:
    """How a campaign stands: `waiting` are not sent yet, `delivered` and `read` of those `sent` came back as such."""

    id: str
    state: str
    recipients: int = 0
    waiting: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    unconfirmed: int = 0
    skipped: int = 0
    cancelled: int = 0


class CampaignCommands(Protocol):
    """What an owner may do; doing it twice is once. All raise QueueUnavailable."""

    async def latest(self, organization_id: str) -> Sequence[CampaignSummary]:
        """The campaigns that were made last, newest first."""

    async def find(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """One of them; NotFound when there is none."""

    async def pause(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """Send nothing more until it is resumed; NotFound, NotAllowed."""

    async def resume(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """Go on where it was; NotFound, NotAllowed."""

    async def cancel(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        """End it for good; NotFound, NotAllowed."""
