"""Which jobs of a queue a task is about: these, or all of a state that fit a filter."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from pydantic import BaseModel, Field, JsonValue, model_validator

from oxyq.engine.keys import LISTS
from oxyq.engine.queue import Queue
from oxyq.errors import InvalidPayload
from oxyq.jobs import WIRE_CONFIG, parse_stored
from oxyq.operating.bulk.task import TaskOrder
from oxyq.operating.search.job_filter import FIELDS, JobFilter, read_filter, traits_of
from oxyq.operating.search.states import ShownState, shown_state

MOST_IDS: Final = 1_000
#: Jobs that are looked at in one call with a filter, and without one.
PAGE, PLAIN_PAGE = 200, 1_000


class Selection(BaseModel):
    """Which jobs are meant: of one state these, or all that fit; `{"filter": {}}` are all there are."""

    model_config = WIRE_CONFIG

    state: str = Field(description="active, waiting, delayed, completed, failed or waiting-children")
    ids: list[str] | None = Field(default=None, min_length=1, max_length=MOST_IDS, description="these jobs")
    filter: dict[str, JsonValue] | None = Field(
        default=None, description="or all that fit, by the names of the list's filters"
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Selection":
        if (self.ids is None) == (self.filter is None):
            raise InvalidPayload("ids", "or filter must be given, and only one of them")
        return self

    @property
    def shown(self) -> ShownState:
        """The state; raises InvalidPayload."""
        return shown_state(self.state)

    def wanted(self, organization_id: str | None) -> JobFilter:
        """What a job must fit, for who sees this organization only (None: all); raises InvalidPayload."""
        return read_filter(self.filter or {}).within(organization_id)


def selection_of(order: TaskOrder) -> Selection:
    """The selection of an order; raises InvalidPayload."""
    return parse_stored(Selection, dict(order.selection))


async def selected(queue: Queue, order: TaskOrder) -> AsyncIterator[Sequence[str]]:
    """The ids of the jobs an order is about, the oldest last, in pages; those of other organizations are left out.

    Every state is read from the end at which nothing leaves, so that none is missed: what comes meanwhile moves the
    places back, and then some are read twice.
    """
    selection = selection_of(order)
    wanted = selection.wanted(order.organization_id)
    if selection.ids is not None:
        ids = [*dict.fromkeys(reversed(selection.ids))]
        for start in range(0, len(ids), PAGE):
            yield await _fitting(queue, wanted, ids[start : start + PAGE])
        return
    for stored in reversed(selection.shown.stored):
        before = frozenset[str]()
        async for page in _plain(queue, stored) if wanted.is_empty else _filtered(queue, stored, wanted):
            yield [job_id for job_id in page if job_id not in before]
            before = frozenset(page)


async def _plain(queue: Queue, stored: str) -> AsyncIterator[list[str]]:
    place = 0
    while ids := await queue.ids(stored, place, place + PLAIN_PAGE - 1, newest_first=True):
        yield ids
        place += len(ids)


async def _filtered(queue: Queue, stored: str, wanted: JobFilter) -> AsyncIterator[list[str]]:
    place = 0
    while found := await queue.glimpses.at(stored, place, place + PAGE - 1, FIELDS, reversed=stored not in LISTS):
        ids = [one.id for one in found if wanted.fits(traits_of(one))]
        yield await _holding(queue, wanted, ids)
        place += len(found)


async def _fitting(queue: Queue, wanted: JobFilter, ids: Sequence[str]) -> list[str]:
    if wanted.is_empty:
        return list(ids)
    found = await queue.glimpses.of(ids, FIELDS)
    return await _holding(queue, wanted, [one.id for one in found if wanted.fits(traits_of(one))])


async def _holding(queue: Queue, wanted: JobFilter, ids: list[str]) -> list[str]:
    return ids if wanted.text is None or not ids else await queue.glimpses.holding(ids, wanted.text)
