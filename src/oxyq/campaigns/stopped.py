"""Campaigns that do not go on although their hours are open, each since when; kept so that nobody looks at them all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from oxyq import redis_keys
from oxyq.campaigns.campaign import HARMLESS_WAITS
from oxyq.engine.connection import Argument
from oxyq.engine.hub import Hub
from oxyq.engine.scripts import as_text

if TYPE_CHECKING:
    from oxyq.campaigns.store import CampaignStore

_READY_SECONDS: Final = 5.0
#: More than these nobody reads about; the oldest come first.
MOST: Final = 200


@dataclass(frozen=True, slots=True)
class StoppedCampaign:
    """One of them; `waits` says what for, in the words of the release."""

    organization_id: str
    campaign_id: str
    since_ms: int
    waits: str


def noting(organization_id: str, campaign_id: str, waits: str, at_ms: int, *, key: str) -> tuple[Argument, ...]:
    """The command that notes after a pass whether the campaign has stopped; the first time stays."""
    member = _member(organization_id, campaign_id)
    return ("ZADD", key, "NX", at_ms, member) if waits and waits not in HARMLESS_WAITS else ("ZREM", key, member)


class StoppedCampaigns:
    """Reads them, and forgets those that go on or have ended."""

    def __init__(self, hub: Hub, store: "CampaignStore") -> None:
        self._hub = hub
        self._store = store

    async def all(self) -> list[StoppedCampaign]:
        """Those that stand still, the longest first. Raises QueueUnavailable."""
        key = redis_keys.campaigns_stopped(prefix=self._hub.prefix)
        await self._hub.commands.ready(_READY_SECONDS)
        reply = await self._hub.commands.call("ZRANGE", key, 0, MOST - 1, "WITHSCORES")
        flat = iter(reply if isinstance(reply, list) else ())
        found = list[StoppedCampaign]()
        for member, score in zip(flat, flat, strict=True):
            organization_id, campaign_id = map(unquote, as_text(member).split("/"))
            campaign = await self._store.get(organization_id, campaign_id)
            # Paused, cancelled or gone since: nothing of that is noted here when it happens.
            if campaign is None or campaign.state not in ("planning", "running") or not campaign.waits:
                await self._hub.commands.call("ZREM", key, as_text(member))
                continue
            found.append(StoppedCampaign(organization_id, campaign_id, int(float(as_text(score))), campaign.waits))
        return found


def _member(organization_id: str, campaign_id: str) -> str:
    # Tenants choose both: quoted, neither reaches into the other.
    return f"{quote(organization_id, safe='')}/{quote(campaign_id, safe='')}"
