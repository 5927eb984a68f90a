"""Releasing: rows of the plan become send jobs, a bounded number at a time, each at the time its number may send it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from oxyq.campaigns.campaign import Campaign, Status
from oxyq.campaigns.rows import OpenSend, Place, PlannedRow, is_erased
from oxyq.campaigns.store import CampaignStore
from oxyq.engine.queue import Queue
from oxyq.jobs import send_job_id
from oxyq.numbers import contact_key
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from oxyq.pacing.limiter import Lane, Limiter
from oxyq.producer import Producer, SendJob
from oxyq.sending_hours import closes_at, next_open

#: Sends of one campaign that are in the queue at once. Pausing takes all of them back within a second, and at 5,000 a
#: second there is time enough to release the next.
WINDOW: Final = 2000
#: Below so many the next are released; `note.lua`'s count is compared with it after each send.
REFILL_AT: Final = WINDOW // 2
#: How far ahead slots are reserved. A campaign that comes later finds its turn after that time.
AHEAD_MS: Final = 60_000
ROWS_PER_CALL: Final = 250
#: Finding a time takes Redis longer than adding a job: 2 ms for so many.
TIMES_PER_CALL: Final = 100
#: Until a pass that has little to go by looks again. Each takes a job's place under the queue's limit, which may be a
#: hundred a minute, and the end of the sends wakes it anyway.
SOON_MS, REFILL_MS, LAST_SENDS_MS, LONGEST_MS = 1_000, 30_000, 60_000, 300_000


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass is over: look again at `at_ms` (ms since 1970); `waits` says why no more goes out, "" if it does."""

    at_ms: int
    waits: str = ""
    waits_until: int | None = None


class _Source(NamedTuple):
    """Where the next rows come from: rows with their places, and what `CampaignStore.release` is told."""

    zone: str | None
    before: str
    after: str
    rows: list[tuple[Place, PlannedRow]]


