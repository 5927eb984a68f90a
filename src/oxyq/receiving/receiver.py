"""From a webhook that was proved to be its sender's to jobs, statuses and take-overs: each part once, in its order."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from oxyq.contacts import ContactStore
from oxyq.errors import IdConflict, InvalidPayload, MemoryFull, QuotaExceeded
from oxyq.gateways.news import AnyNews, ConnectionNews, Inbound, News, PersonWrote, Preference, StatusNews
from oxyq.instances import Instance, InstanceStore
from oxyq.producer import Producer
from oxyq.receiving.statuses import WHATSAPP, StatusEnding, Statuses
from oxyq.sending.ledger import Ledger
from oxyq.telemetry.events import ConnectionChanged, Telemetry, WebhookTaken

Ending: TypeAlias = (
    Literal[
        "messages", "conflicts", "people", "own_echoes", "preferences", "old_preferences", "connections",
        "unknown", "another_number", "malformed", "ignored",
    ]
    | StatusEnding
)  # fmt: skip
"""How one part of a webhook ended. `messages`: it is a job, made now or by the same webhook before. `conflicts`: its
id was taken by another body, which stands. `people`: a person of the organization wrote past us. `own_echoes`: what we
sent came back. The last line: it was dropped, as `gateways.news.Dropped` says why."""

#: Seconds between looks for the ids of echoes; what is told of a person's own words may be that late. Once for a whole
#: webhook, and far less than the API waits for us: it would be sent again, and wait again, for ever.
_ECHO_PAUSES: Final = (0.2, 0.5)
#: Of what was dropped, so much is told.
_LEFT_OUT_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Received:
    """How many parts of a webhook had which `Ending`; those that none had are left out."""

    counts: Mapping[str, int]


class PersonWroteHandler(Protocol):
    """Who is told that a person of the organization answered by phone; the same may be told again."""

    async def person_wrote(self, organization_id: str, instance_id: str, news: PersonWrote) -> None:
        """Let that person have the chat."""


class Receiver:
    """Takes in what a webhook tells. Doing it again changes nothing, so a sender may repeat whatever failed."""

    def __init__(
        self,
        producer: Producer,
        statuses: Statuses,
        ledger: Ledger,
        people: PersonWroteHandler,
        contacts: ContactStore,
        instances: InstanceStore,
        telemetry: Telemetry,
    ) -> None:
        self._producer = producer
        self._statuses = statuses
        self._ledger = ledger
        self._people = people
        self._contacts = contacts
        self._instances = instances
        self._telemetry = telemetry

    async def receive(self, instance: Instance, news: News) -> Received:
        """Do all that `news` asks for; what is wrong with one part is counted, and the others are done.

        Raises QueueUnavailable when not all of it was done: the webhook must come again. So it is with MemoryFull and
        QuotaExceeded, and then all is done but for its messages: statuses and wishes are about what was accepted.
        """
        refused: MemoryFull | QuotaExceeded | None = None
        counts = Counter[str](dropped.why for dropped in news.dropped)
        left_out = [dropped.what for dropped in news.dropped]
        echoes = await self._echoes(instance, {part.message_id for part in news.news if isinstance(part, PersonWrote)})
        for part in news.news:
            try:
                ending: Ending = await self._take(instance, part, echoes)
            except (MemoryFull, QuotaExceeded) as error:
                refused = error
                continue
            except IdConflict:
                ending = "conflicts"
            except InvalidPayload as error:
                ending = "malformed"
                left_out.append(error.field)
            counts[ending] += 1
        if refused is not None:
            raise refused
        shown = tuple(dict.fromkeys(left_out))[:_LEFT_OUT_SHOWN]
        self._telemetry.emit(WebhookTaken(instance.gateway, instance.id, counts, shown))
        return Received(counts)

    async def _take(self, instance: Instance, part: AnyNews, echoes: Set[str]) -> Ending:
        match part:
            case Inbound():
                return await self._add(instance, part)
            case StatusNews():
                return await self._statuses.take(instance, part)
            case PersonWrote():
                return "own_echoes" if part.message_id in echoes else await self._hand_over(instance, part)
            case Preference():
                return await self._heed(instance, part)
            case ConnectionNews():
                return await self._note(instance, part)

    async def _add(self, instance: Instance, message: Inbound) -> Ending:
        if message.fields.get("isGroup") is True and not instance.hears_groups:
            return "ignored"
        # Last, so that nothing a sender wrote decides whose message it is.
        whose = {"organizationId": instance.organization_id, "instanceId": instance.id}
        await self._producer.add_message_job({**message.fields, **whose})
        return "messages"

    async def _hand_over(self, instance: Instance, news: PersonWrote) -> Ending:
        await self._people.person_wrote(instance.organization_id, instance.id, news)
        return "people"

    async def _echoes(self, instance: Instance, message_ids: Set[str]) -> Set[str]:
        """Which of these are what we sent. Of some gateways the echo comes before the answer that tells its id."""
        unknown = set(message_ids)
        for pause in (0, *_ECHO_PAUSES):
            if not unknown:
                break
            await asyncio.sleep(pause)
            keys = {id_: await self._ledger.key_of(instance.organization_id, instance.id, id_) for id_ in unknown}
            unknown = {id_ for id_, key in keys.items() if key is None}
        return message_ids - unknown

    async def _heed(self, instance: Instance, wish: Preference) -> Ending:
        organization_id = instance.organization_id
        if not wish.wants_marketing:
            await self._contacts.opt_out(organization_id, wish.contact, source=WHATSAPP)
            return "preferences"
        # Repeated for up to 7 days and in any order: an old "resume" must not undo a later "stop". An old "stop" may
        # undo a later "resume": rather a campaign too few.
        consent = await self._contacts.consent(organization_id, wish.contact)
        if consent is not None and consent.at_ms >= wish.at_ms:
            return "old_preferences"
        await self._contacts.opt_in(organization_id, wish.contact, source=WHATSAPP)
        return "preferences"

    async def _note(self, instance: Instance, news: ConnectionNews) -> Ending:
        await self._instances.note_state(instance.id, news.state, news.detail)
        self._telemetry.emit(ConnectionChanged(instance.organization_id, instance.id, news.state, news.detail))
        return "connections"
