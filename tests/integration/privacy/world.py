"""A person who is everywhere: what real flows leave of them, and what only old or foreign programs would."""

import base64

from oxyq.answering import ConversationSettings
from oxyq.app import App
from oxyq.automations.schedule import Schedule
from oxyq.automations.selection import Selection
from oxyq.campaigns.planning import CampaignPlanning
from oxyq.clock import now_ms
from oxyq.gateways.news import PersonWrote
from oxyq.jobs import CampaignRequest, PersonReply, parse_new
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue
from tests.integration.engine.journal import eventually

ANA = "5511987654321"
ANA_BEFORE = "551187654321"
"""As programs from before the ninth digit write it."""
LID = "271828182845904@lid"
OTHER = "5511912345678"
HOUR_MS = 3_600_000
#: As Meta makes them: the number stands in it, packed.
WAMID = "wamid." + base64.b64encode(b"\x1c\x18\x0d" + ANA.encode() + b"\x15\x02\x00\x11\x18\x12ABCDEF").decode()


async def organizations(app: App) -> None:
    """Two shops, with the same customer."""
    for shop, instance in (("org_1", "wa_1"), ("org_2", "wa_2")):
        await app.organizations.save(
            Organization(
                id=shop,
                name="Pet Shop",
                owners=["5511900000001"],
                instances=[instance],
                conversation=ConversationSettings(quiet_seconds=0),
            )
        )


async def everywhere(app: App, shop: str, instance: str) -> None:
    """One organization's share of the world; its workers have to run."""
    prefix = app.settings.redis_prefix
    await _talks(app, shop, instance)
    await _is_reminded(app, shop)
    await _is_in_campaigns(app, shop, instance)
    await _failed(app, shop)
    await app.contacts.opt_out(shop, ANA_BEFORE, source="test", words=f"SAIR, {ANA}")
    # The bridge's, and of programs in Node
    await app.redis.set(f"oxyq:{prefix}:bridge-address:{instance}:{ANA_BEFORE}", f"{ANA}@s.whatsapp.net", ex=9999)
    await app.redis.hset(
        f"oxyq:{prefix}:bridge-auth:{instance}",
        items=[f"session:{ANA}.0", "v1:sealed", f"session:{LID[:-4]}_1.0", "v1:sealed", "creds", "v1:sealed"],
    )
    await app.queues["automation"].add(
        "reminder",
        {"organizationId": shop, "text": f"ligue para (11) 98765-4321, {shop}"},
        job_id=f"order-{shop}",
        delay_ms=HOUR_MS,
    )
    await app.redis.rpush(f"{prefix}:automation:order-{shop}:logs", f"wrote to {ANA_BEFORE}@c.us")
    await app.queues["automation"].add(
        "reminder", {"organizationId": shop, "to": "+55 (11) 98765-4321"}, job_id=f"{shop}-{ANA}", delay_ms=HOUR_MS
    )


async def _talks(app: App, shop: str, instance: str) -> None:
    message = {"organizationId": shop, "instanceId": instance, "timestamp": now_ms()}
    first = {
        **message,
        "from": f"{ANA_BEFORE}@c.us",
        "lid": LID,
        "content": f"Oi, sou {ANA}",
        "messageId": f"{shop}-{WAMID}",
    }
    await app.producer.add_message_job(first, pushName="Ana Clara")
    other = {**message, "from": f"{OTHER}@c.us", "content": "A Ana é 11 98765-4321", "messageId": "3EB0OTHER"}
    await app.producer.add_message_job(other)

    async def answered() -> int:
        said = [await app.conversations.history(chat.place) for chat in await app.conversations.latest(shop)]
        return sum(len(lines) >= 2 for lines in said)

    await eventually(answered, 2)
    await app.producer.add_message_job({**message, "from": LID, "content": "e agora?", "messageId": f"3EB0{shop}"})
    await app.take_over.person_wrote(shop, instance, PersonWrote(ANA, "Oi Ana, é a Paula", f"3A{shop}", now_ms()))
    await app.producer.add_person_reply(
        PersonReply(reply_id="r1", organization_id=shop, instance_id=instance, recipient=ANA, text="já vai", by="paula")
    )
    await eventually(lambda: _open(app, "message"), 0)


