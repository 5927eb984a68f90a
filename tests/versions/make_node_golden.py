"""`python -m tests.versions.make_node_golden`: what a Node service with BullMQ 6, and with 5, leaves behind.

Jobs that wait, are delayed, were done, have failed, and are in the hand of a worker that died; and a scheduler.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from tests.interop.node_peer import Node, NodeProcess
from tests.redis_server import RedisServer
from tests.versions.dump import keys_of, save
from tests.versions.make_golden import GOLDEN, PREFIX
from tests.versions.previous import HERE

SHOP, NUMBER = "org_123", "wa_demo"


def message(name: str, number: str) -> dict[str, Any]:
    """Somebody writes."""
    return {
        "organizationId": SHOP, "instanceId": NUMBER, "from": f"{number}@c.us", "messageId": name,
        "content": "Que horas vocês abrem? 🐶", "timestamp": int(time.time() * 1000), "ourOwn": {"field": [1, 2.5]},
    }  # fmt: skip


def reminder(name: str) -> dict[str, Any]:
    """A reminder."""
    return {
        "automationId": name, "organizationId": SHOP, "type": "reminder", "recipientNumber": "5511999990040",
        "content": f"Lembrete {name}", "metadata": {"bookingId": name},
    }  # fmt: skip


async def leave(node: Node) -> None:
    """Do what a Node service does, and go away in the middle."""
    messages, automations = node.queue("message"), node.queue("automation")
    await messages.add("incoming", {"done": "by Node"}, {"jobId": "by-node"})
    await messages.add("child", {"failed": "in Node"}, {"jobId": "failed-in-node"})
    await node.work("message", "fails-child")
    await node.until("completed", jobId="by-node")
    await node.until("failed", jobId="failed-in-node")
    await node.end()
    node.begin()
    await node.queue("message").add("incoming", message("m-in-hand", "5511999990010"), {"attempts": 3})
    await node.take_and_die("message", 30_000)
    messages = node.queue("message")
    await messages.add("incoming", message("m-waits", "5511999990020"))
    await messages.add("incoming", message("m-urgent", "5511999990030"), {"priority": 1, "attempts": 3})
    await automations.add("reminder", reminder("soon"), {"delay": 1})
    await automations.add("reminder", reminder("tomorrow"), {"delay": 86_400_000})
    template = {"name": "reminder", "data": reminder("daily")}
    await automations.upsertJobScheduler("daily", {"pattern": "0 9 * * *", "tz": "America/Sao_Paulo"}, template)
    campaign = {
        "campaignId": "c-node", "organizationId": SHOP, "recipients": [f"55119{70_000_000 + n}" for n in range(30)],
        "template": "Olá {{name}}!", "variables": {"name": "Cliente"},
    }  # fmt: skip
    await node.queue("campaign").add("bulk", campaign)


async def main() -> None:
    """Make the golden files of both."""
    for package, major in (("bullmq", 6), ("bullmq5", 5)):
        with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
            async with NodeProcess(package, server.url) as process:
                node = Node(process, PREFIX)
                await leave(node)
                await node.end()
            with redis.Redis.from_url(server.url) as client:
                save(keys_of(client), GOLDEN / f"bullmq-{major}" / "keys.jsonl", HERE.parents[1])


if __name__ == "__main__":
    asyncio.run(main())
