"""Queues and their jobs as the API tells them, and what it takes about them. Times are ms since 1970."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.jobs import WIRE_CONFIG
from oxyq.masking import mask_number, mask_numbers_in, mask_text
from oxyq.operating.cleaning import OLDEST_MS, Count
from oxyq.operating.queue_limits import Limits
from oxyq.operating.queue_view import QueueNow
from oxyq.operating.search.job_row import JobRow, job_rows
from oxyq.operating.search.job_search import Facets, JobPage, Search


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class LimitsView(_Wire):
    """How fast a queue may run."""

    concurrency: int | None = Field(description="jobs that may run at once, over all workers; null: no limit laid down")
    rate: int | None = Field(description="jobs that may start per window, over all workers; null: the workers' own")
    window_ms: int = Field(description="how long a window is: a setting of the workers")
    worker_concurrency: int = Field(description="jobs in hand at once, per worker process: a setting of the workers")
    worker_rate: int = Field(description="jobs that start per window without `rate`: a setting of the workers")

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """The view of these limits."""
        return cls(
            concurrency=limits.concurrency, rate=limits.rate, window_ms=limits.window_ms,
            worker_concurrency=limits.worker_concurrency, worker_rate=limits.worker_rate,
        )  # fmt: skip


class QueueView(_Wire):
    """A queue as it stands."""

    name: str
    counts: dict[str, int] = Field(description="jobs by state; those the caller may see")
    is_counted: bool = Field(description="false while the caller's jobs are still being counted among all")
    is_paused: bool | None = Field(description="whether workers take none; null for who sees one organization only")
    limits: LimitsView | None

    @classmethod
    def of(cls, now: QueueNow) -> Self:
        """The view of a queue."""
        limits = now.limits
        return cls(
            name=now.name, counts=dict(now.counts), is_counted=now.is_counted,
            is_paused=None if limits is None else limits.is_paused,
            limits=None if limits is None else LimitsView.of(limits),
        )  # fmt: skip


class QueueList(_Wire):
    """Every queue that has workers of ours."""

    queues: list[QueueView]


class JobLine(_Wire):
    """A job in short."""

    id: str
    name: str
    state: str
    organization_id: str | None
    campaign_id: str | None
    contact: str | None = Field(description="whom it is about; masked for people other than owners")
    text: str | None = Field(description="the beginning of what it says; masked likewise")
    added_at: int
    runs_at: int | None = Field(description="when it is to run, if it was told to wait")
    processed_at: int | None
    finished_at: int | None
    attempts_made: int
    attempts_allowed: int
    failed_reason: str | None = Field(description="the last error")
    error_class: str | None = Field(description="its class, as the filter `error` takes it")
    broken: str | None = Field(description="why it cannot be read as a job")

    @classmethod
    def of(cls, row: JobRow, state: str, *, is_masked: bool) -> Self:
        """The line of a job."""
        contact, text, reason = row.contact, row.text, row.reason
        if is_masked:
            contact = mask_number(contact) if contact else ""
            text, reason = mask_text(text), mask_numbers_in(reason)
        return cls(
            id=row.id, name=row.name, state=state, organization_id=row.organization_id or None,
            campaign_id=row.campaign_id or None, contact=contact or None, text=text or None, added_at=row.added_ms,
            runs_at=row.runs_ms, processed_at=row.processed_ms, finished_at=row.finished_ms,
            attempts_made=row.attempts_made, attempts_allowed=row.attempts_allowed, failed_reason=reason or None,
            error_class=row.error or None, broken=row.broken or None,
        )  # fmt: skip


class SearchView(_Wire):
    """How far looking through a state is."""

    looked: int
    total: int
    is_complete: bool
    is_cut: bool = Field(description="only the first million jobs of a state are looked through")
    age_seconds: float = Field(description="how long ago it began; what came since is not among the hits")

    @classmethod
    def of(cls, search: Search) -> Self:
        """The view of a search."""
        return cls(
            looked=search.looked, total=search.total, is_complete=search.is_complete, is_cut=search.is_cut,
            age_seconds=round(search.age_seconds, 1),
        )  # fmt: skip


class JobList(_Wire):
    """Some jobs of a state."""

    jobs: list[JobLine]
    count: int = Field(description="how many there are in all that fit, or were found so far")
    search: SearchView | None = Field(description="null without a filter: nothing has to be looked for then")
    next: str | None = Field(description="give it as cursor for the page behind this one")

    @classmethod
    def of(cls, page: JobPage, state: str, more: str | None, *, is_masked: bool) -> Self:
        """The view of a page."""
        return cls(
            jobs=[JobLine.of(row, state, is_masked=is_masked) for row in job_rows(page.jobs)],
            count=page.count,
            search=None if page.search is None else SearchView.of(page.search),
            next=more,
        )


class FacetValue(_Wire):
    """One value, and how many jobs have it."""

    value: str
    count: int


class FacetsView(_Wire):
    """The most frequent values by which the jobs of a state can be filtered."""

    organizations: list[FacetValue]
    campaigns: list[FacetValue]
    names: list[FacetValue]
    errors: list[FacetValue]
    search: SearchView

    @classmethod
    def of(cls, facets: Facets) -> Self:
        """The view of facets."""

        def values(trait: str) -> list[FacetValue]:
            return [FacetValue(value=value, count=count) for value, count in facets.values[trait]]

        return cls(
            organizations=values("organization_id"), campaigns=values("campaign_id"), names=values("name"),
            errors=values("error"), search=SearchView.of(facets.search),
        )  # fmt: skip


class LimitsOrder(BaseModel):
    """What to lay down for all workers together; null, or nothing, lifts a limit."""

    model_config = WIRE_CONFIG

    concurrency: int | None = Field(default=None, description="jobs that may run at once")
    rate: int | None = Field(default=None, description="jobs that may start per window of the workers")


class CleanOrder(BaseModel):
    """Which jobs to remove; or only to count them."""

    model_config = WIRE_CONFIG

    state: str = Field(description="active, waiting, delayed, completed, failed or waiting-children")
    older_than_ms: int = Field(ge=0, le=OLDEST_MS, description="ended, or else added, longer ago; 0: all")
    dry_run: bool = Field(default=False, description="true: remove none, and say how many it would be")


class ToClean(_Wire):
    """How many jobs there are to be removed."""

    count: int
    is_complete: bool = Field(description="false while they are still being counted; ask again")

    @classmethod
    def of(cls, count: Count) -> Self:
        """The view of a count."""
        return cls(count=count.jobs, is_complete=count.is_complete)
