"""What the stories about hosted Redis share: the board's main pages, and work to be done while a server goes away."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from oxyq.access.tokens import checked_principal
from oxyq.api.application import create_api
from oxyq.app import App
from oxyq.dashboard.entrance import COOKIE
from oxyq.errors import QueueUnavailable
from tests.journeys.conftest import ORGANIZATION
from tests.requirements import require

PAGES = (
    "", "queue/message", "queue/campaign?state=completed", "campaigns", "automations", "dead-letters", "conversations",
    "organizations", "audit", "sessions",
)  # fmt: skip


async def look_at_the_board(app: App, seconds: float = 20.0) -> None:
    """Open its main pages as one who sees all; fails for one that is not shown."""
    deadline = time.monotonic() + seconds
    secret = await app.sessions.open(checked_principal("ana", "owner", None), None, "127.0.0.1")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(app)), base_url="https://oxyq.test", cookies={COOKIE: secret}
    ) as browser:
        for page in PAGES:
            shown = await browser.get(f"/admin/queues/{page}")
            while shown.status_code == 503 and time.monotonic() < deadline:  # a busy machine; people load it again
                shown = await browser.get(f"/admin/queues/{page}")
            assert shown.status_code == 200, f"{page}: {shown.status_code}"
            assert "<nav" in shown.text, page


async def write_as(app: App, number: str, seconds: float = 30.0) -> None:
    """A person writes; whoever brings it in repeats it, as it is, until it is taken."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await app.producer.add_message_job(
                organization_id=ORGANIZATION, instance_id="wa_demo", sender=number, content="vocês abrem sábado?",
                message_id=f"m-{number}", timestamp=int(time.time() * 1000),
            )  # fmt: skip
            return
        except QueueUnavailable:
            assert time.monotonic() < deadline, f"not taken within {seconds:g} s"
            await asyncio.sleep(0.1)


async def under_way(app: App, campaign_id: str, sent: int, seconds: float = 60.0) -> None:
    """Wait until so many of a campaign were sent; it must not have ended by then."""
    deadline = time.monotonic() + seconds
    while True:
        campaign = await app.campaigns.get(ORGANIZATION, campaign_id)
        if campaign is not None and campaign.statuses["sent"] >= sent:
            assert campaign.state != "completed"
            return
        assert time.monotonic() < deadline, f"not yet: {campaign}"
        await asyncio.sleep(0.02)


class BridgeIntake:
    """The bridge's own way into the queue: Node's BullMQ over ioredis, with the bridge's settings."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def take(self, number: str, seconds: float = 30.0) -> None:
        """A message of this person, brought in as the bridge does; returns when it is in the queue."""
        data = {
            "organizationId": ORGANIZATION, "instanceId": "wa_demo", "from": number, "content": "vocês abrem sábado?",
            "messageId": f"m-{number}", "timestamp": int(time.time() * 1000),
        }  # fmt: skip
        job_id = f"msg-bridge-{number}"
        line = json.dumps({"name": "inbound-message", "data": data, "opts": {"jobId": job_id, "attempts": 3}})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(seconds):
            assert (await self._process.stdout.readline()).decode().strip() == job_id


@asynccontextmanager
async def bridge_intake(environment: dict[str, str]) -> AsyncIterator[BridgeIntake]:
    """Run it with an installation's settings."""
    require("bridge")
    process = await asyncio.create_subprocess_exec(
        "node", str(Path(__file__).parent / "bridge_intake.mjs"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "OXYQ_BRIDGE_KEY": "0123456789abcdef" * 4, **environment},
    )  # fmt: skip
    try:
        yield BridgeIntake(process)
    finally:
        process.kill()
        await process.wait()
