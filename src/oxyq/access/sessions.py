"""Sessions of people on the board, in Redis; their browsers hold a secret of which Redis knows only the digest."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import redis.asyncio
from pydantic import TypeAdapter

from oxyq import redis_keys
from oxyq.access.permissions import people_only
from oxyq.access.revocations import Revocations
from oxyq.access.secret import digest_of, new_secret
from oxyq.access.tokens import Principal
from oxyq.clock import now_ms
from oxyq.errors import NotFound
from oxyq.redis_connection import as_unavailable

IDLE_MS: Final = 3600 * 1000
LONGEST_MS: Final = 12 * 3600 * 1000
REVEAL_MS: Final = 10 * 60 * 1000
MOST_LISTED: Final = 1000

#: What redis-py takes for a value.
_Value: TypeAlias = "bytes | bytearray | memoryview[int] | str | int | float"

_AT_ONCE: Final = 100
_REVEAL: Final = "reveal:"
_SCRIPTS: Final = Path(__file__).parent / "lua"
_LOOK: Final = (_SCRIPTS / "look.lua").read_text(encoding="utf-8")
_NOTE: Final = (_SCRIPTS / "note.lua").read_text(encoding="utf-8")
_PRINCIPAL: Final = TypeAdapter(Principal)
_VALUES: Final = TypeAdapter(dict[str, str | int])


@dataclass(frozen=True, slots=True)
class Flash:
    """What is told on the next page, once: a key of the words, and what is filled in."""

    key: str
    values: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody on the board. Times in ms since 1970; `revealed` are the pages on which numbers and texts are shown.

    `id` names it to others, and lets nobody in.
    """

    id: str
    principal: Principal
    begun_ms: int
    used_ms: int
    ends_ms: int
    address: str
    revealed: frozenset[str]
    flash: Flash | None
    language: str | None
    theme: str | None


