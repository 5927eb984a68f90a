"""The main job on real input: a Node BullMQ producer puts the agreed JSON into the queues, our workers answer."""

import asyncio
import json
import subprocess
import time
from pathlib import Path

import pytest

from oxyq.app import App
from tests.journeys.conftest import ORGANIZATION, OWNER, StartProcess, WhatsApp
from tests.requirements import require

PRODUCE = Path(__file__).parents[1] / "interop" / "node" / "produce.mjs"


def _message(sender: str, text: str, message_id: str) -> dict[str, object]:
    return {
        "organizationId": ORGANIZATION, "instanceId": "wa_instance_1", "from": f"{sender}@c.us", "content": text,
        "messageId": message_id, "timestamp": int(time.time() * 1000),
    }  # fmt: skip


def _produce(url: str, prefix: str, jobs: list[dict[str, object]], version: str) -> None:
    done = subprocess.run(
        ["node", str(PRODUCE), url, prefix, version],
        input="".join(json.dumps(job) + "\n" for job in jobs),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(jobs)


@pytest.mark.parametrize("version", ["6", "5"])
async def test_what_a_node_service_adds_is_answered(
    app: App, environment: dict[str, str], start_oxyq: StartProcess, whatsapp: WhatsApp, version: str
) -> None:
    """A customer and the owner write, a reminder is due in a second, a campaign goes to two; all arrive once."""
    require("node", "node-packages")
    # Given our workers, as an operator starts them
    start_oxyq("workers", "start")
    due = int(time.time() * 1000) + 1_000

    # When a Node service adds the JSON that was agreed, under job names of its own
    await asyncio.to_thread(
        _produce,
        environment["REDIS_URL"],
        environment["OXYQ_REDIS_PREFIX"],
        [
            {"queue": "message", "name": "incoming", "opts": {"priority": 1, "attempts": 3},
             "data": _message("5511999999999", "Que horas vocês abrem? 🐶", "m-1")},
            {"queue": "message", "name": "incoming", "opts": {}, "data": _message(OWNER, "status", "m-2")},
            {"queue": "automation", "name": "reminder", "opts": {"delay": 1_000},
             "data": {"automationId": "auto_001", "organizationId": ORGANIZATION, "type": "reminder",
                      "recipientNumber": "5511999999999", "content": "Lembrete: Consulta amanhã às 10h",
                      "scheduledFor": due, "metadata": {"bookingId": "booking_123"}}},
            {"queue": "campaign", "name": "bulk", "opts": {},
             "data": {"campaignId": "campaign_001", "organizationId": ORGANIZATION,
                      "recipients": ["5511888888888", "5511777777777"],
                      "template": "Olá {{name}}, temos promoção hoje!", "variables": {"name": "Cliente"}}},
        ],
        version,
    )  # fmt: skip

    # Then each of them got what they should, once: two answers, the reminder, two of the campaign and its summary
    received = await whatsapp.until(6)
    texts = {(message.to, message.text) for message in received}
    assert ("5511888888888", "Olá Cliente, temos promoção hoje!") in texts
    assert ("5511777777777", "Olá Cliente, temos promoção hoje!") in texts
    assert ("5511999999999", "Lembrete: Consulta amanhã às 10h") in texts
    assert any(to == "5511999999999" and "segunda" in text for to, text in texts)
    assert any(to == OWNER and "Situação das filas" in text for to, text in texts)
    assert any(to == OWNER and "campaign_001 terminou: 2 enviadas" in text for to, text in texts)
    assert len({message.key for message in received}) == 6
    assert all(message.at_ms >= due for message in received if message.text.startswith("Lembrete"))