async def _is_reminded(app: App, shop: str) -> None:
    await app.producer.add_automation_job(
        automation_id="now", organization_id=shop, type="reminder", recipient_number=ANA, content="Banho hoje"
    )
    await app.producer.add_automation_job(
        automation_id=f"later {ANA}", organization_id=shop, type="reminder", recipient_number=ANA_BEFORE,
        content="Vacina", scheduled_for=now_ms() + HOUR_MS, metadata={"phone": ANA},
    )  # fmt: skip
    schedule = parse_new(
        Schedule,
        {"id": "weekly", "organizationId": shop, "cron": "0 9 * * 1",
         "automation": {"type": "reminder", "recipientNumber": ANA, "content": "Olá"}},
    )  # fmt: skip
    await app.automation_schedules.save(schedule, await _organization(app, shop))
    await app.withdrawals.withdraw(shop, Selection(automation_id=f"never {ANA}"))


async def _is_in_campaigns(app: App, shop: str, instance: str) -> None:
    rows: list[JsonValue] = [OTHER, {"number": "(11) 98765-4321", "variables": {"name": "Ana"}}, f"+{ANA}", "55119"]
    for campaign_id, start_at in (("sent", None), ("later", now_ms() + HOUR_MS)):
        await app.producer.add_campaign_job(
            campaign_id=campaign_id, organization_id=shop, template="Olá {{name|você}}, sou do 11 8765-4321!",
            recipients=rows, start_at=start_at,
        )  # fmt: skip
    await eventually(lambda: state(app, shop, "sent"), "completed")
    await eventually(lambda: state(app, shop, "later"), "scheduled")
    # As a status of Meta's would
    await app.campaigns.note(shop, "sent", ANA, "delivered", detail=WAMID)
    await app.redis.set(f"oxyq:{app.settings.redis_prefix}:org:{shop}:provider-message:{instance}:{WAMID}", "x/0")
    # One that was planned, and paused before anything of it was released
    content: dict[str, JsonValue] = {"organizationId": shop, "template": "Olá {{name|você}}", "recipients": rows}
    await app.campaign_control.take_in(parse_new(CampaignRequest, {**content, "campaignId": "paused"}))
    await planned(app, shop, "paused")
    await app.campaigns.move(shop, "paused", "pause")
    # And one whose job nobody took yet
    await app.queues["campaign"].add(
        "campaign", {**content, "campaignId": "waiting"}, job_id=f"camp-{shop}", delay_ms=HOUR_MS
    )


async def _failed(app: App, shop: str) -> None:
    await app.producer.send_to_dlq(
        original_queue="message", original_job_id=f"lost-{shop}", failed_reason=f"500 for {ANA}", organization_id=shop,
        data={"organizationId": shop, "from": f"{ANA}@c.us", "content": "Oi"},
    )  # fmt: skip
    await app.producer.send_to_dlq(
        original_queue="campaign", original_job_id=f"list-{shop}", failed_reason="no", organization_id=shop,
        data={"organizationId": shop, "campaignId": "l", "template": "Oi", "recipients": [OTHER, ANA_BEFORE]},
    )  # fmt: skip


async def _organization(app: App, shop: str) -> Organization:
    organization = await app.organizations.get(shop)
    assert organization is not None
    return organization


async def _open(app: App, queue: str) -> int:
    counts = await app.queues[queue].counts()
    return counts["waiting"] + counts["active"]


async def state(app: App, shop: str, campaign_id: str) -> str:
    """How a campaign stands."""
    campaign = await app.campaigns.get(shop, campaign_id)
    return "none" if campaign is None else campaign.state


async def planned(app: App, shop: str, campaign_id: str) -> dict[str, int]:
    """Plan a draft; returns how many rows were left out, by reason."""
    await app.campaigns.move(shop, campaign_id, "start")
    campaign = await app.campaigns.get(shop, campaign_id)
    assert campaign is not None
    await CampaignPlanning(app.campaigns).go_on(campaign, await _organization(app, shop), seconds=10)
    await app.campaigns.planned_all(campaign)
    after = await app.campaigns.get(shop, campaign_id)
    assert after is not None
    return dict(after.skipped)
