"""Sends messages that another process sends too: `python -m tests.faults.contending_sender URL PREFIX LOG NAME KEYS`.

Each takes the job of each message over from the other, as if it were its own, and then wants to send. What came of it
is pushed to the list `{prefix}:endings`.
"""

import asyncio
import sys
from pathlib import Path

import redis.asyncio

from oxyq.engine import Hub
from oxyq.engine.job import Job
from oxyq.engine.keys import QueueKeys
from oxyq.engine.settlement import RawJob
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.outbound import OutboundText
from oxyq.gateways.simulator import SimulatorGateway
from oxyq.organizations import demo_organization
from oxyq.pacing.limiter import Limiter
from oxyq.sending.ledger import Ledger
from oxyq.sending.sender import LostJob, Sender

AT_ONCE = 5


async def main(url: str, prefix: str, log: str, name: str, keys: str) -> None:
    """Send them all, some at once, each step together with the other process."""
    hub, gateway = Hub(url, prefix=prefix), SimulatorGateway(Path(log))
    sender, organization = Sender(Gateways(gateway), Ledger(hub), Limiter(hub)), demo_organization()
    locks = QueueKeys("campaign", prefix)

    async def send(number: int) -> str:
        job = Job(RawJob(f"j-{number}", name, {b"name": b"send", b"data": b"{}"}), "campaign", None)
        await hub.commands.call("SET", locks.lock(job.id), name, "PX", 30_000)
        message = OutboundText(organization.id, "wa_demo", "5511999990001", "oi", f"message {number}")
        try:
            return type(await sender.send(job, message, organization, kind="campaign")).__name__
        except LostJob:
            return "LostJob"

    await hub.commands.ready(30)
    async with redis.asyncio.Redis.from_url(url) as client:
        for first in range(0, int(keys), AT_ONCE):
            await meet(client, f"{prefix}:meeting:{first}")
            endings = await asyncio.gather(*(send(number) for number in range(first, first + AT_ONCE)))
            await client.rpush(f"{prefix}:endings", *endings)
    await gateway.close()
    await hub.close()


async def meet(client: "redis.asyncio.Redis", place: str) -> None:
    """Return when both processes are here."""
    if await client.incr(f"{place}:here") == 2:
        await client.rpush(place, "go", "go")
    assert await client.blpop([place], timeout=30), "the other process never came"


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
