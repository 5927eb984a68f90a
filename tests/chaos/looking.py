"""Looks into a run's Redis and files: what is in hand now, and in the end what became of everything."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import redis.asyncio

from oxyq import redis_keys
from tests.chaos.evidence import Ending, Send, Warmth
from tests.chaos.journal import Line, read
from tests.chaos.keyspace import PREFIX
from tests.chaos.workload import ORGANIZATION

QUEUES: Final = ("message", "automation", "campaign")
_LISTS: Final = ("wait", "active", "paused")
_SETS: Final = ("delayed", "prioritized", "waiting-children")
_PIECE: Final = 2_000

#: What an entry of the ledger, and a row of a campaign, means for its message.
ENDINGS: Final[Mapping[str, Ending]] = {
    "sent": "done", "delivered": "done", "read": "done", "unconfirmed": "unconfirmed", "failed": "dead-letter",
}  # fmt: skip
#: Sees in one step who holds which active job, so that a job is not between two places.
_ACTIVE: Final = """
local found = {}
for _, queue in ipairs(ARGV) do
  for _, id in ipairs(redis.call("LRANGE", KEYS[1] .. queue .. ":active", 0, -1)) do
    local lock = KEYS[1] .. queue .. ":" .. id .. ":lock"
    table.insert(found, id)
    table.insert(found, redis.call("GET", lock) or "")
    table.insert(found, redis.call("PTTL", lock))
  end
end
return found
"""


class Look:
    """Asks Redis itself, past all proxies. Everything raises redis.ConnectionError or TimeoutError while it is away."""

    def __init__(self, client: "redis.asyncio.Redis") -> None:
        self._client = client

    async def in_hand(self) -> dict[str, tuple[str, int]]:
        """Each active job, with the token of who holds it ("" for nobody) and the ms that the lock still lives."""
        found = await self._client.eval(_ACTIVE, 1, f"{PREFIX}:", *QUEUES)
        return {found[at]: (found[at + 1], found[at + 2]) for at in range(0, len(found), 3)}

    async def open_jobs(self) -> set[str]:
        """The ids of all jobs that wait or run."""
        async with self._client.pipeline(transaction=True) as pipe:
            for queue in QUEUES:
                for name in _LISTS:
                    pipe.lrange(f"{PREFIX}:{queue}:{name}", 0, -1)
                for name in _SETS:
                    pipe.zrange(f"{PREFIX}:{queue}:{name}", 0, -1)
            return set[str]().union(*await pipe.execute())

    async def dead_letters(self) -> set[str]:
        """The ids of all dead letters."""
        return {str(letter) for letter in await self._client.lrange(f"{PREFIX}:dead-letter:wait", 0, -1)}

    async def ledger(self, keys: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """What the ledger knows of these messages: the state, and whether it may have gone out twice."""
        known = dict[str, tuple[str, bool]]()
        for start in range(0, len(keys), _PIECE):
            piece = keys[start : start + _PIECE]
            async with self._client.pipeline(transaction=False) as pipe:
                for key in piece:
                    pipe.hmget(redis_keys.message(ORGANIZATION, key, prefix=PREFIX), "state", "repeated")
                for key, (state, repeated) in zip(piece, await pipe.execute(), strict=True):
                    known[key] = (state or "", repeated is not None)
        return known

    async def campaign(self, campaign_id: str) -> tuple[str, dict[str, str]]:
        """The state of a campaign, and how it stands with each of its recipients ("" for not yet)."""
        state = await self._client.hget(redis_keys.campaign(ORGANIZATION, campaign_id, prefix=PREFIX), "state")
        rows = await self._client.hgetall(redis_keys.campaign_recipients(ORGANIZATION, campaign_id, prefix=PREFIX))
        return str(state or ""), {str(contact): _status(str(row)) for contact, row in rows.items()}

    async def keys(self) -> list[tuple[str, float | None]]:
        """Every key there is, and the seconds it lives on (None: for ever)."""
        keys = [key async for key in self._client.scan_iter(count=_PIECE)]
        found = list[tuple[str, float | None]]()
        for start in range(0, len(keys), _PIECE):
            piece = keys[start : start + _PIECE]
            async with self._client.pipeline(transaction=False) as pipe:
                for key in piece:
                    pipe.pttl(key)
                for key, ms in zip(piece, await pipe.execute(), strict=True):
                    if ms != -2:  # gone in the meantime
                        found.append((key, None if ms == -1 else ms / 1000))
        return found


def _status(row: str) -> str:
    """Of "row [status ms detail]"."""
    words = row.split()
    return words[1] if len(words) > 1 else ""


def sends(lines: Iterable[Line], but: str) -> list[Send]:
    """The gateway's log without the probes, whose numbers begin with `but`."""
    return [
        Send(int(line["at"]), str(line["key"]), bool(line["answered"]))
        for line in lines
        if not str(line["to"]).startswith(but)
    ]


def warmth(path: Path) -> list[Warmth]:
    """The looks at a worker's last process."""
    lines = read(path)
    return [
        Warmth(int(line["at"]), int(line["tasks"]), float(line["memory"]))
        for line in lines
        if line["pid"] == lines[-1]["pid"]
    ]


def told(outputs: Iterable[Path]) -> tuple[int, list[str]]:
    """From what workers logged: how many jobs they took from dead ones, and which ran to the end more than once."""
    recovered, done = 0, Counter[str]()
    for line in _log_lines(outputs):
        if line.get("event") == "jobs.recovered":
            recovered += int(line["count"])
        elif line.get("event") == "job.handled" and line.get("outcome") == "done":
            done[str(line["job"])] += 1
    return recovered, [job for job, times in done.items() if times > 1]


def _log_lines(outputs: Iterable[Path]) -> Iterator[Line]:
    for output in outputs:
        with output.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A line that a kill cut in two is none.
                if line.startswith("{") and line.endswith("}\n"):
                    try:
                        yield json.loads(line)
                    except ValueError:
                        continue
