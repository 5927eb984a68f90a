"""For the tests of whoever builds on Oxyq: a whole installation in one process, a clock to set, a WhatsApp to script.

    from oxyq.testing import Sandbox, inbound_message

    async with Sandbox() as sandbox:
        await sandbox.app.producer.add_message_job(inbound_message("Que horas vocês abrem?", number="5511999990001"))
        await sandbox.run_until_empty()
        assert sandbox.whatsapp.texts_to("5511999990001") == ["Abrimos de segunda a sábado, das 8h às 19h. …"]

Everything is real but WhatsApp: Redis (a Valkey server of the sandbox's own), the queues, the workers, the ledger.
docs/how-to/testing.md shows more.
"""

from oxyq.testing.factories import INSTANCE, ORGANIZATION, OWNER, automation, campaign, inbound_message, organization
from oxyq.testing.fake_whatsapp import FakeWhatsApp, Sent
from oxyq.testing.sandbox import NotDone, Sandbox

__all__ = [
    "INSTANCE",
    "ORGANIZATION",
    "OWNER",
    "FakeWhatsApp",
    "NotDone",
    "Sandbox",
    "Sent",
    "automation",
    "campaign",
    "inbound_message",
    "organization",
]
