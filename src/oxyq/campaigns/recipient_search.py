"""Which recipients of a campaign somebody wants to see: a group of them, or those with a number or words."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from oxyq.campaigns.campaign import SKIPPED_AT_SENDING
from oxyq.campaigns.recipient import Recipient
from oxyq.campaigns.row_streams import Row
from oxyq.campaigns.rows import PlannedRow
from oxyq.errors import InvalidPayload
from oxyq.numbers import canonical_number, contact_key
from oxyq.replies.plain_text import plain

#: Digits of a number that are shown to everybody.
SHOWN_DIGITS: Final = 4

Counted: TypeAlias = Literal["waiting", "sent", "delivered", "read", "failed", "unconfirmed", "skipped", "cancelled"]
SkipReason: TypeAlias = Literal["invalid", "duplicate", "opted_out", "capped", "removed"]
Group: TypeAlias = Counted | SkipReason
"""Recipients as a campaign counts them, or those skipped for one reason: `sent` are all that went out, also those that
came back as delivered or read."""

GROUPS: Final[tuple[Group, ...]] = (*get_args(Counted), *get_args(SkipReason))


class Wanted(NamedTuple):
    """Which recipients belong to a group: those of a status, and of the skipped ones those with a reason."""

    statuses: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()

    @property
    def planned(self) -> frozenset[str]:
        """What `note.lua` notes of those of them who are in the plan."""
        return self.statuses | self.reasons.intersection(SKIPPED_AT_SENDING)

    @property
    def may_be_left_out(self) -> bool:
        """Whether some of them may lie beside it."""
        return bool(self.reasons & _LEFT_OUT)

    def has(self, recipient: Recipient) -> bool:
        """Whether this one belongs to them."""
        if recipient.status == "skipped":
            return (recipient.reason or "").partition(":")[0] in self.reasons
        return recipient.status in self.statuses


_LEFT_OUT: Final = frozenset({"invalid", "duplicate", "opted_out"})
"""Reasons of the planning. That a person opted out may also be found by the sending, as all others are."""
WANTED: Final[Mapping[Group, Wanted]] = {
    "waiting": Wanted(frozenset({"planned"})),
    "sent": Wanted(frozenset({"sent", "delivered", "read"})),
    "delivered": Wanted(frozenset({"delivered", "read"})),
    "skipped": Wanted(reasons=_LEFT_OUT.union(SKIPPED_AT_SENDING)),
    **{status: Wanted(frozenset({status})) for status in ("read", "failed", "unconfirmed", "cancelled")},
    **{reason: Wanted(reasons=frozenset({reason})) for reason in get_args(SkipReason)},
}


class Search:
    """What is looked for: a number or part of one, or words of the text; "" is everybody.

    `is_masked`: whoever asks is shown no numbers and texts, so they find only what they know already: a whole number,
    or the digits that everybody is shown. InvalidPayload("q", …) for more.
    """

    def __init__(self, words: str, *, is_masked: bool) -> None:
        self._digits = re.sub(r"[ ()+.\-]", "", words)
        self._is_number = bool(self._digits) and self._digits.isdecimal()
        self._words = "" if self._is_number else f" {plain(words)}".rstrip()
        self._only_the_end = is_masked
        self.contact = _contact(words) if self._is_number else None
        """The one person that is looked for."""
        is_shown = self._is_number and len(self._digits) == SHOWN_DIGITS
        if is_masked and words.strip() and self.contact is None and not is_shown:
            raise InvalidPayload(
                "q", f"numbers and texts are masked for you; give a whole number, or its last {SHOWN_DIGITS} digits"
            )

    @property
    def is_everybody(self) -> bool:
        """Whether nothing is looked for."""
        return not self._is_number and not self._words

    def finds(self, row: Row) -> bool:
        """Whether this row is looked for."""
        if self.is_everybody:
            return True
        written = row.number if isinstance(row, PlannedRow) else row.written
        if self._words:
            return self._words in f" {plain(row.text if isinstance(row, PlannedRow) else row.written)}"
        if self.contact is not None:
            # What is no number is nobody's.
            return (isinstance(row, PlannedRow) or row.reason != "invalid") and _contact(written) == self.contact
        digits = re.sub(r"\D", "", written)
        return digits.endswith(self._digits) if self._only_the_end else self._digits in digits


def _contact(written: str) -> str | None:
    """Who has this number; None when it is none, or only part of one."""
    try:
        return contact_key(canonical_number(written))
    except InvalidPayload:
        return None
