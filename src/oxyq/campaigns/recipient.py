"""One recipient of a campaign, as people are told: how it stands with them, since when, and why."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from oxyq.campaigns.campaign import SKIPPED_AT_SENDING
from oxyq.campaigns.rows import PlannedRow, SkippedRow
from oxyq.campaigns.store import Entry
from oxyq.masking import mask_number, mask_numbers_in, mask_text

#: Ids of WhatsApp begin with the number, more or less readable; their ends are made up.
_SHOWN_OF_IDS: Final = 6

Told: TypeAlias = Literal["planned", "sent", "delivered", "read", "failed", "unconfirmed", "skipped", "cancelled"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """`row` counts from 1 in the list as it was handed in; `text` is "" where none was made.

    `number` is the one that is written to; of rows that are left out it is what was handed in. `reason` is known of
    failed and skipped ones, `provider_id` of what went out; `at_ms` is since when it stands so.
    """

    row: int
    number: str
    status: Told
    reason: str | None = None
    provider_id: str | None = None
    at_ms: int | None = None
    text: str = ""


def planned_recipient(row: PlannedRow, entry: Entry, *, is_cancelled: bool) -> Recipient:
    """A row of the plan; `is_cancelled`: who has not got it yet never will."""
    if entry.status in SKIPPED_AT_SENDING:
        return Recipient(row.row + 1, row.number, "skipped", entry.status, None, entry.at_ms, row.text)
    waits_in_vain = is_cancelled and entry.status == "planned"
    status: Told = "cancelled" if waits_in_vain else entry.status  # type: ignore[assignment]  # others returned above
    return Recipient(
        row.row + 1,
        row.number,
        status,
        reason=entry.detail or None if status == "failed" else None,
        provider_id=entry.detail or None if status in ("sent", "delivered", "read") else None,
        at_ms=entry.at_ms,
        text=row.text,
    )


def left_out(row: SkippedRow) -> Recipient:
    """A row that the planning left out."""
    return Recipient(row.row + 1, row.written, "skipped", f"{row.reason}: {row.detail}" if row.detail else row.reason)


def masked(recipient: Recipient) -> Recipient:
    """The same for those who need not know whom it is."""
    provider_id = recipient.provider_id
    return replace(
        recipient,
        number=mask_number(recipient.number),
        reason=None if recipient.reason is None else mask_numbers_in(recipient.reason),
        provider_id=None if provider_id is None else f"•••{provider_id[-_SHOWN_OF_IDS:]}",
        text=mask_text(recipient.text),
    )
