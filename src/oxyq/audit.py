"""Who did what, when, to what, from where: every write that a person or a program asks for, kept for a year."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from oxyq import redis_keys
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int, decode_json, encode_json
from oxyq.engine.scripts import as_text, now_ms
from oxyq.outcomes import JsonValue

#: What no address of a page, and no error, needs; a detail that is longer is cut.
LONGEST_TEXT: Final = 500
ASKED: Final = "asked"
"""The outcome of what has not ended, or whose end nobody could write down."""

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


class AuditLog:
    """The audit of one installation, in Redis.

    It is written *before* the deed is done: what cannot be written down is not done (QueueUnavailable).
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def begin(self, deed: Deed) -> str:
        """Write down what is asked for; returns the entry's id. Raises QueueUnavailable."""
        at_ms = now_ms()
        entry_id = f"{at_ms:013}-{secrets.token_hex(6)}"
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

    async def end(self, entry_id: str, outcome: str, detail: Mapping[str, JsonValue] | None = None) -> None:
        """Write down what became of it. Raises QueueUnavailable."""
        fields = ["outcome", outcome[:LONGEST_TEXT]]
        if detail:
            fields += ["detail", encode_json(dict(detail))]
        await self._hub.commands.ready()
        await self._hub.commands.call("HSET", self._entry(entry_id), *fields)

    async def latest(
        self, organization_id: str | None = None, *, before: str | None = None, limit: int = 50
    ) -> list[AuditEntry]:
        """The last entries, newest first: of one organization, or all; those before the entry `before`."""
        index, commands = self._index(organization_id), self._hub.commands
        await commands.ready()
        # An entry's id begins with its time, so equal scores are in the order of their ids.
        start = "+inf" if before is None else f"{before.partition('-')[0]}"
        found = await commands.call("ZRANGE", index, start, "-inf", "BYSCORE", "REV", "LIMIT", 0, limit + 100)
        ids = [as_text(one) for one in (found if isinstance(found, list) else ())]
        ids = [one for one in ids if before is None or one < before][:limit]
        replies = await asyncio.gather(*(commands.call("HGETALL", self._entry(one)) for one in ids))
        entries = (_entry(one, reply) for one, reply in zip(ids, replies, strict=True))
        return [entry for entry in entries if entry is not None]

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
