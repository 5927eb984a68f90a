"""A campaign as a shop owner is told of it: what it is doing now, why it waits, when it will be through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.eta import Estimate
from oxyq.campaigns.progress import Progress, progress
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.words import Say
from oxyq.organizations import Organization
from oxyq.workers.campaign import GIVEN_UP

Stage: TypeAlias = Literal[
    "unlisted", "draft", "scheduled", "planning", "running", "waiting", "held", "stuck", "paused", "completed",
    "cancelled",
]  # fmt: skip
"""A campaign's state as people see it. `unlisted`: a draft without recipients; `waiting`: for its hour or its day;
`held`: its organization is paused; `stuck`: nothing takes it along any more."""

BADGES: Final[Mapping[Stage, str]] = {
    "unlisted": "muted", "draft": "info", "scheduled": "delayed", "planning": "info", "running": "ok",
    "waiting": "warn", "held": "warn", "stuck": "bad", "paused": "warn", "completed": "muted", "cancelled": "muted",
}  # fmt: skip
#: While it waits for these it goes out all the same, little by little.
_PACED: Final[Mapping[str, str]] = {
    "number limit": "campaigns.now_paced",
    "limit": "campaigns.now_paced",
    "organization limit": "campaigns.now_paced_all",
}
_WAITS: Final[Mapping[str, str]] = {
    "daily budget": "campaigns.now_budget",
    "quiet hours": "campaigns.now_quiet",
    "slowed down": "campaigns.now_slowed",
}
#: A rate of so many a minute is told without a fraction.
_WHOLE_RATE: Final = 10


class Part(NamedTuple):
    """A stretch of the bar: from where, how long (of 1000), and what it is."""

    kind: str
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class CampaignStory:
    """One campaign, and how to tell of it; `end` is None where nobody can know."""

    campaign: Campaign
    organization: Organization
    end: Estimate | None
    now_ms: int
    say: Say
    formats: Formats

    @property
    def id(self) -> str:
        """The campaign's name."""
        return self.campaign.id

    @property
    def page(self) -> str:
        """Where its page is, beneath the board."""
        return campaign_page(self.campaign.id)

    @property
    def counts(self) -> Progress:
        """How many got it, and how many did not."""
        return progress(self.campaign)

    @property
    def skipped(self) -> int:
        """How many were left out, for whatever reason."""
        return sum(self.counts.skipped.values())

    @property
    def done(self) -> float:
        """How much of it has ended, from 0 to 1."""
        counts = self.counts
        return 0.0 if not counts.recipients else 1 - (counts.waiting + counts.cancelled) / counts.recipients

    @property
    def parts(self) -> list[Part]:
        """The bar: what became of everybody."""
        counts, parts, start = self.counts, list[Part](), 0.0
        for kind, count in (
            ("sent", counts.sent), ("unconfirmed", counts.unconfirmed), ("failed", counts.failed),
            ("skipped", self.skipped),
        ):  # fmt: skip
            length = 1000 * count / max(counts.recipients, 1)
            if count:
                parts.append(Part(kind, start, length))
            start += length
        return parts

    @property
    def stage(self) -> Stage:
        """Its state, as people see it."""
        campaign = self.campaign
        if campaign.state == "draft":
            return "draft" if campaign.is_uploaded else "unlisted"
        if campaign.state not in ("planning", "running"):
            return campaign.state
        if campaign.waits == GIVEN_UP:
            return "stuck"
        if self.organization.is_paused:
            return "held"
        if campaign.state == "running" and campaign.waits in _WAITS:
            return "waiting"
        return campaign.state

    @property
    def badge(self) -> str:
        """The kind of badge for its stage."""
        return BADGES[self.stage]

    @property
    def stage_name(self) -> str:
        """Its stage in a word or two."""
        return self.say(f"campaigns.stage_{self.stage}")

    @property
    def now(self) -> str:
        """What it is doing now, in a sentence."""
        say, campaign, counts = self.say, self.campaign, self.counts
        match self.stage:
            case "planning":
                if campaign.again:
                    return say("campaigns.now_planning_again")
                return say("campaigns.now_planning", done=campaign.planned_rows, total=campaign.uploaded)
            case "running":
                return self._running()
            case "waiting":
                return say(_WAITS[campaign.waits or ""], time=self.moment(campaign.waits_until))
            case "scheduled":
                return say("campaigns.now_scheduled", time=self.moment(campaign.start_at))
            case "paused":
                return say("campaigns.now_paused", time=self.moment(campaign.paused_at))
            case "completed":
                return say("campaigns.now_completed", count=counts.sent, time=self.moment(campaign.ended_at))
            case "cancelled":
                return say("campaigns.now_cancelled", count=counts.sent, time=self.moment(campaign.ended_at))
            case stage:
                return say(f"campaigns.now_{stage}")

    def _running(self) -> str:
        rate = self.rate
        if not rate:
            return self.say("campaigns.now_beginning")
        return self.say(_PACED.get(self.campaign.waits or "", "campaigns.now_running"), rate=rate)

    @property
    def rate(self) -> str:
        """How many a minute, lately; "" when it is none."""
        rate = self.campaign.per_minute(self.now_ms)
        return self.a_minute(rate) if rate else ""

    def a_minute(self, rate: float) -> str:
        """So many a minute, as exactly as it matters."""
        return self.formats.number(round(rate) if rate >= _WHOLE_RATE else max(round(rate, 1), 0.1))

    @property
    def until(self) -> str | None:
        """When it will be through, if all goes on as it does."""
        if self.stage in ("running", "waiting"):
            if self.end is None or self.end.ends_at_ms is None:
                return self.say("campaigns.ends_unknown")
            left = self.formats.duration(_rounded(self.end.ends_at_ms - self.now_ms))
            return self.say("campaigns.ends", time=self.moment(self.end.ends_at_ms), left=left)
        if self.stage == "paused" and self.end is not None and self.end.ends_at_ms is not None:
            return self.say("campaigns.ends_if_resumed", time=self.moment(self.end.ends_at_ms))
        return None

    @property
    def interruption(self) -> str | None:
        """When it will stop for the night, and go on later."""
        if self.stage != "running" or self.end is None or self.end.crosses_quiet_hours_at_ms is None:
            return None
        return self.say("campaigns.crosses", time=self.moment(self.end.crosses_quiet_hours_at_ms))

    def moment(self, ms: int | None) -> str:
        """A time as people say it."""
        return moment(self.say, self.formats, ms, self.now_ms)


def moment(say: Say, formats: Formats, ms: int | None, now_ms: int) -> str:
    """A time as people say it: "hoje às 16:40", "amanhã às 09:00", "27/11 às 09:00"."""
    if not ms:
        return formats.short_time(None)
    at, now = (datetime.fromisoformat(formats.iso(one)) for one in (ms, now_ms))
    time = at.strftime("%H:%M")
    match (at.date() - now.date()).days:
        case 0:
            return say("campaigns.today_at", time=time)
        case 1:
            return say("campaigns.tomorrow_at", time=time)
        case -1:
            return say("campaigns.yesterday_at", time=time)
        case _:
            return say("campaigns.day_at", day=formats.short_time(ms).rpartition(" ")[0], time=time)


def campaign_page(campaign_id: str, below: str = "") -> str:
    """Where a campaign's page is, beneath the board, or another page about it."""
    return f"campaigns/{quote(campaign_id, safe='')}{f'/{below}' if below else ''}"


def _rounded(ms: int) -> int:
    """As exactly as one can foretell it: to five minutes, from an hour on, else to one; never nothing."""
    unit = 300_000 if ms >= 3_600_000 else 60_000
    return max(round(ms / unit), 1) * unit
