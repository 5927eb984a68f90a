"""Planning: rows as handed in become recipients, each once, their texts frozen; or are left out, with a reason."""

import time
from collections.abc import Sequence

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.rendering import render_for
from oxyq.campaigns.rows import ROWS_PER_PIECE, Place, PlannedRow, SkippedRow, UploadedRow
from oxyq.campaigns.store import CampaignStore
from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignContent
from oxyq.numbers import canonical_number, contact_key
from oxyq.organizations import Organization
from oxyq.sending_hours import zone_of


class CampaignPlanning:
    """Plans campaigns piece by piece; whoever comes after a crash goes on with the piece that was in hand."""

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    async def go_on(self, campaign: Campaign, organization: Organization, *, seconds: float) -> bool:
        """Plan for at most so long; whether all is planned, or there is nothing more to do here."""
        deadline = time.monotonic() + seconds
        step = self._take_up_failed if campaign.again else self._plan
        return await step(campaign, organization, deadline)

    async def _plan(self, campaign: Campaign, organization: Organization, deadline: float) -> bool:
        content = content_of(campaign)
        before = campaign.planned_rows
        while before < campaign.uploaded:
            if time.monotonic() > deadline:
                return False
            piece = before // ROWS_PER_PIECE
            rows = await self._store.piece(campaign.organization_id, campaign.id, piece)
            wanted, skipped = sort_out(content, rows, before)
            verdicts = await self._store.screen(campaign, [(contact_key(row.number), row.row) for row in wanted])
            zones = dict[str, list[PlannedRow]]()
            for row, verdict in zip(wanted, verdicts, strict=True):
                if verdict == "n":
                    zones.setdefault(zone_of(row.number, organization.time_zone), []).append(row)
                else:
                    reason = "duplicate" if verdict == "d" else "opted_out"
                    skipped.append(SkippedRow(row.row, rows[row.row - before].written, reason, ""))
            skipped.sort()
            if not await self._store.plan(campaign, piece, before, before + len(rows), zones, skipped):
                return True  # paused, cancelled, or planned by somebody else: its state says which
            before += len(rows)
        return True

    async def _take_up_failed(self, campaign: Campaign, _organization: Organization, _deadline: float) -> bool:
        """Instead of planning anew: those for whom it failed are released once more. After a crash it begins again."""
        async for zone, number, rows in self._store.planned(campaign):
            places = [(contact_key(row.number), Place(zone, number, offset)) for offset, row in enumerate(rows)]
            if not await self._store.take_up_failed(campaign, places):
                break
        return True


def content_of(campaign: Campaign) -> CampaignContent:
    """What a campaign says, as it was handed in."""
    return CampaignContent.model_construct(
        campaign_id=campaign.id,
        organization_id=campaign.organization_id,
        template=campaign.template,
        variables=dict(campaign.variables),
        instance_id=campaign.instance_id,
        start_at=campaign.start_at,
        meta_template=campaign.meta_template,
    )


def sort_out(
    content: CampaignContent, rows: Sequence[UploadedRow], first: int
) -> tuple[list[PlannedRow], list[SkippedRow]]:
    """Rows whose number is one, with their texts, and the others; `first` is the number of the first row."""
    wanted, skipped = list[PlannedRow](), list[SkippedRow]()
    for row, (written, variables) in enumerate(rows, first):
        try:
            number = canonical_number(written)
            wanted.append(PlannedRow(row, number, *render_for(content, number, written, variables)))
        except InvalidPayload as error:
            skipped.append(SkippedRow(row, written, "invalid", error.problem))
    return wanted, skipped