class CampaignRelease:
    """Releases the sends of campaigns into the queue; one run of a campaign at a time."""

    def __init__(self, store: CampaignStore, producer: Producer, queue: Queue, limiter: Limiter) -> None:
        self._store = store
        self._producer = producer
        self._queue = queue
        self._limiter = limiter

    async def go_on(self, campaign: Campaign, organization: Organization, lane: Lane, now_ms: int) -> Pass:
        """Release what there is room, time and leave for."""
        who = (campaign.organization_id, campaign.id)
        if campaign.is_releasing:
            await self._take_back_unborn(campaign)
        left = await self._left(campaign)
        if not left:
            await self._look_after_open_sends(campaign)
            return Pass(now_ms + LAST_SENDS_MS)
        opens = {zone: next_open(organization.sending_hours, zone, now_ms) for zone in left}
        zones = [zone for zone in left if opens[zone] <= now_ms]
        if not zones:
            first = min(opens.values())
            return Pass(min(first, now_ms + LONGEST_MS), "quiet hours", first)
        # Who must stop first goes first.
        ends = {zone: closes_at(organization.sending_hours, zone, now_ms) for zone in zones}
        zones.sort(key=lambda zone: ends[zone] or 2**53)
        room = WINDOW - await self._store.open_count(*who)
        if room < ROWS_PER_CALL:
            return Pass(_refill_at(campaign, now_ms))
        result = Pass(now_ms)
        for zone in zones:
            until = min(now_ms + AHEAD_MS, ends[zone] or 2**53)
            released, result = await self._release_zone(campaign, zone, lane, room, now_ms, until)
            room -= released
            if result.at_ms > now_ms:
                break
        await self._store.released(*who)
        return result if result.at_ms > now_ms else Pass(_refill_at(campaign, now_ms))

    async def _release_zone(
        self, campaign: Campaign, zone: str, lane: Lane, room: int, now_ms: int, until_ms: int
    ) -> tuple[int, Pass]:
        """How many were released; a pass of now means that this zone has no more."""
        released = 0
        place = campaign.places.get(zone, "")
        plan = _Plan(self._store, campaign, zone)
        most = ROWS_PER_CALL if lane.limits.is_none else TIMES_PER_CALL
        while released < room:
            source = await plan.next_rows(place, min(most, room - released))
            if source is None:
                return released, Pass(now_ms)
            planned = await self._limiter.plan(lane, len(source.rows), from_ms=now_ms, until_ms=until_ms, now_ms=now_ms)
            slots = planned.times
            if slots:
                source = _cut(source, len(slots))
                if not await self._release(campaign, source, slots, now_ms, are_reserved=not lane.limits.is_none):
                    await self._limiter.refund(lane, slots, now_ms=now_ms)
                    return released, Pass(now_ms + SOON_MS)
                released += len(slots)
                place = place if source.zone is None else source.after
            if planned.next_ms is not None:
                # Half of what was reserved is a good time to reserve more.
                middle = slots[len(slots) // 2] if slots else min(planned.next_ms - AHEAD_MS // 2, now_ms + LONGEST_MS)
                return released, Pass(max(middle, now_ms + SOON_MS), planned.why or "", planned.next_ms)
        return released, Pass(_refill_at(campaign, now_ms))

    async def _release(
        self, campaign: Campaign, source: _Source, slots: Sequence[int], now_ms: int, *, are_reserved: bool
    ) -> bool:
        opened, jobs, erased = list[OpenSend](), list[SendJob](), dict[str, str]()
        for (place, row), slot in zip(source.rows, slots, strict=True):
            job_id = send_job_id(campaign.organization_id, campaign.id, row.number, 0, campaign.again)
            reserved = slot if are_reserved else None
            opened.append(OpenSend(job_id, place, reserved))
            if is_erased(row):
                erased[job_id] = row.number
                continue
            jobs.append(SendJob(job_id, _send(campaign, row, reserved), max(slot - now_ms, 0)))
        if not await self._store.release(campaign, source.zone, source.before, source.after, opened):
            return False
        await self._producer.add_sends(jobs)
        for job_id, contact in erased.items():
            await self._store.note(campaign.organization_id, campaign.id, contact, "removed", job_id=job_id)
        return True

    async def _left(self, campaign: Campaign) -> list[str]:
        """The time zones with rows that are still to be released."""
        left = {
            zone: count - int(campaign.places[zone].split()[2] if zone in campaign.places else 0)
            for zone, count in campaign.rows.items()
        }
        zones = [zone for zone, count in left.items() if count > 0]
        for place in await self._store.returned(campaign.organization_id, campaign.id, 1):
            zones = zones if place.zone in zones else [*zones, place.zone]
        return zones

    async def _take_back_unborn(self, campaign: Campaign) -> None:
        """A release was cut off: rows that were taken out of the plan, but whose job never came to be, go back."""
        who = (campaign.organization_id, campaign.id)
        sends = await self._store.open_sends(*who)
        records = await self._queue.records([send.job_id for send in sends])
        unborn = [send.job_id for send, record in zip(sends, records, strict=True) if record is None]
        await self._store.take_back(*who, unborn)
        await self._store.released(*who)

    async def _look_after_open_sends(self, campaign: Campaign) -> None:
        """Nothing is left to release: what is open must be somewhere in the queue, or is noted as what it became."""
        who = (campaign.organization_id, campaign.id)
        sends = await self._store.open_sends(*who)
        states = await asyncio.gather(*(self._queue.state(send.job_id) for send in sends))
        for send, state in zip(sends, states, strict=True):
            if state not in ("unknown", "failed"):
                continue
            piece = await self._store.planned_piece(*who, send.place.zone, send.place.piece)
            contact = contact_key(piece[send.place.offset].number)
            status: Status = "failed" if state == "failed" else "removed"
            why = "its worker died" if state == "failed" else "taken out of the queue"
            await self._store.note(*who, contact, status, detail=why, job_id=send.job_id)


class _Plan:
    """The rows of one time zone during one pass; the piece at hand is kept for those that follow."""

    def __init__(self, store: CampaignStore, campaign: Campaign, zone: str) -> None:
        self._store = store
        self._who = (campaign.organization_id, campaign.id)
        self._zone = zone
        self._are_returned = True
        self._piece: tuple[int, list[PlannedRow]] | None = None

    async def next_rows(self, place: str, most: int) -> _Source | None:
        """Up to so many rows that follow each other, the returned ones first; `place` is how far the release is."""
        if self._are_returned:
            returned = await self._store.returned(*self._who, most)
            self._are_returned = bool(returned)
            if returned and returned[0].zone == self._zone:
                return await self._returned_rows(returned)
        number, offset, gone = (int(part) for part in place.split()) if place else (0, 0, 0)
        rows = await self._rows(number)
        if rows and offset >= len(rows):
            number, offset = number + 1, 0
            rows = await self._rows(number)
        if not rows:
            return None
        taken = [(Place(self._zone, number, at), rows[at]) for at in range(offset, min(offset + most, len(rows)))]
        return _Source(self._zone, place, f"{number} {offset + len(taken)} {gone + len(taken)}", taken)

    async def _returned_rows(self, returned: Sequence[Place]) -> _Source:
        # Only those at the head that lie in one piece.
        first = returned[0]
        others = (at for at, place in enumerate(returned) if place[:2] != first[:2])
        places = returned[: next(others, len(returned))]
        rows = await self._rows(first.piece)
        return _Source(None, str(first), "", [(place, rows[place.offset]) for place in places])

    async def _rows(self, number: int) -> list[PlannedRow]:
        if self._piece is None or self._piece[0] != number:
            self._piece = (number, await self._store.planned_piece(*self._who, self._zone, number))
        return self._piece[1]


def _refill_at(campaign: Campaign, now_ms: int) -> int:
    """When about half of a full window will have ended, by how fast it went lately."""
    pace = campaign.pace_now(now_ms)
    wait_ms = REFILL_AT / pace * 1000 if pace else SOON_MS
    return now_ms + round(min(max(wait_ms, SOON_MS / 5), REFILL_MS))


def _cut(source: _Source, count: int) -> _Source:
    """Only the first rows of it."""
    if count == len(source.rows):
        return source
    rows = source.rows[:count]
    if source.zone is None:
        return source._replace(rows=rows)
    piece, offset, gone = (int(part) for part in source.after.split())
    over = len(source.rows) - count
    return source._replace(after=f"{piece} {offset - over} {gone - over}", rows=rows)


def _send(campaign: Campaign, row: PlannedRow, slot: int | None) -> dict[str, JsonValue]:
    """A `CampaignSend` as it stands on the wire; written out, since a campaign may have a million."""
    data: dict[str, JsonValue] = {
        "kind": "campaign.send",
        "v": 1,
        "campaignId": campaign.id,
        "organizationId": campaign.organization_id,
        "recipient": row.number,
        "text": row.text,
        "step": 0,
    }
    if campaign.instance_id is not None:
        data["instanceId"] = campaign.instance_id
    if slot is not None:
        data["slot"] = slot
    if campaign.again:
        data["again"] = campaign.again
    if (template := campaign.meta_template) is not None:
        data["metaTemplate"] = {
            "name": template.name,
            "language": template.language,
            "parameters": list(row.parameters),
        }
    return data
