"""Who is looked for, and what was found of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from oxyq.engine.json_text import decode_json
from oxyq.outcomes import JsonValue
from oxyq.privacy.inventory import DataClass, PlacedKey, Treatment
from oxyq.privacy.job_contents import is_about, subject_of
from oxyq.privacy.keyspace import Element
from oxyq.privacy.person import Person
from oxyq.queues import DEAD_LETTER
from oxyq.text_keys import TextKey

_JOB_ID: Final = re.compile(rb'"jobId":"([^"]+)"')


@dataclass(slots=True)
class Subject:
    """Who is looked for, and what was found to belong to them meanwhile.

    `sees_all`: also in jobs that do not say whose they are.
    """

    organization_id: str
    person: Person
    instances: frozenset[str] = frozenset()
    sees_all: bool = False
    text_key: TextKey | None = None
    ids: set[str] = field(default_factory=set)
    """Of jobs and messages about them, by which other things know these."""

    def known_as(self, addresses: Iterable[str]) -> None:
        """These are theirs too."""
        more = self.person.addresses.union(addresses)
        if more != self.person.addresses:
            self.person = Person(more)

    def knows(self, job_or_message: str) -> bool:
        """Whether what has this id is about them; messages of a job are called after it."""
        return job_or_message in self.ids or job_or_message.partition("/")[0] in self.ids

    def readable(self, stored: bytes) -> bytes:
        """What stands there, sealed texts of the organization's opened."""
        return stored if self.text_key is None else self.text_key.open_all(stored)

    def has_job(self, data: JsonValue) -> bool:
        """Whether a job that carries this is about them alone, or tells an owner of them."""
        return is_about(self.person, data) or subject_of(data) in self.ids


@dataclass(frozen=True, slots=True)
class Finding:
    """Something held about them: a whole key that is theirs, or elements of another."""

    key: PlacedKey
    kind: str
    is_theirs: bool
    elements: tuple[Element, ...]

    @property
    def data_class(self) -> DataClass:
        """What people are told that it is."""
        return DataClass.DEAD_LETTERS if self.key.queue == DEAD_LETTER else self.key.family.data_class

    @property
    def is_kept(self) -> bool:
        """Whether only people may decide what becomes of it: settings, and names that others share."""
        is_job = self.key.family.mentioned in (Treatment.JOB, Treatment.SCHEDULE)
        return self.key.family.mentioned is Treatment.KEEP or not (self.is_theirs or self.elements or is_job)

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The elements of a hash by their names."""
        return {element.at: element.value for element in self.elements}


def owner_of(fields: dict[bytes, bytes]) -> str | None:
    """Whose job a hash is; None when it does not say."""
    return _owner_in(data_of(fields))


def _owner_in(data: JsonValue) -> str | None:
    if not isinstance(data, dict):
        return None
    owner = data.get("organizationId")
    # Letters of the Node original have it only in the job that they are about.
    return owner if isinstance(owner, str) else _owner_in(data.get("data"))


def data_of(fields: dict[bytes, bytes]) -> JsonValue:
    """What a job carries; None when it cannot be read."""
    try:
        return decode_json(fields.get(b"data", b""))
    except (ValueError, RecursionError):
        return None


def says_job(subject: Subject, element: Element) -> bool:
    """Whether a line of somebody's chat is what told them of this person."""
    found = _JOB_ID.search(element.value)
    return found is not None and found[1].decode("utf-8", "replace") in subject.ids
