"""Who did what, when, to what, from where: every write that a person or a program asks for, kept for a year."""

import asyncio
import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.engine.scripts import as_text
from oxyq.outcomes import JsonValue

#: What no address of a page, and no error, needs; a detail that is longer is cut.
LONGEST_TEXT: Final = 500
ASKED: Final = "asked"
"""The outcome of what has not ended, or whose end nobody could write down."""
DONE: Final = "done"
"""The outcome of what was done; all others are codes of errors."""
#: Entries that are looked at in one go, and at most for one page: a filter may fit few of them.
_AT_ONCE: Final = 100
_MOST_LOOKED_AT: Final = 2_000

Door = Literal["api", "board", "cli"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something somebody asks for; `action` is a word such as `job.retry`, `target` what it is done to."""

    action: str
    target: str
    by: str
    role: str
    door: Door
    organization_id: str | None
    address: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A deed, when it was asked for (ms since 1970), and what became of it: asked, done, or the code of its error."""

    id: str
    at_ms: int
    deed: Deed
    outcome: str
    detail: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """For machines to read."""
        return {
            "id": self.id,
            "at": self.at_ms,
            "action": self.deed.action,
            "target": self.deed.target,
            "by": self.deed.by,
            "role": self.deed.role,
            "door": self.deed.door,
            "organizationId": self.deed.organization_id,
            "address": self.deed.address,
            "outcome": self.outcome,
            "detail": dict(self.detail),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are meant: of one organization, of one person, of one kind (`job` stands for all `job.…`)."""

    organization_id: str | None = None
    by: str | None = None
    action: str | None = None

    def fits(self, entry: AuditEntry) -> bool:
        """Whether an entry of the organization's index is meant."""
        deed = entry.deed
        return self.by in (None, deed.by) and (
            self.action in (None, deed.action) or deed.action.startswith(f"{self.action}.")
        )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; `next` is where the older ones begin, None when there are none."""

    entries: Sequence[AuditEntry]
    next: str | None


class AuditLog:
    """The audit of one installation, in Redis.

    It is written *before* the deed is done: what cannot be written down is not done (QueueUnavailable).
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._count = itertools.count()

    async def begin(self, deed: Deed) -> str:
        """Write down what is asked for; returns the entry's id. Raises QueueUnavailable."""
        at_ms = now_ms()
        # What one process writes within a millisecond stays in its order.
        entry_id = f"{at_ms:013}-{next(self._count) % 0x10000:04x}{secrets.token_hex(4)}"
        key, oldest = self._entry(entry_id), at_ms - redis_keys.AUDIT_SECONDS * 1000
        fields = {
            "at": str(at_ms), "action": deed.action, "target": deed.target[:LONGEST_TEXT], "by": deed.by,
            "role": deed.role, "door": deed.door, "org": deed.organization_id or "", "address": deed.address,
            "outcome": ASKED,
        }  # fmt: skip
        indexes = [self._index(None)]
        if deed.organization_id is not None:
            indexes.append(self._index(deed.organization_id))
        commands = self._hub.commands
        await commands.ready()
        await asyncio.gather(
            commands.call("HSET", key, *(part for pair in fields.items() for part in pair)),
            commands.call("EXPIRE", key, redis_keys.AUDIT_SECONDS),
            *(commands.call("ZADD", index, at_ms, entry_id) for index in indexes),
            *(commands.call("ZREMRANGEBYSCORE", index, "-inf", f"({oldest}") for index in indexes),
            *(commands.call("EXPIRE", index, redis_keys.AUDIT_SECONDS) for index in indexes),
        )
        return entry_id

    async def end(
        self,
        entry_id: str,
        outcome: str,
        detail: Mapping[str, JsonValue] | None = None,
        organization_id: str | None = None,
    ) -> None:
        """Write down what became of it, and whose things it was about if that was not known before.

        Raises QueueUnavailable.
        """
        fields = ["outcome", outcome[:LONGEST_TEXT]]
        if organization_id is not None:
            fields += ["org", organization_id]
        if detail:
            fields += ["detail", encode_json(dict(detail))]
        commands = self._hub.commands
        await commands.ready()
        writing = [commands.call("HSET", self._entry(entry_id), *fields)]
        if organization_id is not None:
            index = self._index(organization_id)
            writing += [
                commands.call("ZADD", index, int(entry_id.partition("-")[0]), entry_id),
                commands.call("EXPIRE", index, redis_keys.AUDIT_SECONDS),
            ]
        await asyncio.gather(*writing)

    async def write(self, deed: Deed, detail: Mapping[str, JsonValue] | None = None) -> None:
        """Write down what was done in the same moment. Raises QueueUnavailable."""
        await self.end(await self.begin(deed), DONE, detail)

    async def page(self, wanted: Wanted, *, before: str | None = None, limit: int = 50) -> AuditPage:
        """Entries that fit, newest first; `before` is `next` of the page before. Raises QueueUnavailable.

        A page may have fewer than `limit`, and still a next one: of 2,000 entries that were looked at few may fit.
        """
        start, found = await self._place_after(wanted.organization_id, before), list[AuditEntry]()
        last: str | None = None
        for at in range(start, start + _MOST_LOOKED_AT, _AT_ONCE):
            ids = await self._ids(wanted.organization_id, at)
            entries = await self._entries(ids)
            found += [entry for entry in entries if entry is not None and wanted.fits(entry)]
            if len(found) > limit:
                return AuditPage(found[:limit], found[limit - 1].id)
            if len(ids) < _AT_ONCE:
                return AuditPage(found, None)
            last = ids[-1]
        return AuditPage(found, last)

    async def _place_after(self, organization_id: str | None, entry_id: str | None) -> int:
        """How many entries are not older than this one."""
        if entry_id is None:
            return 0
        index, commands = self._index(organization_id), self._hub.commands
        await commands.ready()
        place = await commands.call("ZREVRANK", index, entry_id)
        if isinstance(place, int):
            return place + 1
        # It was a year old, and was dropped meanwhile.
        count = await commands.call("ZCARD", index)
        return count if isinstance(count, int) else 0

    async def _ids(self, organization_id: str | None, first: int) -> Sequence[str]:
        commands = self._hub.commands
        await commands.ready()
        found = await commands.call("ZREVRANGE", self._index(organization_id), first, first + _AT_ONCE - 1)
        return [as_text(one) for one in (found if isinstance(found, list) else ())]

    async def _entries(self, ids: Sequence[str]) -> list[AuditEntry | None]:
        replies = await asyncio.gather(*(self._hub.commands.call("HGETALL", self._entry(one)) for one in ids))
        return [_entry(one, reply) for one, reply in zip(ids, replies, strict=True)]

    def _entry(self, entry_id: str) -> str:
        return redis_keys.audit_entry(entry_id, prefix=self._hub.prefix)

    def _index(self, organization_id: str | None) -> str:
        return redis_keys.audit(organization_id, prefix=self._hub.prefix)


def _entry(entry_id: str, reply: object) -> AuditEntry | None:
    if not isinstance(reply, list) or not reply:
        return None
    flat = iter(as_text(part) for part in reply)
    fields = dict(zip(flat, flat, strict=True))
    detail = decode_json(fields["detail"].encode()) if "detail" in fields else {}
    return AuditEntry(
        entry_id,
        as_int(fields.get("at", "").encode()) or 0,
        Deed(
            action=fields.get("action", ""),
            target=fields.get("target", ""),
            by=fields.get("by", ""),
            role=fields.get("role", ""),
            door=cast("Door", fields.get("door", "")),
            organization_id=fields.get("org") or None,
            address=fields.get("address", ""),
        ),
        fields.get("outcome", ASKED),
        detail if isinstance(detail, dict) else {},
    )
