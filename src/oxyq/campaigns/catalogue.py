"""The campaigns of an organization by page, newest first: those in some states, or with some words."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from oxyq.campaigns.campaign import Campaign, State
from oxyq.campaigns.store import CampaignStore
from oxyq.replies.plain_text import plain

#: How long one page looks for what is rare, in seconds.
SEARCH_SECONDS: Final = 0.4
_READ_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """Some campaigns; `next` is the id behind which to go on, None at the end."""

    campaigns: list[Campaign]
    next: str | None


class Catalogue:
    """Looks through campaigns; raises QueueUnavailable."""

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    async def page(
        self,
        organization_id: str,
        *,
        states: Collection[State] = (),
        words: str = "",
        behind: str | None = None,
        limit: int = 20,
    ) -> CampaignPage:
        """Up to `limit` campaigns that are in one of these states and have these words in their id or text.

        No states are all of them. Fewer where it takes long to find them.
        """
        wanted, found, deadline = f" {plain(words)}".rstrip(), list[Campaign](), time.monotonic() + SEARCH_SECONDS
        at_once = _READ_AT_ONCE if states or wanted else limit + 1
        while ids := await self._store.ids(organization_id, at_once, behind=behind):
            there = {campaign.id: campaign for campaign in await self._store.these(organization_id, ids)}
            for campaign_id in ids:
                campaign = there.get(campaign_id)
                if campaign is not None and (not states or campaign.state in states) and _has(campaign, wanted):
                    if len(found) == limit:
                        return CampaignPage(found, behind)
                    found.append(campaign)
                behind = campaign_id
            if time.monotonic() > deadline:
                return CampaignPage(found, behind)
        return CampaignPage(found, None)


def _has(campaign: Campaign, words: str) -> bool:
    return words in f" {plain(f'{campaign.id} {campaign.template}')}"
