"""Taking one person out of the lists of campaigns: every row stays where it is, and every count stays right."""

from collections.abc import Awaitable, Callable, Sequence

from oxyq import redis_keys
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.rows import (
    PlannedRow,
    SkippedRow,
    UploadedRow,
    erased_row,
    pack,
    pack_planned,
    unpack_planned,
    unpack_skipped,
    unpack_uploaded,
)
from oxyq.campaigns.store import CampaignStore
from oxyq.engine.queue import Queue
from oxyq.jobs import send_job_id
from oxyq.numbers import contact_key
from oxyq.privacy.finding import Finding
from oxyq.privacy.keyspace import Element
from oxyq.privacy.person import ERASED, Person
from oxyq.privacy.swapping import Swapping

Ended = Callable[[str, str], Awaitable[None]]
"""Hears that a campaign (organization id, campaign id) has ended."""


class CampaignRows:
    """Blanks the rows of a person in uploads, plans and what was left out. All raise QueueUnavailable.

    `remove_job` removes a job of the campaign queue, waiting for its end; False while it runs. `ended` hears of a
    campaign whose last recipient this was.
    """

    def __init__(
        self,
        store: CampaignStore,
        queue: Queue,
        swapping: Swapping,
        remove_job: Callable[[str, str], Awaitable[bool]],
        ended: Ended,
    ) -> None:
        self._store = store
        self._queue = queue
        self._swapping = swapping
        self._remove_job = remove_job
        self._ended = ended

    async def blank(self, person: Person, finding: Finding, organization_id: str) -> bool:
        """Blank what a key has of them; False when something of it has to be looked at again."""
        key, is_done = finding.key, True
        for element in finding.elements:
            if key.family_name == "campaign-rows":
                is_done &= await self._blank_planned(person, finding, element, organization_id)
            else:
                after = _without(person, key.family_name, element.value)
                is_done &= await self._swapping.swap(key.name, finding.kind, element.at, element.value, after)
        return is_done

    async def _blank_planned(self, person: Person, finding: Finding, element: Element, organization_id: str) -> bool:
        campaign = await self._store.get(organization_id, finding.key.parts[0])
        rows, before = unpack_planned(element.value), element.value
        theirs = [place for place, row in enumerate(rows) if person.is_at(row.number)]
        for place in theirs:
            blanked = [*rows[:place], erased_row(rows[place]), *rows[place + 1 :]]
            after = pack_planned(blanked)
            if not await self._blank_one(campaign, finding, element.at, (before, after), (rows[place], blanked[place])):
                return False
            rows, before = blanked, after
        others = [_planned_without(person, row) for row in rows]
        return others == rows or await self._swapping.swap(
            finding.key.name, "list", element.at, before, pack_planned(others)
        )

    async def _blank_one(
        self,
        campaign: Campaign | None,
        finding: Finding,
        piece: bytes,
        packed: tuple[bytes, bytes],
        row: tuple[PlannedRow, PlannedRow],
    ) -> bool:
        """One row, once no job of it is in the queue."""
        organization_id = finding.key.organization_id or ""
        campaign_id, number, instead = finding.key.parts[0], row[0].number, row[1].number
        times = 1 if campaign is None else campaign.again + 1
        jobs = [send_job_id(organization_id, campaign_id, number, 0, again) for again in range(times)]
        for job_id in jobs:
            if not await self._remove_job(self._queue.name, job_id):
                return False
        prefix = self._queue.keys.prefix
        keys = [
            finding.key.name,
            redis_keys.campaign_recipients(organization_id, campaign_id, prefix=prefix),
            redis_keys.campaign_exceptions(organization_id, campaign_id, prefix=prefix),
            *map(self._queue.keys.job, jobs),
        ]
        if not await self._swapping.blank_row(keys, piece, *packed, contact_key(number), instead):
            return False
        open_sends = {send.job_id for send in await self._store.open_sends(organization_id, campaign_id)}
        for job_id in open_sends.intersection(jobs):
            noted = await self._store.note(organization_id, campaign_id, instead, "removed", job_id=job_id)
            if noted.is_last:
                await self._ended(organization_id, campaign_id)
        return True


def _without(person: Person, family_name: str, piece: bytes) -> bytes:
    if family_name == "campaign-upload":
        return pack([_uploaded_without(person, row) for row in unpack_uploaded(piece)])
    return pack([_skipped_without(person, row) for row in unpack_skipped(piece)])


def _uploaded_without(person: Person, row: UploadedRow) -> UploadedRow:
    if person.is_at(row.written):
        return UploadedRow(ERASED, {})
    clean = person.taken_out_of_text
    return UploadedRow(clean(row.written), {name: clean(text) for name, text in row.variables.items()})


def _skipped_without(person: Person, row: SkippedRow) -> SkippedRow:
    clean = person.taken_out_of_text
    return SkippedRow(row.row, ERASED if person.is_at(row.written) else clean(row.written), row.reason,
                      clean(row.detail))  # fmt: skip


def _planned_without(person: Person, row: PlannedRow) -> PlannedRow:
    """Somebody else's row, in whose text they stand."""
    clean = person.taken_out_of_text
    parameters: Sequence[str] = row.parameters
    return PlannedRow(row.row, row.number, clean(row.text), tuple(map(clean, parameters)))
