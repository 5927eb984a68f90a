"""Dead letters as the API tells them; times are ms since 1970."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from oxyq.dead_letters import DeadLetter
from oxyq.masking import mask_json, mask_numbers_in
from oxyq.operating.dead_letter_actions import Forecast
from oxyq.operating.dead_letter_groups import Group, Groups, LetterPage
from oxyq.operating.error_classes import Action
from oxyq.operating.replay_forecast import Foreseen
from oxyq.outcomes import JsonValue as Json

_ACTION = Field(
    description="what is best done: replay, edit, fix (a setting, then replay), wait (for its status), purge, or look"
)


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LetterView(_Wire):
    """A job that was given up, without what it says."""

    id: str = Field(examples=["dlq-message-msg-0b1ca9dd8a3a4ab0"])
    queue: str = Field(examples=["message"])
    job_id: str
    job_name: str
    organization_id: str | None
    kind: str = Field(description="how it was given up", examples=["exhausted"])
    reason: str = Field(description="what the last error said", examples=["the connection was refused"])
    error_class: str = Field(examples=["connection"])
    suggested: Action = _ACTION
    fingerprint: str = Field(description="the same for all letters of a group", examples=["e2d5ae8b06ce75ff"])
    failed_at: int
    attempts_made: int
    replays: int = Field(description="how often it was replayed, 20 at most")
    is_readable: bool = Field(description="false: it is no job, and needs its data anew to be replayed")

    @classmethod
    def of(cls, letter: DeadLetter, *, is_masked: bool) -> "LetterView":
        """A letter as it is told."""
        known = letter.error
        return cls(
            id=letter.id,
            queue=letter.queue,
            job_id=letter.job_id,
            job_name=letter.job_name,
            organization_id=letter.organization_id,
            kind=letter.kind,
            reason=mask_numbers_in(letter.reason) if is_masked else letter.reason,
            error_class=known.error_class.name,
            suggested=known.error_class.action,
            fingerprint=known.fingerprint,
            failed_at=letter.failed_ms,
            attempts_made=letter.attempts_made,
            replays=len(letter.replays),
            is_readable=letter.is_readable,
        )


class LetterDetail(LetterView):
    """A job that was given up, with all that is known of it."""

    data: JsonValue = Field(description="the job's data; of what is no job, the text that lay in its place")
    options: dict[str, JsonValue]
    attempts: list[JsonValue] = Field(description="each attempt that failed: number, time, error")
    replayed: list[JsonValue] = Field(description="each replay: when, by whom, and whether its data was edited")

    @classmethod
    def whole(cls, letter: DeadLetter, *, is_masked: bool) -> "LetterDetail":
        """A letter as it is told to who asks for it."""
        data = letter.data if letter.is_readable else letter.raw
        return cls(
            **LetterView.of(letter, is_masked=is_masked).model_dump(),
            data=mask_json(data) if is_masked else data,
            options=dict(letter.options),
            attempts=[_attempt(attempt, is_masked=is_masked) for attempt in letter.attempts],
            replayed=list(letter.replays),
        )


class LetterPageView(_Wire):
    """Letters, newest first."""

    letters: list[LetterView]
    next: str | None = Field(description="the cursor of the next page; null at the end")
    count: int = Field(description="how many there are in all, not counting `reason`")
    complete: bool = Field(description="false while the letters are looked through: there may be more")

    @classmethod
    def of(cls, page: LetterPage, following: str | None, *, is_masked: bool) -> "LetterPageView":
        """A page as it is told."""
        letters = [LetterView.of(letter, is_masked=is_masked) for letter in page.letters]
        return cls(letters=letters, next=following, count=page.count, complete=page.is_complete)


class GroupView(_Wire):
    """Letters with the same error."""

    fingerprint: str = Field(examples=["e2d5ae8b06ce75ff"])
    error_class: str = Field(examples=["not_on_whatsapp"])
    suggested: Action = _ACTION
    advice: str = Field(examples=["nobody has WhatsApp under this number"])
    pattern: str = Field(description="the error, with … for what differs", examples=["the number is not on WhatsApp"])
    count: int
    first_at: int
    last_at: int
    queues: dict[str, int] = Field(examples=[{"campaign": 12}])
    organizations: dict[str, int] = Field(examples=[{"org_123": 12}])
    example_id: str = Field(description="the newest letter")

    @classmethod
    def of(cls, group: Group) -> "GroupView":
        """A group as it is told."""
        known = group.error.error_class
        return cls(
            fingerprint=group.error.fingerprint,
            error_class=known.name,
            suggested=known.action,
            advice=known.advice,
            pattern=group.error.pattern,
            count=group.count,
            first_at=group.first_ms,
            last_at=group.last_ms,
            queues=dict(group.queues),
            organizations=dict(group.organizations),
            example_id=group.example_id,
        )


class GroupsView(_Wire):
    """All groups, the biggest first."""

    groups: list[GroupView]
    looked_at: int = Field(description="letters looked through so far")
    total: int = Field(description="of so many; at most 200,000 of the newest are looked through")
    complete: bool
    as_of: int

    @classmethod
    def of(cls, groups: Groups) -> "GroupsView":
        """The groups as they are told."""
        return cls(
            groups=[GroupView.of(group) for group in groups.groups],
            looked_at=groups.looked_at,
            total=groups.total,
            complete=groups.is_complete,
            as_of=groups.as_of_ms,
        )


class ForecastView(_Wire):
    """What a replay would do."""

    would_send: int = Field(description="messages that would go out")
    already_sent: int = Field(description="messages that went out before, and do not again")
    counts: dict[Foreseen, int] = Field(description="how many would end how", examples=[{"sends": 12, "sent": 3}])
    looked_at: int
    total: int = Field(description="letters that are meant; of many, only the newest 500 are looked at")

    @classmethod
    def of(cls, forecast: Forecast) -> "ForecastView":
        """A forecast as it is told."""
        return cls(
            would_send=forecast.would_send,
            already_sent=forecast.counts.get(Foreseen.SENT, 0),
            counts=dict(forecast.counts),
            looked_at=forecast.looked_at,
            total=forecast.total,
        )


class Replayed(_Wire):
    """Where a job is again, or, of a dry run, what would become of it."""

    queue: str | None = None
    job_id: str | None = None
    foreseen: Foreseen | None = Field(default=None, description="of a dry run only")


def _attempt(attempt: Json, *, is_masked: bool) -> Json:
    """An attempt; its error is of our own words, but a number may stand in them."""
    if not is_masked or not isinstance(attempt, dict):
        return attempt
    error = attempt.get("error")
    return {**attempt, "error": mask_numbers_in(error) if isinstance(error, str) else None}
