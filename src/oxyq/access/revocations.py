"""What is not good any more before its time: single tokens, and everything of a person up to a moment."""

import time
from typing import Final

from oxyq import redis_keys
from oxyq.access.tokens import LONGEST_SECONDS, Principal
from oxyq.engine.hub import Hub
from oxyq.engine.json_text import as_int

#: For so long a process believes what it heard last: a revocation holds everywhere after this time at most.
REMEMBERED_SECONDS: Final = 5.0
_MOST_REMEMBERED: Final = 10_000


class Revocations:
    """Says which tokens and sessions are revoked; all methods raise QueueUnavailable.

    Without Redis nobody can know, and nobody is let in.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._heard: dict[tuple[str, str | None, int | None], tuple[float, bool]] = {}

    async def revoke_token(self, token_id: str) -> None:
        """Revoke the token with this id (`jti`), and the sessions it opened."""
        await self._write(redis_keys.revoked_token(token_id, prefix=self._hub.prefix), "1")

    async def revoke_person(self, sub: str, until_s: int) -> None:
        """Revoke all that somebody of this name was given up to this second: tokens, links, sessions.

        What says of itself no time is revoked too.
        """
        await self._write(redis_keys.revoked_person(sub, prefix=self._hub.prefix), str(until_s))

    async def is_revoked(self, principal: Principal) -> bool:
        """Whether what this principal came with was revoked: one round trip every 5 s, however often it is asked."""
        asked = (principal.sub, principal.token_id, principal.issued_s)
        heard = self._heard.get(asked)
        if heard is not None and time.monotonic() < heard[0]:
            return heard[1]
        answer = await self._look(principal)
        if len(self._heard) >= _MOST_REMEMBERED:
            self._heard.clear()
        self._heard[asked] = (time.monotonic() + REMEMBERED_SECONDS, answer)
        return answer

    async def _look(self, principal: Principal) -> bool:
        prefix, commands = self._hub.prefix, self._hub.commands
        await commands.ready()
        person = redis_keys.revoked_person(principal.sub, prefix=prefix)
        # MGET needs a key for those without an id too.
        token = person if principal.token_id is None else redis_keys.revoked_token(principal.token_id, prefix=prefix)
        reply = await commands.call("MGET", person, token)
        until, denied = reply if isinstance(reply, list) else (None, None)
        until_s = None if until is None else as_int(until)
        is_old = until_s is not None and (principal.issued_s is None or principal.issued_s <= until_s)
        return is_old or (principal.token_id is not None and denied is not None)

    async def _write(self, key: str, value: str) -> None:
        await self._hub.commands.ready()
        await self._hub.commands.call("SET", key, value, "EX", LONGEST_SECONDS)
        self._heard.clear()
