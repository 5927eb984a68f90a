"""The report of a campaign: one line per recipient, streamed, as NDJSON or as a CSV without formulas."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, TypeAlias

from oxyq.campaigns.campaign import SKIPPED_AT_SENDING, Campaign
from oxyq.campaigns.store import CampaignStore, Entry
from oxyq.numbers import contact_key
from oxyq.outcomes import JsonValue

Format: TypeAlias = Literal["csv", "ndjson"]

COLUMNS: Final = ("row", "number", "status", "reason", "providerId", "at")
#: Cells that begin so are formulas to a spreadsheet, and what stands in them strangers wrote (OWASP: CSV injection).
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


async def report(store: CampaignStore, campaign: Campaign, form: Format) -> AsyncIterator[str]:
    """The report in pieces: who is in the plan, by time zone, then who was left out of it; `at` is ms since 1970."""
    write = _csv if form == "csv" else _ndjson
    if form == "csv":
        yield _csv_rows([COLUMNS])
    async for _, _, rows in store.planned(campaign):
        entries = await store.entries(campaign.organization_id, campaign.id, [contact_key(row.number) for row in rows])
        yield write([_line(campaign, row.row, row.number, entry) for row, entry in zip(rows, entries, strict=True)])
    async for left_out in store.skipped(campaign.organization_id, campaign.id):
        yield write(
            [
                {
                    "row": row.row + 1,
                    "number": row.written,
                    "status": "skipped",
                    "reason": f"{row.reason}: {row.detail}" if row.detail else row.reason,
                    "providerId": None,
                    "at": None,
                }
                for row in left_out
            ]
        )


def _line(campaign: Campaign, row: int, number: str, entry: Entry) -> dict[str, JsonValue]:
    status: str = "skipped" if entry.status in SKIPPED_AT_SENDING else entry.status
    reason = entry.status if status == "skipped" else entry.detail if status == "failed" else None
    if status == "planned" and campaign.state == "cancelled":
        status = "cancelled"
    provider_id = entry.detail if entry.status in ("sent", "delivered", "read") else None
    return {
        "row": row + 1,
        "number": number,
        "status": status,
        "reason": reason or None,
        "providerId": provider_id,
        "at": entry.at_ms,
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
