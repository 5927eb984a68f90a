"""What people do with a campaign, as both doors do it: within the time an answer has, and never by half."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Final, TypeAlias

from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.deadline import carried_through, redis_deadline
from oxyq.app import App
from oxyq.campaigns.campaign import Campaign

_Act: TypeAlias = Callable[[str, str], Coroutine[None, None, Campaign]]


class CampaignActs:
    """Does it; `actions` says what each word means."""

    def __init__(self, app: App, lookup: CampaignLookup) -> None:
        control = app.campaign_control
        self._lookup = lookup
        self.actions: Final[Mapping[str, _Act]] = {
            "start": control.start,
            "pause": control.pause,
            "resume": control.resume,
            "cancel": control.cancel,
            "resend-failed": control.resend_failed,
        }

    async def do(self, action: str, organization_id: str, campaign_id: str) -> Campaign:
        """Do this with a campaign; returns it as it stands then. NotFound, NotAllowed, QueueUnavailable."""
        async with redis_deadline():
            await self._lookup.organization(organization_id)
            await self._lookup.taken_in(organization_id, campaign_id)
            return await carried_through(self.actions[action](organization_id, campaign_id))