class Sessions:
    """All sessions of one installation; everything raises QueueUnavailable.

    A session ends when it was not used for an hour, 12 hours after it began, with the token that opened it, when it is
    closed, and when it or its person is revoked.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        revocations: Revocations,
        *,
        prefix: str = "bull",
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._client = client
        self._revocations = revocations
        self._prefix = prefix
        self._clock = clock

    async def open(self, principal: Principal, ends_s: int | None, address: str) -> str:
        """Begin a session that ends at `ends_s` (seconds since 1970) at the latest; returns the cookie's secret.

        Raises NotAllowed for programs: they send their token with each request.
        """
        people_only(principal)
        secret, now = new_secret(), self._clock()
        digest = digest_of(secret) or ""
        ends = now + LONGEST_MS if ends_s is None else min(now + LONGEST_MS, ends_s * 1000)
        key, index = self._key(digest), redis_keys.sessions(prefix=self._prefix)
        fields: dict[_Value, _Value] = {
            "principal": _PRINCIPAL.dump_json(principal),
            "begun": now, "used": now, "ends": ends, "address": address,
        }  # fmt: skip
        with as_unavailable("sessions"):
            async with self._client.pipeline(transaction=True) as both:
                both.hset(key, mapping=fields)
                both.pexpire(key, max(1, min(IDLE_MS, ends - now)))
                both.zadd(index, {digest: ends})
                both.zremrangebyscore(index, "-inf", now)
                await both.execute()
        return secret

    async def find(self, secret: str) -> Session | None:
        """The session of this cookie, renewed; None when there is none, or none any more. One round trip.

        What it was told by `flash` is in it this once.
        """
        digest = digest_of(secret)
        if digest is None:
            return None
        now = self._clock()
        with as_unavailable("sessions"):
            flat = await self._client.register_script(_LOOK)(keys=[self._key(digest)], args=[now, IDLE_MS])
        session = _session(digest, dict(zip(flat[::2], flat[1::2], strict=True)), now)
        if session is None or await self._revocations.is_revoked(session.principal):
            return None
        return session

    async def get(self, session_id: str) -> Session | None:
        """A session by its id, as it stands."""
        with as_unavailable("sessions"):
            fields = await cast("Awaitable[dict[str, str]]", self._client.hgetall(self._key(session_id)))
        return _session(session_id, fields, self._clock())

    async def is_open(self, session_id: str) -> bool:
        """Whether the session with this id still lets somebody in; asking does not renew it."""
        session = await self.get(session_id)
        return session is not None and not await self._revocations.is_revoked(session.principal)

    async def list(self, organization_id: str | None = None) -> list[Session]:
        """The sessions that are open, the one used last first: of one organization's people, or (None) all."""
        now, index = self._clock(), redis_keys.sessions(prefix=self._prefix)
        with as_unavailable("sessions"):
            await self._client.zremrangebyscore(index, "-inf", now)
            ids = cast("Sequence[str]", await self._client.zrange(index, 0, MOST_LISTED - 1, desc=True))
            found: list[Session | None] = []
            for start in range(0, len(ids), _AT_ONCE):
                some = ids[start : start + _AT_ONCE]
                async with self._client.pipeline(transaction=False) as look:
                    for session_id in some:
                        look.hgetall(self._key(session_id))
                    replies = cast("Sequence[dict[str, str]]", await look.execute())
                found += [_session(one, fields, now) for one, fields in zip(some, replies, strict=True)]
        sessions = [
            one
            for one in found
            if one is not None and (organization_id is None or one.principal.org == organization_id)
        ]
        revoked = await asyncio.gather(*(self._revocations.is_revoked(one.principal) for one in sessions))
        still = [one for one, is_revoked in zip(sessions, revoked, strict=True) if not is_revoked]
        return sorted(still, key=lambda one: one.used_ms, reverse=True)

    async def close(self, secret: str) -> None:
        """End the session of this cookie."""
        digest = digest_of(secret)
        if digest is not None:
            await self.revoke(digest)

    async def end(self, session_id: str, who: Principal) -> Session:
        """End a session, of those that this person may see; returns it as it was. NotFound for all others."""
        session = await self.get(session_id)
        if session is None or not who.may_see(session.principal.org):
            raise NotFound("there is no such session; it may have ended by itself")
        await self.revoke(session_id)
        return session

    async def revoke(self, session_id: str) -> None:
        """End a session by its id."""
        with as_unavailable("sessions"):
            async with self._client.pipeline(transaction=True) as both:
                both.delete(self._key(session_id))
                both.zrem(redis_keys.sessions(prefix=self._prefix), session_id)
                await both.execute()

    async def flash(self, secret: str, key: str, **values: str | int) -> None:
        """Tell something on the next page that this session opens."""
        await self._note(secret, {"flash": json.dumps({"key": key, "values": values}, ensure_ascii=False)})

    async def reveal(self, secret: str, page: str) -> None:
        """Show numbers and texts on this page for 10 minutes."""
        await self._note(secret, {f"{_REVEAL}{page}": str(self._clock() + REVEAL_MS)})

    async def choose(self, secret: str, *, language: str | None = None, theme: str | None = None) -> None:
        """Keep how the board is to be shown; None leaves it as it is."""
        chosen = {"language": language, "theme": theme}
        await self._note(secret, {name: value for name, value in chosen.items() if value is not None})

    async def _note(self, secret: str, fields: Mapping[str, str]) -> None:
        digest = digest_of(secret)
        if digest is None or not fields:
            return
        arguments = [part for pair in fields.items() for part in pair]
        with as_unavailable("sessions"):
            await self._client.register_script(_NOTE)(keys=[self._key(digest)], args=arguments)

    def _key(self, digest: str) -> str:
        return redis_keys.session(digest, prefix=self._prefix)


def _session(session_id: str, fields: Mapping[str, str], now: int) -> Session | None:
    if not fields or int(fields["ends"]) <= now:
        return None
    return Session(
        id=session_id,
        principal=_PRINCIPAL.validate_json(fields["principal"]),
        begun_ms=int(fields["begun"]),
        used_ms=int(fields["used"]),
        ends_ms=int(fields["ends"]),
        address=fields["address"],
        revealed=frozenset(
            name.removeprefix(_REVEAL)
            for name, until in fields.items()
            if name.startswith(_REVEAL) and int(until) > now
        ),
        flash=_flash(fields.get("flash")),
        language=fields.get("language"),
        theme=fields.get("theme"),
    )


def _flash(stored: str | None) -> Flash | None:
    if stored is None:
        return None
    told = json.loads(stored)
    return Flash(str(told["key"]), _VALUES.validate_python(told["values"]))
