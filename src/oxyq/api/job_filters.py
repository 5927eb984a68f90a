"""The filter that somebody asks for, within what they may see: for the API and the board alike."""

import re
from collections.abc import Mapping
from typing import Final

from oxyq.access.tokens import Principal
from oxyq.api.access import no_organization
from oxyq.errors import InvalidPayload
from oxyq.operating.error_classes import CLASSES
from oxyq.operating.search.job_filter import LONGEST, SHORTEST_TEXT, JobFilter, read_filter

#: Who is shown no numbers could feel their way to them, digit by digit, by asking for texts.
_DIGITS: Final = re.compile(r"[0-9]([ ()+-]*[0-9]){3}")

_TEXT: Final[Mapping[str, object]] = {"type": "string", "maxLength": LONGEST}
_TIME: Final[Mapping[str, object]] = {"type": "integer", "minimum": 0}
#: Each filter as the OpenAPI page tells it: description and schema.
DESCRIBED: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "organizationId": ("of this organization", _TEXT),
    "contact": ("about this person: a number as people write it, or a hidden id", _TEXT),
    "campaignId": ("of this campaign", _TEXT),
    "name": ("jobs of this name", _TEXT),
    "error": ("whose last error is of this class", {"type": "string", "enum": [one.name for one in CLASSES]}),
    "since": ("ended, or else added, at this time (ms since 1970) or later", _TIME),
    "until": ("ended, or else added, before this time", _TIME),
    "text": (
        "that hold this in their id, data or last error; looked through chunk by chunk, see `search`",
        {**_TEXT, "minLength": SHORTEST_TEXT},
    ),
}


def checked_filter(values: Mapping[str, object], who: Principal, *, is_masked: bool) -> JobFilter:
    """The filter of these values; raises InvalidPayload naming the field, NotFound for another's organization."""
    wanted = read_filter(values)
    if wanted.organization_id is not None and not who.may_see(wanted.organization_id):
        raise no_organization(wanted.organization_id)
    if is_masked and wanted.text is not None and _DIGITS.search(wanted.text):
        raise InvalidPayload("text", "must not hold a number of four digits or more; look for a person with contact")
    return wanted.within(who.org)
