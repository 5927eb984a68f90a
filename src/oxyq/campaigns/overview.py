"""Campaigns as people and programs are told of them: state, counts, what one waits for, and when it will be through."""

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.eta import Estimate, Pace
from oxyq.campaigns.preview import Preview
from oxyq.campaigns.progress import expected_end, progress
from oxyq.clock import now_ms
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.pacing.limiter import Limiter
from oxyq.sending.lanes import Lanes


class CampaignOverview:
    """Tells of campaigns, with the limits of the number each goes out by."""

    def __init__(self, limiter: Limiter, lanes: Lanes) -> None:
        self._limiter = limiter
        self._lanes = lanes

    async def pace(self, organization: Organization, instance_id: str | None) -> Pace:
        """What campaigns may send by this number."""
        now = now_ms()
        return await self._limiter.pace(
            await self._lanes.of(organization, instance_id, None, "campaign", now), now_ms=now
        )

    async def end(self, campaign: Campaign, organization: Organization, now_ms: int) -> Estimate | None:
        """When it will be through, if all goes on as it does; None when it does not run, or is not planned yet."""
        if campaign.state not in ("running", "paused"):
            return None
        pace = await self.pace(organization, campaign.instance_id)
        return expected_end(campaign, organization, pace, now_ms)

    async def of(self, campaign: Campaign, organization: Organization) -> dict[str, JsonValue]:
        """One campaign as JSON; times are ms since 1970, null when there is none."""
        now = now_ms()
        end = await self.end(campaign, organization, now)
        waits = campaign.waits if campaign.state in ("planning", "running") else None
        until = campaign.waits_until if waits else None
        if organization.is_paused and campaign.state in ("planning", "running"):
            end, waits, until = None, "paused", None  # nobody knows until when
        return {
            "campaignId": campaign.id,
            "organizationId": campaign.organization_id,
            "state": campaign.state,
            **progress(campaign).as_json(),
            "waitsFor": waits,
            "waitsUntil": until,
            "perMinute": round(campaign.per_minute(now), 1) if campaign.state == "running" else None,
            "endsAt": None if end is None else end.ends_at_ms,
            "crossesQuietHoursAt": None if end is None else end.crosses_quiet_hours_at_ms,
            "createdAt": campaign.created_at,
            "startAt": campaign.start_at,
            "startedAt": campaign.started_at,
            "pausedAt": campaign.paused_at if campaign.state == "paused" else None,
            "endedAt": campaign.ended_at,
        }


def preview_json(preview: Preview) -> dict[str, JsonValue]:
    """A preview as JSON."""
    estimate: Estimate | None = preview.estimate
    return {
        "recipients": preview.recipients,
        "skipped": {**preview.skipped},
        "leftOut": [{"number": written, "reason": reason} for written, reason in preview.left_out],
        "texts": [
            {"number": shown.number, "text": shown.text, "parameters": list(shown.parameters)}
            for shown in preview.texts
        ],
        "endsAt": None if estimate is None else estimate.ends_at_ms,
        "waitsFor": None if estimate is None else estimate.waits,
        "crossesQuietHoursAt": None if estimate is None else estimate.crosses_quiet_hours_at_ms,
    }
