"""A program that only adds messages, as a user's service does: `python shard_producer.py NAME COUNT`."""

import asyncio
import sys
import time

import oxyq
from oxyq import client
from oxyq.errors import QueueUnavailable

_PAUSE_SECONDS = 0.05


async def ask(name: str, number: int) -> None:
    """Ask until it is acknowledged; the same facts each time."""
    while True:
        try:
            await oxyq.add_message_job(
                organizationId="org_123", instanceId="wa_demo", messageId=f"{name}-{number}",
                content="qual o horário de funcionamento?", timestamp=BEGAN_MS,
                **{"from": f"5511{name}{number:07d}@c.us"},
            )  # fmt: skip
            return
        except QueueUnavailable:
            await asyncio.sleep(0.2)


async def main(name: str, count: int) -> None:
    """Add them one after the other, twenty a second."""
    for number in range(count):
        await ask(name, number)
        await asyncio.sleep(_PAUSE_SECONDS)
    await client.close()
    print(f"acknowledged: {count}", flush=True)


BEGAN_MS = int(time.time() * 1000)
if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
