"""One of the processes of a campaign, told what to do as the peers are: it takes in, plans, releases or steers."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from oxyq.answering import ConversationSettings
from oxyq.app import App, open_app
from oxyq.campaigns.campaign import Campaign
from oxyq.campaigns.intake import CampaignIntake
from oxyq.campaigns.planning import CampaignPlanning
from oxyq.campaigns.release import CampaignRelease
from oxyq.cli.recipients import Form, hand_on, opened
from oxyq.clock import now_ms
from oxyq.gateways.simulator import customer_message
from oxyq.jobs import CampaignContent, parse_new
from oxyq.limits import NumberSettings, RateLimit
from oxyq.numbers import contact_key
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from oxyq.workers.campaign import PLAN_SECONDS

#: Answers at once: what is measured is what a campaign does to them, and not the quiet time.
SHOP = demo_organization().model_copy(update={"owners": [], "conversation": ConversationSettings(quiet_seconds=0)})
INSTANCE = SHOP.instances[0]
CAMPAIGN = "sale"
#: A greeting as customers write it.
TEXT = "Bom dia! Vocês abrem no sábado? Queria marcar banho e tosa para o meu cachorro."
#: After a pause's return it is looked for so long whether its sends are out of the queue.
LEAVING_SECONDS, LOOK_SECONDS = 1.0, 0.01

Answer = dict[str, Any]


def environment(redis_url: str, folder: Path) -> dict[str, str]:
    """The settings of all processes: as they are deployed, but no limit of the campaign queue itself."""
    return {
        "REDIS_URL": redis_url,
        "OXYQ_DATA_DIR": str(folder),
        "OXYQ_CAMPAIGN_RATE": "1000000/1",
        "OXYQ_CAMPAIGN_CONCURRENCY": "50",
    }


class _Part:
    """The questions; each answer is a JSON object."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._release = CampaignRelease(app.campaigns, app.producer, app.queues["campaign"], app.limiter)

    async def open_shop(self, per_second: int | None, opted_out: list[str]) -> Answer:
        """Save the organization, its number with this limit, and who wants no campaigns."""
        settings = (
            {} if per_second is None else {INSTANCE: NumberSettings(rate=RateLimit(max=per_second, per_seconds=1))}
        )
        await self._app.organizations.save(SHOP.model_copy(update={"numbers": settings}))
        for number in opted_out:
            await self._app.contacts.opt_out(SHOP.id, number, source="benchmark")
        return {}

    async def take_in(self, file: str, template: str) -> Answer:
        """Make a draft of a CSV, as `oxyq campaigns create` does."""
        content = parse_new(CampaignContent, organization_id=SHOP.id, campaign_id=CAMPAIGN, template=template)
        began = time.perf_counter()
        filling = await CampaignIntake(self._app.campaigns).open(content)
        with opened(file) as descriptor:
            await hand_on(descriptor, file, Form.csv, filling.add)
        await filling.finish()
        return {"seconds": time.perf_counter() - began, "peak_mb": _peak_mb()}

    async def start(self) -> Answer:
        """Start it, for workers to plan and send."""
        await self._app.campaign_control.start(SHOP.id, CAMPAIGN)
        return {}

    async def plan(self) -> Answer:
        """Start it and plan it in this process, in steps as a worker's."""
        await self.start()
        planning = CampaignPlanning(self._app.campaigns)
        began = time.perf_counter()
        while not await planning.go_on(await self._campaign(), SHOP, seconds=PLAN_SECONDS):
            pass
        await self._app.campaigns.planned_all(await self._campaign())
        return {"seconds": time.perf_counter() - began, "peak_mb": _peak_mb()}

    async def look(self) -> Answer:
        """How it stands."""
        campaign = await self._campaign()
        return {
            "state": campaign.state, "gone": campaign.gone, "planned": campaign.statuses["planned"],
            "skipped": campaign.skipped,
        }  # fmt: skip

    async def release(self, rows: int) -> Answer:
        """Release so many rows, pass by pass as a run does; between passes, off the clock, all sends end."""
        seconds, released = 0.0, 0
        while released < rows:
            began, now = time.perf_counter(), now_ms()
            campaign = await self._campaign()
            lane = await self._app.lanes.of(SHOP, campaign.instance_id, None, "campaign", now)
            step = await self._release.go_on(campaign, SHOP, lane, now)
            await self._app.campaigns.passed(campaign, step.waits, step.waits_until, now, campaign.pace_now(now))
            seconds += time.perf_counter() - began
            released += await self._end_open_sends()
        return {"seconds": seconds, "rows": released}

    async def pause(self) -> Answer:
        """Pause it; when that was, and when and whether its sends were out of the queue."""
        called = _now_ms()
        await self._app.campaign_control.pause(SHOP.id, CAMPAIGN)
        returned = _now_ms()
        left = await self._sends_in_queue()
        while left and _now_ms() < returned + LEAVING_SECONDS * 1000:
            await asyncio.sleep(LOOK_SECONDS)
            left = await self._sends_in_queue()
        return {"called_ms": called, "returned_ms": returned, "out_ms": _now_ms(), "left": left}

    async def resume(self) -> Answer:
        """Resume it; when that was."""
        called = _now_ms()
        await self._app.campaign_control.resume(SHOP.id, CAMPAIGN)
        return {"called_ms": called}

    async def write_to_shop(self, first: int, count: int, per_second: float) -> Answer:
        """Add a message of another customer each time, at an even rate; when each was added, by its job's id."""
        added, began = dict[str, float](), time.monotonic()
        for number in range(first, first + count):
            await asyncio.sleep(max(began + (number - first) / per_second - time.monotonic(), 0))
            message = customer_message(SHOP.id, INSTANCE, f"55219{number:07}0", TEXT, now_ms())
            at = _now_ms()
            added[await self._app.producer.add_message_job(message)] = at
        return {"added": added}

    async def _campaign(self) -> Campaign:
        return await self._app.campaign_control.find(SHOP.id, CAMPAIGN)

    async def _end_open_sends(self) -> int:
        store, queue = self._app.campaigns, self._app.queues["campaign"]
        sends = await store.open_sends(SHOP.id, CAMPAIGN)
        pieces = {(send.place.zone, send.place.piece) for send in sends}
        rows = {piece: await store.planned_piece(SHOP.id, CAMPAIGN, *piece) for piece in pieces}
        for send in sends:
            contact = contact_key(rows[send.place.zone, send.place.piece][send.place.offset].number)
            await store.note(SHOP.id, CAMPAIGN, contact, "sent", job_id=send.job_id)
        async for _ in queue.clean("prioritized"):
            pass
        return len(sends)

    async def _sends_in_queue(self) -> int:
        queue = self._app.queues["campaign"]
        states = ("wait", "prioritized", "active", "delayed")
        ids = await asyncio.gather(*(queue.all_ids(state) for state in states))
        return sum(job_id.startswith("send-") for found in ids for job_id in found)


def _now_ms() -> float:
    """By the clock of the simulator's log."""
    return time.time_ns() / 1e6


def _peak_mb() -> float:
    """The most memory this process ever had resident, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kib = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
    return int(kib) * 1024 / 1e6


async def _main(redis_url: str, folder: str) -> None:
    async with open_app(load_settings(environment(redis_url, Path(folder)))) as app:
        part, loop = _Part(app), asyncio.get_running_loop()
        _say({"ready": True})
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            question = json.loads(line)
            do: Callable[..., Awaitable[Answer]] = getattr(part, question.pop("do"))
            try:
                _say(await do(**question))
            except Exception as error:
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
