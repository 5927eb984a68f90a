"""A small installation that is alive, cut off in the middle of its day: every kind of key, jobs in every state.

Runs with whichever release is on the path, in the installation that the environment names; only what all releases
have is used here. In the end it kills itself: so a job is in hand, and a campaign half-way.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from oxyq import redis_keys
from oxyq.access.tokens import Principal
from oxyq.app import App, open_app
from oxyq.audit import Deed
from oxyq.automations.schedule import Schedule
from oxyq.automations.selection import Selection
from oxyq.campaigns.eta import Pace
from oxyq.campaigns.intake import CampaignIntake
from oxyq.gateways.simulator import LOSES_THE_REPLY, NEVER_GETS_THROUGH, NOT_ON_WHATSAPP, SLOW
from oxyq.instances import Instance
from oxyq.jobs import CampaignContent, InboundMessage, parse_new
from oxyq.limits import NumberSettings, RateLimit
from oxyq.operating.bulk.task import TaskOrder
from oxyq.operating.search.job_filter import JobFilter
from oxyq.organizations import FrequencyCap, demo_organization
from oxyq.process import running_workers
from oxyq.replies.pending import RedisPending
from oxyq.replies.token_usage import TokenUsage
from oxyq.settings import load_settings

SHOP, BARBER, OWNER, NUMBER = "org_123", "org_456", "5511988880000", "wa_demo"
ANA, BIA, CAI = "5511999990010", "5511999990020", "5511999990030"
#: Recipients of the campaign that is half-way: more than are sent by then, and some the simulator plays tricks with.
RECIPIENTS = [f"55119{60_000_000 + 10 * n}" for n in range(150)]
#: And of one that was paused on its way.
PAUSED = [f"55119{61_000_000 + 10 * n}" for n in range(80)]
TRICKS = [f"551197777{ending}" for ending in (NEVER_GETS_THROUGH, NOT_ON_WHATSAPP, LOSES_THE_REPLY)]
SENT_BY_THEN = 40
DAY_S = 24 * 3600


def now_ms() -> int:
    """Now."""
    return int(time.time() * 1000)


async def until(look: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    """Look again and again until something is there."""
    deadline = time.monotonic() + seconds
    while not await look():
        assert time.monotonic() < deadline, f"never: {look}"
        await asyncio.sleep(0.02)


async def settle_in(app: App) -> None:
    """Organizations, numbers, people, and who may come in."""
    demo = demo_organization().model_copy(update={"instances": [NUMBER, "wa_cloud"], "weight": 2})
    rate, pair = RateLimit(max=40, per_seconds=1), RateLimit(max=100, per_seconds=60)
    limits = {NUMBER: NumberSettings(rate=rate, daily=5_000, pair=pair)}
    shop = demo.model_copy(
        update={"id": SHOP, "numbers": limits, "rate": rate, "frequency_cap": FrequencyCap(messages=5, days=7)}
    )
    await app.organizations.save(shop)
    barber = {"id": BARBER, "name": "Barbearia do Zé", "instances": ["wa_barber"]}
    await app.organizations.save(demo_organization().model_copy(update=barber))
    cloud = Instance(id="wa_cloud", organization_id=SHOP, gateway="cloud", phone_number_id="100000000000001")
    await app.instances.save(Instance(id=NUMBER, organization_id=SHOP, gateway="simulator"))
    await app.instances.save(cloud)
    await app.instances.set_secret(cloud, "access_token", "made-up-token")
    await app.instances.note_state(NUMBER, "open", "simulated")
    await app.contacts.opt_out(SHOP, CAI, source="message", words="SAIR")
    await TokenUsage(app.redis, prefix=app.hub.prefix).add(shop, 1234)
    await app.conversations.silence(BARBER, now_ms() + 3_600_000)
    pending = RedisPending(app.redis, lambda org, owner: redis_keys.owner_pending(org, owner, prefix=app.hub.prefix))
    await pending.put(SHOP, OWNER, '{"verb": "cancel", "options": ["c-half"], "chosen": "c-half"}')
    await come_in(app)


async def come_in(app: App) -> None:
    """Sessions on the board, links, attempts to log in, tokens that were revoked, and the audit."""
    owner = Principal("ana@example.com", "owner", SHOP)
    await app.sessions.open(owner, None, "203.0.113.7")
    await app.login_links.make(owner)
    with contextlib.suppress(ValueError):
        async with app.login_attempts.attempt("203.0.113.8"):
            raise ValueError("wrong password")
    await app.revocations.revoke_token("0123456789abcdef")
    await app.revocations.revoke_person("rui@example.com", int(time.time()) - 60)
    await app.audit.write(Deed("queue.pause", "message", "ana@example.com", "owner", "board", SHOP, "203.0.113.7"))


def message(number: str, name: str, text: str = "Que horas vocês abrem?", **more: Any) -> dict[str, Any]:
    """Somebody writes."""
    return {
        "organizationId": SHOP, "instanceId": NUMBER, "from": f"{number}@c.us", "messageId": f"m-{name}",
        "content": text, "timestamp": now_ms(), **more,
    }  # fmt: skip


def reminder(number: str, name: str, **more: Any) -> dict[str, Any]:
    """A reminder."""
    return {
        "automationId": f"a-{name}", "organizationId": SHOP, "type": "reminder", "recipientNumber": number,
        "content": f"Lembrete {name}", "instanceId": NUMBER, "metadata": {"bookingId": name}, **more,
    }  # fmt: skip


async def fill(app: App, campaign_id: str, numbers: list[str]) -> None:
    """A campaign with its recipients, not started."""
    content = {
        "campaignId": campaign_id, "organizationId": SHOP, "template": "{Oi|Olá} {{nome|cliente}}!",
        "instanceId": NUMBER,
    }  # fmt: skip
    filling = await CampaignIntake(app.campaigns).open(parse_new(CampaignContent, content))
    await filling.add([(number, {"nome": f"Nome {at}"}) for at, number in enumerate(numbers)])
    await filling.finish()


async def campaigns(app: App) -> None:
    """One that ended, a draft that was looked at, and one that is paused."""
    for campaign_id in ("c-ended", "c-draft"):
        await fill(app, campaign_id, [ANA, BIA, BIA, CAI, "123", *TRICKS])
    await app.campaign_control.launch(SHOP, "c-ended")
    await until(lambda: is_in(app, "c-ended", "completed"))
    shop, draft = await app.organizations.get(SHOP), await app.campaigns.get(SHOP, "c-draft")
    assert shop is not None and draft is not None
    check = app.draft_checks.begin(draft, shop)
    while await check.step():
        pass
    await check.finish(Pace(1.0))
    await fill(app, "c-paused", PAUSED)
    await app.campaign_control.launch(SHOP, "c-paused")
    await until(lambda: is_in(app, "c-paused", "running", 5))
    await app.campaign_control.pause(SHOP, "c-paused")


async def is_in(app: App, campaign_id: str, state: str, sent: int = 0) -> bool:
    """Whether a campaign stands so."""
    found = await app.campaigns.get(SHOP, campaign_id)
    return found is not None and found.state == state and found.statuses["sent"] >= sent


async def chats(app: App) -> None:
    """A chat that was answered, one that a person took over, one in a hidden id's name, and one with trouble."""
    for number, name in ((ANA, "1"), (BIA, "2"), (f"551194444{NEVER_GETS_THROUGH}", "3")):
        await app.producer.add_message_job(message(number, name))
    hidden = message(BIA, "4", "Quanto custa um banho?", lid="123456789012345@lid", pushName="Bia")
    await app.producer.add_message_job(parse_new(InboundMessage, hidden))
    await until(lambda: counted(app, "message", "completed", 3))
    shop = await app.organizations.get(SHOP)
    assert shop is not None
    await app.person_replies.send(shop, NUMBER, BIA, "Oi, aqui é a Ana!", reply_id="r-1", by="ana@example.com")


