"""A schedule: the same message to one person again and again, by a cron line or every so often."""

import re
from typing import Final

from pydantic import BaseModel, Field, field_validator, model_validator

from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, Automation, Id, Milliseconds, OrganizationId
from oxyq.outcomes import JsonValue

LEAST_SECONDS: Final = 60
"""People get these: as often as cron's five fields can say, and no more."""
_MOST_SECONDS: Final = 366 * 24 * 3600


class Schedule(BaseModel):
    """What is sent to whom (`automation`, with the schedule's id where it names none), and when."""

    model_config = WIRE_CONFIG

    id: Id = Field(description="your id of this schedule")
    organization_id: OrganizationId
    automation: Automation = Field(
        description='what to send, such as {"type": "reminder", "recipientNumber": "5511999999999", "content": "Olá"}'
    )
    cron: str | None = Field(default=None, max_length=200, description='a line of cron such as "0 9 * * 1-5"')
    every_seconds: int | None = Field(
        default=None, ge=LEAST_SECONDS, le=_MOST_SECONDS, description="at startsAt or at once, then every so often"
    )
    time_zone: str | None = Field(
        default=None, max_length=100, description="whose clock cron means; by default the organization's"
    )
    starts_at: Milliseconds | None = Field(default=None, description="nothing is sent before, in ms since 1970")
    ends_at: Milliseconds | None = Field(default=None, description="nothing is sent after, in ms since 1970")
    limit: int | None = Field(default=None, ge=1, le=1_000_000, description="how often at most, from when it is saved")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: JsonValue) -> JsonValue:
        """The automation belongs to the schedule's organization, and by default has its id."""
        automation = value.get("automation") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(automation, dict):
            return value
        named = {"automationId": value.get("id"), "organizationId": value.get("organizationId"), **automation}
        return {**value, "automation": named}

    @field_validator("cron")
    @classmethod
    def _by_the_minute(cls, cron: str | None) -> str | None:
        if cron is not None and len(cron.split()) != 5:
            raise ValueError('must have five fields, minute hour day month weekday, such as "0 9 * * 1-5"')
        if cron is not None and re.search(r"\b[hr]\b", cron, re.IGNORECASE):
            raise ValueError("has H or R, which leave the time to chance; write a time")
        return cron

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Schedule":
        if (self.cron is None) == (self.every_seconds is None):
            raise InvalidPayload("cron", "or everySeconds must be given, and only one of them")
        if self.time_zone is not None and self.cron is None:
            raise InvalidPayload("timeZone", "is for cron only; leave it out")
        if self.automation.organization_id != self.organization_id:
            raise InvalidPayload("automation.organizationId", "is not the schedule's; leave it out")
        if self.automation.scheduled_for is not None:
            raise InvalidPayload("automation.scheduledFor", "is said by the schedule; leave it out")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise InvalidPayload("endsAt", "must be after startsAt")
        return self
