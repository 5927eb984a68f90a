"""The report of a campaign as a file that is sent while it is written."""

import re
from collections.abc import AsyncIterator
from typing import Final, get_args
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from oxyq.api.deadline import redis_deadline
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.report import Format, report
from oxyq.campaigns.store import CampaignStore

FORMATS: Final[tuple[Format, ...]] = get_args(Format)
MEDIA_TYPES: Final[dict[Format, str]] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


def report_file(store: CampaignStore, campaign: Campaign, form: Format, *, is_masked: bool) -> StreamingResponse:
    """The answer that sends it; `is_masked`: without the numbers."""
    return StreamingResponse(
        _in_time(report(store, campaign, form, is_masked=is_masked)), media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": _attachment(f"campaign-{campaign.id}", form)},
    )  # fmt: skip


async def _in_time(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The same, with a deadline for each; when it passes the answer breaks off, so that nobody takes it for whole."""
    while True:
        async with redis_deadline():
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


def _attachment(name: str, form: Format) -> str:
    """A file's name for browsers (RFC 6266): in letters that all of them can read, and as it is."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return f"attachment; filename=\"{plain}.{form}\"; filename*=UTF-8''{quote(f'{name}.{form}', safe='')}"
