"""What the address of a list of jobs asks for, in the words of the board: for the list, and for what is done to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from oxyq.api.job_filters import checked_filter
from oxyq.dashboard.visit import Visit
from oxyq.errors import InvalidPayload
from oxyq.operating.search.job_filter import JobFilter
from oxyq.operating.search.states import SHOWN

#: What may stand in the address, and what a filter calls it.
FIELDS: Final[Mapping[str, str]] = {
    "organization": "organizationId",
    "contact": "contact",
    "campaign": "campaignId",
    "name": "name",
    "error": "error",
    "since": "since",
    "until": "until",
    "text": "text",
}
_TIMES: Final = frozenset(("since", "until"))
#: What can be done to many jobs of a state, as a form offers it (operating/job_tasks/kinds.py).
OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "active": (),
    "waiting": ("bury", "remove"),
    "delayed": ("promote", "bury", "remove"),
    "completed": ("retry", "remove"),
    "failed": ("retry", "remove"),
    "waiting-children": ("remove",),
}
FIRST_STATE: Final = "waiting"


@dataclass(frozen=True, slots=True)
class Asked:
    """A state, and what its jobs must fit; `written` is what was written into the form, without what is empty."""

    state: str
    wanted: JobFilter
    written: Mapping[str, str]


def asked(visited: Visit, given: Mapping[str, str]) -> Asked:
    """What is asked for, within what the visitor may see.

    Raises InvalidPayload with the name that the form has for a field, NotFound for another's organization.
    """
    written, state = _written(given), _state(given)
    values: dict[str, object] = {
        FIELDS[name]: visited.formats.read_time(name, value) if name in _TIMES else value
        for name, value in written.items()
    }
    return Asked(state, checked_filter(values, visited.who, is_masked=not visited.may("reveal")), written)


def refused(given: Mapping[str, str]) -> Asked:
    """What was asked for, to be shown again with its problem; nothing is looked for."""
    return Asked(_state(given), JobFilter(), _written(given))


def _written(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in given.items() if name in FIELDS and value.strip()}


def _state(given: Mapping[str, str]) -> str:
    state = given.get("state") or FIRST_STATE
    if state not in SHOWN:
        raise InvalidPayload("state", f"must be one of {', '.join(SHOWN)}")
    return state
