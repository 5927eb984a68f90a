"""The language model is away for a while: answers come late, each once, and nobody is lost."""

import asyncio
import os
import time

import pytest

from oxyq.answering import AiSettings, ConversationSettings
from oxyq.app import App
from oxyq.organizations import demo_organization
from tests.integration.replies.model_server import Fail, ModelServer, Say
from tests.journeys.conftest import ORGANIZATION, StartProcess, WhatsApp

#: `OXYQ_TEST_AWAY_SECONDS=60` for the whole story.
AWAY_SECONDS = float(os.environ.get("OXYQ_TEST_AWAY_SECONDS", "4"))
CUSTOMERS = [f"55119710{number:05}" for number in range(12)]
AI = AiSettings.model_validate({"model": {"provider": "openai", "model": "local"}, "prompt": "Uma loja."})


@pytest.mark.timeout(240)
async def test_answers_come_late_and_once(app: App, start_oxyq: StartProcess, whatsapp: WhatsApp) -> None:
    shop = demo_organization().model_copy(
        update={"id": ORGANIZATION, "faq": [], "ai": AI, "conversation": ConversationSettings(quiet_seconds=0)}
    )
    await app.organizations.save(shop)
    async with ModelServer() as model:
        # Given a model that answers 503, and customers who write all the while
        model.will(Fail(503))
        worker = start_oxyq("workers", "message", OXYQ_OPENAI_URL=model.openai_url)
        away_until = time.monotonic() + AWAY_SECONDS
        for number in CUSTOMERS:
            await _writes(app, number)
            await asyncio.sleep(AWAY_SECONDS / len(CUSTOMERS) / 2)
        while time.monotonic() < away_until:
            assert whatsapp.received == []
            await asyncio.sleep(0.1)

        # When it is back
        model.will(Say("já estou de volta"))

        # Then everybody is answered by it, once
        await whatsapp.until(len(CUSTOMERS), seconds=AWAY_SECONDS + 60)
        worker.popen.terminate()
        await worker.ended()
    assert sorted(message.to for message in whatsapp.received) == CUSTOMERS
    assert {message.text for message in whatsapp.received} == {"já estou de volta"}
    counts = await app.queues["message"].counts()
    assert (counts["delayed"], counts["failed"]) == (0, 0)


async def _writes(app: App, number: str) -> None:
    await app.producer.add_message_job(
        organization_id=ORGANIZATION, instance_id="wa_demo", sender=number, content="vocês têm vaga?",
        message_id=f"in-{time.monotonic_ns()}", timestamp=int(time.time() * 1000),
    )  # fmt: skip
