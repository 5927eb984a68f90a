"""Telling an organization's owner that somebody waits for a person."""

from oxyq.conversations.entry import Entry
from oxyq.conversations.store import Place
from oxyq.numbers import is_hidden
from oxyq.organizations import Organization
from oxyq.producer import Producer

_SHOWN_CHARACTERS = 300


class HandOver:
    """Tells owners through a queue, so that they are told however the worker ends."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def tell(self, organization: Organization, place: Place, newest: Entry) -> None:
        """Write to the first owner, once for each message that needs a person."""
        if not organization.owners:
            return
        who = place.contact if not is_hidden(place.contact) else "um contato sem número visível"
        name = f"{newest.name} ({who})" if newest.name else who
        text = newest.text if len(newest.text) <= _SHOWN_CHARACTERS else f"{newest.text[:_SHOWN_CHARACTERS]}…"
        await self._producer.add_automation_job(
            automation_id=f"hand-over {newest.job_id}"[:128],
            organization_id=organization.id,
            type="hand-over",
            recipient_number=organization.owners[0],
            content=f"🙋 {name} espera por uma pessoa:\n“{text}”",
            instance_id=place.instance_id,
            transactional=True,
        )
