"""Numbers that are not connected, each since when."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

import redis.asyncio

from oxyq import redis_keys
from oxyq.clock import now_ms
from oxyq.instances import InstanceStore
from oxyq.redis_connection import as_unavailable

#: More than these nobody reads about; who has been away the longest comes first.
MOST: Final = 500
#: What is done in one go: no call is long, neither in Redis nor in this process.
_AT_ONCE: Final = 500
NO_BRIDGE: Final = "no bridge has it"


@dataclass(frozen=True, slots=True)
class AwayNumber:
    """A number that is not connected since `since_ms` (ms since 1970); `state` is the last that was heard of it."""

    instance_id: str
    organization_id: str
    since_ms: int
    state: str


class AwayNumbers:
    """Finds them: those of which that was heard, and those of the bridge that no bridge has any more.

    A bridge that dies says nothing of it: its lease runs out, and since when is noted here.
    """

    def __init__(self, client: redis.asyncio.Redis, instances: InstanceStore, *, prefix: str = "bull") -> None:
        self._client = client
        self._instances = instances
        self._prefix = prefix
        self._has_looked = False

    async def all(self) -> list[AwayNumber]:
        """Those that are away, the longest first. Raises QueueUnavailable."""
        key = redis_keys.numbers_away(prefix=self._prefix)
        with as_unavailable("instances"):
            table = redis_keys.instances(prefix=self._prefix)
            rows = await _read(await cast("Awaitable[dict[str, str]]", self._client.hgetall(table)))
            without_bridge = await self._without_bridge([name for name, (_, via) in rows.items() if via == "baileys"])
            since = dict.fromkeys(without_bridge, now_ms())
            if not self._has_looked:
                since |= await self._noted_elsewhere(list(rows))
                self._has_looked = True
            if since:
                with suppress(redis.exceptions.OutOfMemoryError):  # a full Redis is no reason to tell nobody
                    await self._client.zadd(key, since, nx=True)
            noted = cast("list[tuple[str, float]]", await self._client.zrange(key, 0, MOST - 1, withscores=True))
        found, back = list[AwayNumber](), list[str]()
        states = await self._instances.known_states([instance_id for instance_id, _ in noted])
        for (instance_id, score), known in zip(noted, states, strict=True):
            state = NO_BRIDGE if instance_id in without_bridge else "open" if known is None else known.state
            if instance_id not in rows or state == "open":
                back.append(instance_id)  # a release that notes no times said that it is back
            else:
                found.append(AwayNumber(instance_id, rows[instance_id][0], int(score), state))
        if back:
            with as_unavailable("instances"):
                await self._client.zrem(key, *back)
        return found

    async def _noted_elsewhere(self, names: Sequence[str]) -> dict[str, int]:
        """Numbers whose state says that they are away, since then: the release before notes no more than that.

        Asked once by each process: it costs a command for each number.
        """
        away = dict[str, int]()
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            states = await self._instances.known_states(some)
            away |= {
                name: state.at_ms for name, state in zip(some, states, strict=True) if state and state.state != "open"
            }
        return away

    async def _without_bridge(self, names: Sequence[str]) -> set[str]:
        without = set[str]()
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            leases = await self._client.mget([redis_keys.bridge_lease(name, prefix=self._prefix) for name in some])
            without |= {name for name, lease in zip(some, leases, strict=True) if lease is None}
        return without


async def _read(rows: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Whose each number is, and its gateway; what is broken is left out."""
    found = dict[str, tuple[str, str]]()
    for at, (instance_id, text) in enumerate(rows.items()):
        if at % _AT_ONCE == 0:
            await asyncio.sleep(0)  # of 10,000 numbers, reading all at once would keep others waiting
        try:
            row = json.loads(text)
            found[instance_id] = (str(row["organizationId"]), str(row["gateway"]))
        except (ValueError, TypeError, KeyError):
            continue
    return found
