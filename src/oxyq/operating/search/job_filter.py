"""Which jobs are meant: what a filter holds, and whether a job fits it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Final

from oxyq.engine.record import JobRecord
from oxyq.engine.scripts import Glimpse
from oxyq.errors import InvalidPayload
from oxyq.numbers import canonical_number, contact_of
from oxyq.operating.error_classes import CLASSES, known_error
from oxyq.outcomes import JsonValue

#: The fields of the data by which jobs are found; the last is whom they are about, in the payloads' words.
ORGANIZATION, CAMPAIGN, CONTACTS = "organizationId", "campaignId", ("from", "recipient", "recipientNumber")
FIELDS: Final = (ORGANIZATION, CAMPAIGN, " ".join(CONTACTS))

LONGEST: Final = 200
SHORTEST_TEXT: Final = 3
_LATEST_MS: Final = 253_402_300_799_999  # the year 9999


@dataclass(frozen=True, slots=True)
class Traits:
    """What a job is found by; "" is what it has not."""

    organization_id: str
    campaign_id: str
    name: str
    error: str
    """The class of its last error (operating/error_classes.py)."""
    contact: str
    at_ms: int
    """When it ended, or else was added."""


def traits_of(glimpse: Glimpse) -> Traits:
    """What a job is found by."""
    organization_id, campaign_id, written = glimpse.values
    error = error_class(glimpse.error) if glimpse.error else ""
    return Traits(organization_id, campaign_id, glimpse.name, error, contact_key(written), glimpse.at_ms)


def traits_of_record(record: JobRecord) -> Traits:
    """The same, of a job that was read whole."""
    data = record.data if isinstance(record.data, dict) else {}

    def text(*names: str) -> str:
        return next((value[:LONGEST] for name in names if isinstance(value := data.get(name), str)), "")

    at_ms = record.finished_ms or record.timestamp_ms
    reason = record.failed_reason or ""
    values = (text(ORGANIZATION), text(CAMPAIGN), text(*CONTACTS))
    return traits_of(Glimpse(record.id, record.name, reason, at_ms, values))


@lru_cache(4096)
def error_class(reason: str) -> str:
    """The name of the class of a last error."""
    return known_error("", reason).error_class.name


@lru_cache(16384)
def contact_key(written: str) -> str:
    """The one form under which a person is known, "" for what is no person's address."""
    try:
        return contact_of(written) if written else ""
    except InvalidPayload:
        return ""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are meant; everything that is given must fit. Made of texts by `read_filter`."""

    organization_id: str | None = None
    contact: str | None = None
    """As `contact_key` gives it."""
    campaign_id: str | None = None
    name: str | None = None
    error: str | None = None
    """The name of a class of errors."""
    since_ms: int | None = None
    until_ms: int | None = None
    """When it ended, or else was added: from `since_ms` to before `until_ms`."""
    text: str | None = None
    """In its id, data or last error, whatever the case of letters; only Redis can tell, `fits` does not look at it."""

    @property
    def is_empty(self) -> bool:
        """Whether all jobs fit."""
        return self == JobFilter()

    def fits(self, traits: Traits) -> bool:
        """Whether a job is meant, but for its text."""
        return (
            self.organization_id in (None, traits.organization_id)
            and self.contact in (None, traits.contact)
            and self.campaign_id in (None, traits.campaign_id)
            and self.name in (None, traits.name)
            and self.error in (None, traits.error)
            and (self.since_ms is None or traits.at_ms >= self.since_ms)
            and (self.until_ms is None or traits.at_ms < self.until_ms)
        )

    def within(self, organization_id: str | None) -> "JobFilter":
        """The same, for who sees this organization only (None: all)."""
        return self if organization_id is None else replace(self, organization_id=organization_id)

    def to_json(self) -> dict[str, JsonValue]:
        """By the names of the wire, without what is not given; `read_filter` makes the same of it."""
        given = {name: value for name, field in WIRE_NAMES.items() if (value := getattr(self, field)) is not None}
        if self.contact is not None and self.contact.isdigit():
            given["contact"] = f"+{self.contact}"  # else ten digits of another country would be read as Brazilian
        return given


#: The names of a filter on the wire, in addresses of pages and in selections of tasks.
WIRE_NAMES: Final[Mapping[str, str]] = {
    "organizationId": "organization_id",
    "contact": "contact",
    "campaignId": "campaign_id",
    "name": "name",
    "error": "error",
    "since": "since_ms",
    "until": "until_ms",
    "text": "text",
}
if {field.name for field in fields(JobFilter)} != set(WIRE_NAMES.values()):
    raise AssertionError("a filter has a field without a name on the wire")


def read_filter(values: Mapping[str, object]) -> JobFilter:
    """A filter of what was written under the names of the wire; empty texts are as good as none.

    Raises InvalidPayload naming the field.
    """
    given = {name: value for name, value in values.items() if value not in (None, "")}
    if unknown := given.keys() - WIRE_NAMES.keys():
        raise InvalidPayload(ascii(sorted(unknown)[0][:40])[1:-1], f"is no filter; there are {', '.join(WIRE_NAMES)}")
    contact, error, text = (_text(given, name) for name in ("contact", "error", "text"))
    if error is not None and error not in {one.name for one in CLASSES}:
        raise InvalidPayload("error", f"must be one of {', '.join(one.name for one in CLASSES)}")
    if text is not None and len(text) < SHORTEST_TEXT:
        raise InvalidPayload("text", f"must have {SHORTEST_TEXT} letters at least")
    return JobFilter(
        organization_id=_text(given, "organizationId"),
        contact=None if contact is None else _contact(contact),
        campaign_id=_text(given, "campaignId"),
        name=_text(given, "name"),
        error=error,
        since_ms=_time(given, "since"),
        until_ms=_time(given, "until"),
        text=text,
    )


def _text(given: Mapping[str, object], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST:
        raise InvalidPayload(name, f"must be text of at most {LONGEST} characters")
    return value.strip() or None


def _time(given: Mapping[str, object], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value, re.ASCII) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _LATEST_MS:
        raise InvalidPayload(name, "must be a time in ms since 1970")
    return number


def _contact(written: str) -> str:
    """Whom somebody means who writes a number as people do, or copies an address out of a job."""
    try:
        return canonical_number(written)
    except InvalidPayload as problem:
        try:
            return contact_of(written)
        except InvalidPayload:
            raise InvalidPayload("contact", problem.problem) from None
