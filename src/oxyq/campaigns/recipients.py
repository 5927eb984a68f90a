"""The recipients of one campaign by page, in the order of the list, those of one state or those that are looked for."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from oxyq.campaigns.campaign import EXCEPTIONS, Campaign, Status
from oxyq.campaigns.planning import content_of, sort_out
from oxyq.campaigns.recipient import Recipient, left_out, planned_recipient
from oxyq.campaigns.recipient_search import WANTED, Group, Search, Wanted
from oxyq.campaigns.row_streams import Mark, ReadPiece, Row, RowStreams
from oxyq.campaigns.rows import ROWS_PER_PIECE, PlannedRow, SkippedRow
from oxyq.campaigns.store import CampaignStore
from oxyq.numbers import contact_key

#: How long one page looks for what is rare, in seconds; then it is told how far it came.
SEARCH_SECONDS: Final = 0.25
#: Rows of exceptions that are read in one go: a page of them, each in a piece of its own at worst.
EXCEPTIONS_AT_ONCE: Final = 50
_UPLOAD: Final = "upload"


@dataclass(frozen=True, slots=True)
class Page:
    """Some recipients; `next` is where to go on, None at the end, and `looked` how many rows lie behind us."""

    recipients: list[Recipient]
    next: Mark | None
    looked: int


class Recipients:
    """Looks through the recipients of campaigns; raises QueueUnavailable."""

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    async def page(
        self, campaign: Campaign, search: Search, mark: Mark, *, group: Group | None = None, limit: int = 50
    ) -> Page:
        """The next ones behind `mark`, up to `limit`; fewer where it takes long to find them."""
        wanted = None if group is None else WANTED[group]
        is_narrow = wanted is not None or not search.is_everybody
        streams = RowStreams(await self._streams(campaign, search, wanted, mark), _behind_the_plan(campaign, mark))
        deadline, found = time.monotonic() + SEARCH_SECONDS, list[Recipient]()
        while rows := await streams.next():
            rows = rows if is_narrow else rows[:limit]
            for recipient in await self._told(campaign, [row for row in rows if search.finds(row)]):
                if len(found) < limit and (wanted is None or wanted.has(recipient)):
                    found.append(recipient)
            streams.passed(found[-1].row - 1 if len(found) == limit else rows[-1].row)
            if len(found) == limit or time.monotonic() > deadline:
                break
        mark = streams.mark()
        is_more = bool(await streams.next())
        return Page(found, mark if is_more else None, mark.after + 1 if is_more else campaign.uploaded)

    async def _streams(
        self, campaign: Campaign, search: Search, wanted: Wanted | None, mark: Mark
    ) -> dict[str, ReadPiece]:
        """What there is to look through, under the names that marks have for them."""
        who, streams = (campaign.organization_id, campaign.id), dict[str, ReadPiece]()
        if campaign.is_uploaded and not campaign.is_planned:
            # Before the plan: what is planned while we look is then found there.
            streams[_UPLOAD] = partial(self._uploaded, campaign)
        if search.contact is not None and campaign.is_planned:
            streams["one"] = await self._planned_one(campaign, search.contact)
        elif wanted is not None and await self._are_exceptions(campaign, wanted):
            streams |= {
                status: self._exceptions(campaign, status, mark) for status in EXCEPTIONS if status in wanted.planned
            }
        else:
            streams |= {zone: partial(self._store.planned_piece, *who, zone) for zone in campaign.rows}
        if wanted is None or wanted.may_be_left_out:
            streams["skipped"] = partial(self._store.skipped_piece, *who)
        return streams

    async def _are_exceptions(self, campaign: Campaign, wanted: Wanted) -> bool:
        """Whether all of them who are in the plan are found by their rows."""
        if not wanted.planned.issubset(EXCEPTIONS):
            return False
        sought = [status for status in EXCEPTIONS if status in wanted.planned]
        return all(await asyncio.gather(*(self._store.has_all_exceptions(campaign, status) for status in sought)))

    def _exceptions(self, campaign: Campaign, status: Status, mark: Mark) -> ReadPiece:
        """The rows of all in this status behind the mark, as a stream; the numbers of its pieces say nothing."""
        behind = mark.after

        async def piece(_number: int) -> list[PlannedRow]:
            nonlocal behind
            rows = await self._store.exceptions(campaign, status, behind, EXCEPTIONS_AT_ONCE)
            behind = rows[-1] if rows else behind
            return [row for row in [await self._planned_row(campaign, row) for row in rows] if row is not None]

        return piece

    async def _planned_one(self, campaign: Campaign, contact: str) -> ReadPiece:
        """The row of one person in the plan, as a stream of one piece."""
        (entry,) = await self._store.entries(campaign.organization_id, campaign.id, [contact])
        row = None if entry.row is None else await self._planned_row(campaign, entry.row)

        async def piece(number: int) -> list[PlannedRow]:
            return [row] if row is not None and number == 0 else []

        return piece

    async def _planned_row(self, campaign: Campaign, row: int) -> PlannedRow | None:
        for zone in campaign.rows:
            # Pieces of a zone are in the order of the list, and none has more rows than a piece of the upload. Where
            # all of these have somebody of the zone, the row is in the last that is possible.
            first, last = 0, row // ROWS_PER_PIECE
            middle = last
            while first <= last:
                rows = await self._store.planned_piece(campaign.organization_id, campaign.id, zone, middle)
                if not rows or row < rows[0].row:
                    last = middle - 1
                elif row > rows[-1].row:
                    first = middle + 1
                else:
                    at = bisect_left(rows, row, key=lambda planned: planned.row)
                    if rows[at].row == row:
                        return rows[at]
                    break
                middle = (first + last) // 2
        return None

    async def _uploaded(self, campaign: Campaign, number: int) -> list[Row]:
        rows = await self._store.piece(campaign.organization_id, campaign.id, number)
        planned, skipped = sort_out(content_of(campaign), rows, number * ROWS_PER_PIECE)
        return sorted([*planned, *skipped], key=lambda row: row.row)

    async def _told(self, campaign: Campaign, rows: Sequence[Row]) -> list[Recipient]:
        planned = [contact_key(row.number) for row in rows if isinstance(row, PlannedRow)]
        entries = iter(await self._store.entries(campaign.organization_id, campaign.id, planned))
        is_cancelled = campaign.state == "cancelled"
        return [
            left_out(row)
            if isinstance(row, SkippedRow)
            else planned_recipient(row, next(entries), is_cancelled=is_cancelled)
            for row in rows
        ]


def _behind_the_plan(campaign: Campaign, mark: Mark) -> Mark:
    """The same, past those pieces of the upload that are planned, and forgotten there."""
    first = campaign.planned_rows // ROWS_PER_PIECE
    return Mark(mark.after, {**mark.pieces, _UPLOAD: max(mark.pieces.get(_UPLOAD, 0), first)})
