"""How far a campaign is, as people are told: counts that add up, what it waits for, and an honest end."""

from dataclasses import dataclass

from oxyq.campaigns.campaign import SKIPPED_AT_SENDING, Campaign
from oxyq.campaigns.eta import Estimate, Pace, estimate
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign's counts; sent + failed + unconfirmed + skipped + cancelled + waiting = recipients."""

    recipients: int
    waiting: int
    sent: int
    """Went out; `delivered` and `read` of them came back as such."""
    delivered: int
    read: int
    failed: int
    unconfirmed: int
    """May have gone out, nobody knows, and it is not sent again."""
    skipped: dict[str, int]
    cancelled: int

    def as_json(self) -> dict[str, JsonValue]:
        """On the wire."""
        return {
            "recipients": self.recipients,
            "waiting": self.waiting,
            "sent": self.sent,
            "delivered": self.delivered,
            "read": self.read,
            "failed": self.failed,
            "unconfirmed": self.unconfirmed,
            "skipped": {**self.skipped},
            "cancelled": self.cancelled,
        }


def progress(campaign: Campaign) -> Progress:
    """The counts of a campaign; rows that are not planned yet are waiting."""
    counts = campaign.statuses
    skipped = {reason: count for reason, count in campaign.skipped.items() if count}
    for status in SKIPPED_AT_SENDING:
        if counts[status]:
            skipped[status] = skipped.get(status, 0) + counts[status]
    recipients = max(campaign.total, campaign.uploaded)
    ended = sum(count for status, count in counts.items() if status != "planned") + sum(campaign.skipped.values())
    left = recipients - ended
    is_cancelled = campaign.state == "cancelled"
    return Progress(
        recipients=recipients,
        waiting=0 if is_cancelled else left,
        sent=counts["sent"] + counts["delivered"] + counts["read"],
        delivered=counts["delivered"] + counts["read"],
        read=counts["read"],
        failed=counts["failed"],
        unconfirmed=counts["unconfirmed"],
        skipped=skipped,
        cancelled=left if is_cancelled else 0,
    )


def expected_end(campaign: Campaign, organization: Organization, pace: Pace, now_ms: int) -> Estimate | None:
    """When it will be through, if all goes on as it does; None when it does not run, or is not planned yet."""
    if campaign.state != "running" and not (campaign.state == "paused" and campaign.is_planned):
        return None
    done = {zone: int(place.split()[2]) for zone, place in campaign.places.items()}
    waiting = {zone: count - done.get(zone, 0) for zone, count in campaign.rows.items()}
    released = campaign.statuses["planned"] - sum(waiting.values())
    if released > 0 and waiting:
        # Who is in the queue already, or was taken back, is counted where most are.
        most = max(waiting, key=lambda zone: waiting[zone])
        waiting[most] += released
    return estimate(
        now_ms,
        waiting,
        pace,
        organization.sending_hours,
        time_zone=organization.time_zone,
        measured_per_second=campaign.pace_now(now_ms),
    )
