"""Finding everything that is held about one person of one organization."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

import msgspec

from oxyq.campaigns.rows import unpack_planned, unpack_skipped, unpack_uploaded
from oxyq.engine.connection import RedisReplyError
from oxyq.outcomes import JsonValue
from oxyq.privacy.finding import Finding, Subject, data_of, owner_of, says_job
from oxyq.privacy.inventory import PlacedKey, Treatment, Whose
from oxyq.privacy.job_contents import without
from oxyq.privacy.keyspace import Element, Keyspace
from oxyq.privacy.learning import known, learn, learned

#: Stands in what tells an owner that somebody waits.
_NOTICE: Final = b'"hand-over '
_UNPACK: Final[Mapping[str, Callable[[bytes], Sequence[tuple[object, ...]]]]] = {
    "campaign-upload": unpack_uploaded,
    "campaign-rows": unpack_planned,
    "campaign-skipped": unpack_skipped,
}


class Finder:
    """Looks through all of Redis; what is another organization's is never found."""

    def __init__(self, keyspace: Keyspace) -> None:
        self._keyspace = keyspace

    async def find(self, subject: Subject) -> AsyncIterator[Finding]:
        """Everything, each key once. What is found may lead to more: it looks again until nothing more is learned."""
        found = dict[str, Finding]()
        while True:
            before = known(subject)
            async for page in self._keyspace.pages():
                keys = [key for key in dict.fromkeys(page) if key.name not in found and _may_be(subject, key)]
                looked = await asyncio.gather(*(self._look(subject, key) for key in keys))
                for finding in looked:
                    if finding is not None:
                        found[finding.key.name] = finding
                        learn(subject, finding)
            if before == learned(subject, found.values()):
                break
        for finding in found.values():
            yield finding

    async def _look(self, subject: Subject, key: PlacedKey) -> Finding | None:
        if key.family.whose is Whose.FIELD:
            return await self._whole(subject, key)
        kind = await self._keyspace.kind(key)
        if kind == "none":
            return None
        if _is_named(subject, key):
            everything = [element async for page in self._keyspace.elements(key, kind) for element in page]
            return Finding(key, kind, is_theirs=True, elements=tuple(everything))
        some = [
            element async for page in self._keyspace.elements(key, kind) for element in page
            if _tells(subject, key, element)
        ]  # fmt: skip
        is_named = subject.person.is_in_text(":".join(key.parts))
        if not some and not is_named:
            return None
        if key.family.whose is Whose.LINKED and await self._is_anothers(subject, key):
            return None
        is_theirs = key.family.mentioned is Treatment.DELETE
        if is_theirs and kind != "string":
            some = [element async for page in self._keyspace.elements(key, kind) for element in page]
        return Finding(key, kind, is_theirs, tuple(some))

    async def _whole(self, subject: Subject, key: PlacedKey) -> Finding | None:
        """A hash that says itself whose it is: a job, a schedule, an entry of the audit, a task."""
        elements = await self._keyspace.fields(key)
        fields = {element.at: element.value for element in elements}
        if key.queue is None:
            if not any(subject.person.is_in(element.value) for element in elements):
                return None
            owner: JsonValue = fields.get(b"org", b"").decode("utf-8", "replace")
        else:
            if not _is_in_job(subject, key, fields):
                return None
            owner = owner_of(fields)
        if owner != subject.organization_id and not (owner is None and subject.sees_all):
            return None
        return Finding(key, "hash", is_theirs=False, elements=tuple(elements))

    async def _is_anothers(self, subject: Subject, key: PlacedKey) -> bool:
        """Whether what names a job names one of another organization."""
        if key.job_key is None:
            return False
        try:
            data = await self._keyspace.call("HGET", key.job_key, "data")
        except RedisReplyError:
            return False  # no job at all
        return isinstance(data, bytes) and owner_of({b"data": data}) not in (None, subject.organization_id)


def _may_be(subject: Subject, key: PlacedKey) -> bool:
    """Whether a key can hold anything of theirs, by its name."""
    match key.family.whose:
        case Whose.KEY:
            return key.organization_id == subject.organization_id
        case Whose.INSTANCE:
            return bool(key.parts) and key.parts[0] in subject.instances
        case Whose.NOBODY:
            return False
        case _:
            return True


def _is_named(subject: Subject, key: PlacedKey) -> bool:
    """Whether a key is theirs by its name."""
    person, link = key.family.person_part, key.family.link_part
    if person is not None and len(key.parts) > person and subject.person.is_at(key.parts[person]):
        return True
    return link is not None and len(key.parts) > link and subject.knows(key.parts[link])


def _is_in_job(subject: Subject, key: PlacedKey, fields: dict[bytes, bytes]) -> bool:
    """Whether a job mentions them, names that others share aside, or is about them."""
    person, stored = subject.person, fields.get(b"data", b"")
    name = key.name.encode("utf-8", "surrogateescape")
    if not person.is_in(b"\n".join((name, *fields, *fields.values()))) and _NOTICE not in stored:
        return False
    if any(person.is_in_text(part) for part in key.parts):
        return True
    if any(person.is_in(at) or person.is_in(value) for at, value in fields.items() if at != b"data"):
        return True
    data = data_of(fields)
    return data is None or subject.has_job(data) or without(person, data) != data


def _tells(subject: Subject, key: PlacedKey, element: Element) -> bool:
    """Whether an element mentions them, or something that is about them."""
    unpack = _UNPACK.get(key.family_name)
    if unpack is not None:
        try:
            rows = unpack(element.value)
        except (zlib.error, msgspec.MsgspecError):
            return False  # nobody can read it, and the campaign stands still on it
        return any(subject.person.is_in_text(repr(tuple(row))) for row in rows)
    if subject.person.is_in(element.at) or subject.person.is_in(subject.readable(element.value)):
        return True
    if key.family.links:
        return subject.knows(element.value.decode("utf-8", "replace"))
    return _names_job(subject, key, element)


def _names_job(subject: Subject, key: PlacedKey, element: Element) -> bool:
    match key.family_name:
        case "events":
            return any(part.decode("utf-8", "replace") in subject.ids for part in element.value.split(b"\n"))
        case "conversation-history":
            return says_job(subject, element)
        case "held":
            return element.at.decode("utf-8", "replace").partition(" ")[2] in subject.ids
        case "task-items":
            return element.value.decode("utf-8", "replace") in subject.ids
        case _:
            return False
