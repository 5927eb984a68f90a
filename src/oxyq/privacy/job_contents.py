"""Whom a job is about, by what it carries, whoever added it."""

from collections.abc import Iterator
from typing import Final

from oxyq.errors import InvalidPayload
from oxyq.numbers import contact_of
from oxyq.outcomes import JsonValue
from oxyq.privacy.person import Person

#: Fields in which payloads, ours and those of other services, have the person that a job is about.
_ADDRESSES: Final = ("from", "to", "sender", "recipient", "recipientNumber", "number", "phone", "participant", "chatId")
#: All of them are one person: a number, WhatsApp's hidden id and Meta's.
_ONE_PERSON: Final = ("from", "lid", "bsuid")
#: Ids by which the ledger, the events and the bridge know what a job is about.
_IDS: Final = ("messageId", "originalJobId")
#: Names of things that others share. One that has the number in it is reported and stays: jobs would lose their way.
_SHARED: Final = ("campaignId", "organizationId", "instanceId")
#: What tells owners that somebody waits is called so, and after the job of that person (conversations/hand_over.py).
_ABOUT_A_JOB: Final = "hand-over "
_LIST: Final = "recipients"
_INNER: Final = "data"


def is_about(person: Person, data: JsonValue) -> bool:
    """Whether a job, or the job in a dead letter, is about this person alone."""
    if not isinstance(data, dict):
        return False
    if any(_is_at(person, data.get(name)) for name in (*_ADDRESSES, *_ONE_PERSON)):
        return True
    rows = data.get(_LIST)
    if isinstance(rows, list) and rows and all(_is_row_of(person, row) for row in rows):
        return True
    return is_about(person, data.get(_INNER))


def without(person: Person, data: JsonValue) -> JsonValue:
    """What a job carries that is not about them alone, without their entries in lists and without their number."""
    clean = person.taken_out_of_json(_without_rows(person, data))
    if isinstance(data, dict) and isinstance(clean, dict):
        clean |= {name: data[name] for name in _SHARED if name in data}
    return clean


def subject_of(data: JsonValue) -> str | None:
    """The job that a notice to an owner is about; None of all other jobs."""
    name = data.get("automationId") if isinstance(data, dict) else None
    if isinstance(name, str) and name.startswith(_ABOUT_A_JOB):
        return name.removeprefix(_ABOUT_A_JOB)
    return subject_of(data.get(_INNER)) if isinstance(data, dict) and _INNER in data else None


def other_addresses(person: Person, data: JsonValue) -> Iterator[str]:
    """Addresses that such a job says are the same person's."""
    if not isinstance(data, dict):
        return
    known = [data.get(name) for name in _ONE_PERSON]
    if any(_is_at(person, address) for address in known):
        for address in known:
            try:
                yield contact_of(address if isinstance(address, str) else "")
            except InvalidPayload:
                continue
    yield from other_addresses(person, data.get(_INNER))


def ids_in(data: JsonValue) -> Iterator[str]:
    """Ids of messages and jobs that go with this one."""
    if isinstance(data, dict):
        yield from (value for name in _IDS if isinstance(value := data.get(name), str))
        yield from ids_in(data.get(_INNER))


def _without_rows(person: Person, data: JsonValue) -> JsonValue:
    if not isinstance(data, dict):
        return data
    fields = dict(data)
    if isinstance(rows := fields.get(_LIST), list):
        fields[_LIST] = [row for row in rows if not _is_row_of(person, row)]
    if _INNER in fields:
        fields[_INNER] = _without_rows(person, fields[_INNER])
    return fields


def _is_row_of(person: Person, row: JsonValue) -> bool:
    return _is_at(person, row.get("number") if isinstance(row, dict) else row)


def _is_at(person: Person, value: JsonValue) -> bool:
    return isinstance(value, str | int) and person.is_at(str(value))
