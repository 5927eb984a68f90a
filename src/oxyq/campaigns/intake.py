"""Taking a campaign's recipients in: each row checked as it comes, stored in pieces, never more than one in memory."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from oxyq.admission import Admission
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.rendering import render_for
from oxyq.campaigns.rows import ROWS_PER_PIECE, UploadedRow
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.errors import IdConflict, InvalidPayload, NotFound
from oxyq.jobs import MAX_RECIPIENTS, CampaignContent, wire
from oxyq.numbers import canonical_number
from oxyq.producer import check_start


class CampaignIntake:
    """The way in for campaigns with their recipients.

    With an `admission`, none is begun and no more rows are taken while Redis is nearly full: MemoryFull. Without one it
    takes in what was accepted before, as a whole.
    """

    def __init__(self, store: CampaignStore, admission: Admission | None = None) -> None:
        self._store = store
        self._admission = admission

    async def open(self, content: CampaignContent) -> "Filling":
        """Begin to fill a campaign; QueueUnavailable, InvalidPayload for a time to begin at that has passed."""
        if self._admission is not None:
            await self._admission.admit()
        token, made = uuid.uuid4().hex, await self._store.get(content.organization_id, content.campaign_id)
        if made is None or not made.is_uploaded:
            check_start(content.start_at, now_ms())
        filled = await self._store.begin(content, token)
        return Filling(self._store, content, token, filled, self._admission)


class Filling:
    """A campaign that is being filled; one that is full already is only compared."""

    def __init__(
        self, store: CampaignStore, content: CampaignContent, token: str, filled: str, admission: Admission | None
    ) -> None:
        self._store = store
        self._admission = admission
        self._content = content
        self._token = token
        self._filled = filled
        self._fingerprint = Fingerprint(content)
        self._rows: list[UploadedRow] = []
        self._count = self._pieces = 0
        self._first_problem: str | None = None
        self._has_a_number = False

    async def add(self, rows: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Take these (number as written, own variables); InvalidPayload, and then nothing of the campaign is sent."""
        for written, variables in rows:
            render_for(self._content, self._person(written), written, variables)
            self._count += 1
            if self._count > MAX_RECIPIENTS:
                raise InvalidPayload("recipients", f"are more than {MAX_RECIPIENTS}; split the campaign")
            self._rows.append(UploadedRow(written, dict(variables)))
            if len(self._rows) == ROWS_PER_PIECE:
                await self._store_piece()

    async def finish(self) -> Campaign:
        """These were all: the campaign is a draft now, or was made before just like this.

        Raises IdConflict when it was made before with other content, InvalidPayload without a single good number.
        """
        if not self._count:
            raise InvalidPayload("recipients", "are none; give at least one number")
        if not self._has_a_number:
            raise InvalidPayload("recipients[0]", f"{self._first_problem} (and so it is with all recipients)")
        await self._store_piece()
        fingerprint, conflict = str(self._fingerprint), IdConflict(self._content.job_id())
        if self._filled:
            if self._filled != fingerprint:
                raise conflict
        elif not await self._store.uploaded(self._content, self._token, fingerprint, self._count):
            raise conflict
        campaign = await self._store.get(self._content.organization_id, self._content.campaign_id)
        if campaign is None:
            raise NotFound("the campaign is gone; create it again")
        return campaign

    def _person(self, written: str) -> str:
        """The canonical number, or what was written if it is none: the planning leaves that out and says why."""
        try:
            number = canonical_number(written)
        except InvalidPayload as error:
            self._first_problem = self._first_problem or error.problem
            return written
        self._has_a_number = True
        return number

    async def _store_piece(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        self._fingerprint.add(rows)
        if self._admission is not None:
            await self._admission.admit()
        if not self._filled and not await self._store.upload(self._content, self._token, self._pieces, rows):
            raise IdConflict(self._content.job_id())
        self._pieces += 1


class Fingerprint:
    """What tells two campaigns apart: what they say, and all rows of their recipients, piece by piece."""

    def __init__(self, content: CampaignContent) -> None:
        self._hash = blake2b(_ENCODER.encode(_sorted(wire(_bare(content)))), digest_size=16)

    def add(self, rows: Sequence[UploadedRow]) -> None:
        """One more piece, as it is stored."""
        self._hash.update(_ENCODER.encode([(row.written, _sorted(row.variables)) for row in rows]))

    def __str__(self) -> str:
        return self._hash.hexdigest()


def _bare(content: CampaignContent) -> CampaignContent:
    """The content without the recipients that a request may carry: they are rows like all others."""
    return CampaignContent.model_construct(**{name: getattr(content, name) for name in CampaignContent.model_fields})


def _sorted(values: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted((name, _sorted(value) if isinstance(value, dict) else value) for name, value in values.items())


_ENCODER: Final = msgspec.json.Encoder()