async def automations(app: App) -> None:
    """Reminders that went out, failed, were withdrawn and wait; a schedule; one of somebody who is paused."""
    for name, number in (("sent", ANA), ("never", f"551195555{NOT_ON_WHATSAPP}")):
        await app.producer.add_automation_job(reminder(number, name))
    for name in ("withdrawn", "tomorrow", "next-week"):
        await app.producer.add_automation_job(reminder(ANA, name), delay_ms=DAY_S * 1000)
    await app.automation_control.withdraw(SHOP, Selection(automation_id="a-withdrawn"))
    shop, barber = await app.organizations.get(SHOP), await app.organizations.get(BARBER)
    assert shop is not None and barber is not None
    daily = {"id": "daily", "organizationId": SHOP, "automation": reminder(BIA, "daily"), "cron": "0 9 * * *"}
    await app.automation_schedules.save(parse_new(Schedule, daily), shop)
    await app.organizations.save(barber.model_copy(update={"paused_at": now_ms()}))
    held = {**reminder(CAI, "held"), "organizationId": BARBER}
    await app.producer.add_automation_job({name: value for name, value in held.items() if name != "instanceId"})


async def counted(app: App, queue: str, state: str, least: int) -> bool:
    """Whether so many jobs of a queue are in a state."""
    return (await app.queues[queue].counts())[state] >= least


async def operate(app: App) -> None:
    """A bulk task that ended and one that did not begin, a dead letter by hand, limits of a queue."""
    order = TaskOrder("retry", "message", {"queue": "message", "state": "failed", "filter": {}}, by="ana@example.com")
    async with app.bulk.running():
        task = await app.bulk.start(order)
        await until(lambda: task_ended(app, task.id))
    promote = TaskOrder("promote", "automation", {"queue": "automation", "state": "delayed", "filter": {}}, by="ana")
    await app.bulk.start(promote)
    await app.producer.send_to_dlq(
        original_queue="message", original_job_id="msg-by-hand", failed_reason="given up", organization_id=SHOP
    )
    await app.queues["campaign"].set_global_concurrency(50)
    await app.search.page("message", "completed", JobFilter(), 0, 10)


async def task_ended(app: App, task_id: str) -> bool:
    """Whether a bulk task is done."""
    return (await app.bulk.get(task_id)).state == "done"


async def cut_off(app: App) -> None:
    """Have a job in hand, a campaign half-way, and work that waits."""
    await fill(app, "c-half", RECIPIENTS)
    await app.campaign_control.launch(SHOP, "c-half")
    await until(lambda: is_in(app, "c-half", "running", SENT_BY_THEN))
    await app.queues["message"].pause()
    await app.producer.add_message_job(message(ANA, "waits", "Vocês aceitam Pix?"))
    job_id = await app.producer.add_automation_job(reminder(f"551196666{SLOW}", "in-hand"))
    await until(lambda: in_hand(app, job_id))


async def in_hand(app: App, job_id: str) -> bool:
    """Whether a worker is sending what this job says."""
    claimed = redis_keys.message(SHOP, f"{job_id}/0", prefix=app.hub.prefix)
    return await app.redis.hget(claimed, "state") == "sending"


async def main() -> None:
    """All of it, in a few seconds."""
    async with open_app(load_settings()) as app:
        await settle_in(app)
        async with running_workers(app):
            await automations(app)
            await chats(app)
            await campaigns(app)
            await operate(app)
        # What these counted is written down now; others are cut off.
        async with running_workers(app):
            await cut_off(app)
            os.kill(os.getpid(), signal.SIGKILL)


asyncio.run(main())
