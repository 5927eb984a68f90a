"""The report of a campaign: one line per recipient, streamed, as NDJSON or as a CSV without formulas."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, TypeAlias

from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.recipient import Recipient, left_out, masked, planned_recipient
from oxyq.campaigns.store import CampaignStore
from oxyq.numbers import contact_key
from oxyq.outcomes import JsonValue

Format: TypeAlias = Literal["csv", "ndjson"]

COLUMNS: Final = ("row", "number", "status", "reason", "providerId", "at")
#: Cells that begin so are formulas to a spreadsheet, and what stands in them strangers wrote (OWASP: CSV injection).
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


async def report(
    store: CampaignStore, campaign: Campaign, form: Format, *, is_masked: bool = False
) -> AsyncIterator[str]:
    """The report in pieces: who is in the plan, by time zone, then who was left out of it; `at` is ms since 1970.

    `is_masked`: without the numbers, for those who need not know them.
    """
    write, shown = _csv if form == "csv" else _ndjson, masked if is_masked else _as_it_is
    if form == "csv":
        yield _csv_rows([COLUMNS])
    is_cancelled = campaign.state == "cancelled"
    async for _, _, rows in store.planned(campaign):
        entries = await store.entries(campaign.organization_id, campaign.id, [contact_key(row.number) for row in rows])
        yield write(
            [
                _line(shown(planned_recipient(row, entry, is_cancelled=is_cancelled)))
                for row, entry in zip(rows, entries, strict=True)
            ]
        )
    async for skipped in store.skipped(campaign.organization_id, campaign.id):
        yield write([_line(shown(left_out(row))) for row in skipped])


def _as_it_is(recipient: Recipient) -> Recipient:
    return recipient


def _line(recipient: Recipient) -> dict[str, JsonValue]:
    return {
        "row": recipient.row,
        "number": recipient.number,
        "status": recipient.status,
        "reason": recipient.reason,
        "providerId": recipient.provider_id,
        "at": recipient.at_ms,
    }


def _ndjson(lines: list[dict[str, JsonValue]]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _csv(lines: list[dict[str, JsonValue]]) -> str:
    return _csv_rows([[_cell(line[name]) for name in COLUMNS] for line in lines])


def _csv_rows(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)  # RFC 4180
    return written.getvalue()


def _cell(value: JsonValue) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
