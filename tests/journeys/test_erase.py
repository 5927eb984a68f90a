"""Somebody asks to be erased while everything is at work, and nothing of all else is disturbed."""

import json

import pytest

from oxyq.app import App
from oxyq.clock import now_ms
from tests.integration.privacy import dump
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp, campaign_ended

#: The simulator takes two seconds for a message to her: it is under way while she is erased.
ANA = "5511987659904"
ANA_BEFORE = "551187659904"
OTHERS = [f"55119300{number:05}" for number in range(200)]


@pytest.mark.timeout(120)
async def test_who_is_erased_at_full_speed_is_gone_and_the_campaign_ends_with_right_counts(
    app: App, start_oxyq: StartProcess, whatsapp: WhatsApp, redis_url: str, prefix: str
) -> None:
    # Given a campaign that is going out, in which she is soon, a reminder for her, and messages that come in
    workers = start_oxyq("workers", "start", OXYQ_CAMPAIGN_RATE="60/1")
    await app.producer.add_automation_job(
        automation_id="r", organization_id=ORGANIZATION, type="reminder", recipient_number=ANA_BEFORE, content="Olá",
        scheduled_for=now_ms() + 3_600_000,
    )  # fmt: skip
    await app.producer.add_campaign_job(
        campaign_id="c", organization_id=ORGANIZATION, template="Olá {{name|você}}",
        recipients=[*OTHERS[:20], {"number": ANA, "variables": {"name": "Ana Clara"}}, *OTHERS[20:]],
    )  # fmt: skip
    await whatsapp.until(10)
    await _writes(app, ANA, "quero sair de tudo")

    # When she is erased from the command line
    erasing = start_oxyq("contacts", "erase", ORGANIZATION, f"+{ANA}", "--yes")
    assert await erasing.ended() == 0, erasing.output
    receipt = json.loads(erasing.output[erasing.output.index("{") :])

    # Then everybody else gets the message, and every recipient is accounted for
    counts = await campaign_ended(app, "c", len(OTHERS) + 1)
    assert sum(counts.skipped.values()) + counts.sent == len(OTHERS) + 1
    assert {message.to for message in whatsapp.received} >= set(OTHERS)
    assert len([message for message in whatsapp.received if message.key.startswith("send-")]) in (200, 201)
    # And nothing of her is left, in Redis or in what the processes wrote
    assert receipt["isComplete"], receipt
    left = [
        name
        for name, stored in dump.everything(redis_url)
        if prefix in name
        for form in dump.forms(stored)
        if ANA.encode() in form or ANA_BEFORE.encode() in form or b"Ana Clara" in form
    ]
    assert left == []
    assert ANA not in workers.output + erasing.output
    assert ANA_BEFORE not in workers.output + erasing.output


async def _writes(app: App, number: str, text: str) -> None:
    await app.producer.add_message_job(
        organization_id=ORGANIZATION, instance_id="wa_1", sender=f"{number}@c.us", content=text, message_id=f"m-{text}",
        timestamp=now_ms(),
    )  # fmt: skip
