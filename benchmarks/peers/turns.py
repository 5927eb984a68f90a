"""Oxyq with jobs for several organizations, that have fair turns or not: `… ORGANIZATIONS fair|unfair REDIS_URL`."""

import sys

import uvloop

from benchmarks.peers.conversation import converse
from benchmarks.peers.ours import POLICY, Ours
from oxyq.engine import Turns


async def _main() -> None:
    organizations, way, redis_url = sys.argv[1:]
    turns = Turns("organizationId", POLICY.priority) if way == "fair" else None
    await converse(Ours(redis_url, int(organizations), turns))


if __name__ == "__main__":
    uvloop.run(_main())
