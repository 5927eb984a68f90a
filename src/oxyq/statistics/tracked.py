"""Which organizations are counted by themselves: a bounded number, the same in all processes."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.engine.hub import Hub
from oxyq.engine.lua_runner import Script, ScriptRunner
from oxyq.engine.scripts import as_text

#: Whoever comes first is counted; 43 kB each at the very most (rows.py, three queues), so 43 MB in all.
MOST_ORGANIZATIONS: Final = 1_000
#: Each is asked about again after this time.
_SURE_SECONDS: Final = 3600.0
_AT_ONCE: Final = 500
_MOST_KNOWN: Final = 20_000
_TRACK: Final = Script.build(
    "track", (Path(__file__).parent / "lua" / "track.lua").read_text(encoding="utf-8"), allow_oom=False
)


class TrackedOrganizations:
    """Asks Redis once an hour for each; who had no job for 90 days makes room for another."""

    def __init__(self, hub: Hub, most: int = MOST_ORGANIZATIONS) -> None:
        self._hub = hub
        self._most = most
        self._runner = ScriptRunner(hub.commands)
        self._known = dict[str, tuple[bool, float]]()

    def unknown(self, organizations: Iterable[str]) -> list[str]:
        """Those of which `is_tracked` cannot tell now."""
        now, never = time.monotonic(), (False, 0.0)
        return [one for one in organizations if self._known.get(one, never)[1] < now]

    def is_tracked(self, organization_id: str) -> bool:
        """Whether this one is counted, by what was learned of it last."""
        return self._known.get(organization_id, (False, 0.0))[0]

    async def learn(self, organizations: Sequence[str]) -> None:
        """Ask of these, which from now on are counted if there is room. Raises QueueUnavailable."""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        for start in range(0, len(organizations), _AT_ONCE):
            asked, keep_ms = organizations[start : start + _AT_ONCE], redis_keys.STATISTICS_SECONDS * 1000
            now, until = now_ms(), time.monotonic() + _SURE_SECONDS
            reply = await self._runner.run(_TRACK, [self._key()], [now, now - keep_ms, self._most, keep_ms, *asked])
            answers = reply if isinstance(reply, list) else []
            self._known.update((one, (answer == 1, until)) for one, answer in zip(asked, answers, strict=True))

    async def all(self) -> list[str]:
        """Who is counted now. Raises QueueUnavailable."""
        found = await self._hub.commands.call("ZRANGE", self._key(), 0, -1)
        return [as_text(one) for one in found] if isinstance(found, list) else []

    async def is_counted(self, organization_id: str) -> bool:
        """Whether there are counts of this one, or will be with its next job; raises QueueUnavailable."""
        score = self._hub.commands.call("ZSCORE", self._key(), organization_id)
        many = self._hub.commands.call("ZCARD", self._key())
        if await score is not None:
            await many
            return True
        count = await many
        return isinstance(count, int) and count < self._most

    def _key(self) -> str:
        return redis_keys.statistics_organizations(prefix=self._hub.prefix)
