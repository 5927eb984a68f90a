"""Tenants: their numbers, owners, time zone and answers, kept in Redis and validated by one model."""

import asyncio
import difflib
import json
import logging
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Annotated, Final
from zoneinfo import available_timezones

import redis.asyncio
from pydantic import AfterValidator, BaseModel, Field

from oxyq import redis_keys
from oxyq.answering import AiSettings, ConversationSettings, Rule
from oxyq.engine.schedulers import zone_named
from oxyq.errors import InvalidPayload, NotAllowed, NotFound, QueueUnavailable
from oxyq.jobs import WIRE_CONFIG, InstanceId, Milliseconds, Number, OrganizationId, Text, parse_stored, wire
from oxyq.limits import NumberSettings, RateLimit
from oxyq.numbers import contact_key, normalize_number
from oxyq.redis_connection import as_unavailable
from oxyq.sending_hours import SendingHours

#: Organizations that a worker process keeps in mind; more than that work in one second nowhere.
MOST_RECENT: Final = 10_000
#: Two people change one organization at the same time, at most a handful.
_TRIES: Final = 20

DEFAULT_HAND_OFF: Final = "Recebemos sua mensagem! Em instantes uma pessoa da nossa equipe vai responder por aqui."


def _checked_time_zone(name: str) -> str:
    try:
        zone_named(name)
    except ValueError:
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "use a name such as America/Sao_Paulo"
        raise ValueError(f"is no time zone; {hint}") from None
    return name


class FaqEntry(BaseModel):
    """Ways to ask one thing, and what to answer."""

    model_config = WIRE_CONFIG

    questions: list[Text] = Field(min_length=1, max_length=50, description="a list of ways to ask it")
    answer: Text = Field(description="what to answer")


class FrequencyCap(BaseModel):
    """How many messages of campaigns a contact may get from us within how many days."""

    model_config = WIRE_CONFIG

    messages: int = Field(ge=1, le=100)
    days: int = Field(ge=1, le=30)


class Quota(BaseModel):
    """How many new jobs may be added: `max` at once, and as many again spread evenly over `per_seconds`."""

    model_config = WIRE_CONFIG

    max: int = Field(ge=1, le=10_000_000)
    per_seconds: int = Field(ge=1, le=24 * 3600)


class Organization(BaseModel):
    """One tenant."""

    model_config = WIRE_CONFIG

    id: OrganizationId
    name: Text = Field(description="the name people know it by")
    time_zone: Annotated[str, AfterValidator(_checked_time_zone)] = "America/Sao_Paulo"
    owners: list[Number] = Field(default_factory=list, max_length=100)
    instances: list[InstanceId] = Field(default_factory=list, max_length=1000)
    faq: list[FaqEntry] = Field(default_factory=list, max_length=1000)
    hand_off: Text = DEFAULT_HAND_OFF
    sending_hours: SendingHours | None = Field(
        default=None, description="when campaigns may go out, by the recipient's clock; without it, always"
    )
    frequency_cap: FrequencyCap | None = Field(
        default=None, description='such as {"messages": 2, "days": 7}; without it, any number'
    )
    rate: RateLimit | None = Field(
        default=None, description='what all its numbers may send together, such as {"max": 60, "perSeconds": 60}'
    )
    numbers: dict[InstanceId, NumberSettings] = Field(
        default_factory=dict, max_length=1000, description="limits of single numbers, by instance id"
    )
    weight: int = Field(default=1, ge=1, le=100, description="how many jobs it gets when others get one")
    quota: Quota | None = Field(
        default=None,
        description='how many new jobs it may have, such as {"max": 5000, "perSeconds": 3600}: so many at once, and as '
        "many again spread over that time; what is more is refused (429). Without it, any number",
    )

    conversation: ConversationSettings = Field(
        default_factory=ConversationSettings, description='bursts and take-over, such as {"quietSeconds": 1.5}'
    )
    rules: list[Rule] = Field(default_factory=list, max_length=500, description="fixed answers, the first that fits")
    owner_alerts: bool | None = Field(
        default=None, description="false: the owner is not told by WhatsApp when something is wrong"
    )
    ai: AiSettings | None = Field(default=None, description="a language model for all other questions")
    paused_at: Milliseconds | None = Field(
        default=None, description="since when nothing of it goes out, in ms since 1970; set by pausing it"
    )

    @property
    def is_paused(self) -> bool:
        """Whether nothing of it is sent or answered until it is resumed."""
        return self.paused_at is not None

    @property
    def version(self) -> str:
        """16 hex digits that change with every setting: by them a later change is told from an outdated one."""
        settings = json.dumps(wire(self), sort_keys=True, separators=(",", ":"))
        return blake2b(settings.encode(errors="surrogatepass"), digest_size=8).hexdigest()

    def is_owner(self, number: str) -> bool:
        """Whether this number is one of the owners, with or without the Brazilian ninth digit."""
        try:
            written = contact_key(normalize_number(number))
        except InvalidPayload:
            return False
        return any(contact_key(owner) == written for owner in self.owners)


class OrganizationStore:
    """The organizations in Redis; the client stays the caller's to close."""

    def __init__(self, client: redis.asyncio.Redis, *, prefix: str = "bull") -> None:
        self._client = client
        self._prefix = prefix

    async def get(self, organization_id: str) -> Organization | None:
        """The organization, or None; InvalidPayload if it is broken, QueueUnavailable without Redis."""
        with as_unavailable("organizations"):
            stored = await self._client.get(redis_keys.organization(organization_id, prefix=self._prefix))
        return None if stored is None else _decoded(organization_id, stored)

    async def save(self, organization: Organization) -> None:
        """Store it, in place of what was there; QueueUnavailable without Redis."""
        with as_unavailable("organizations"):
            async with self._client.pipeline(transaction=True) as both:
                self._write(both, organization)
                await both.execute()

    async def change(
        self, organization_id: str, change: Callable[[Organization], Organization], *, version: str | None = None
    ) -> Organization:
        """Store what `change` makes of it, and return that; what others change at the same time is not lost.

        `change` may be called again. NotFound when there is none, NotAllowed when `version` is given and it has
        another by now, else as `get`.
        """
        key = redis_keys.organization(organization_id, prefix=self._prefix)
        for _ in range(_TRIES):
            with as_unavailable("organizations"):
                async with self._client.pipeline(transaction=True) as both:
                    await both.watch(key)
                    stored = await both.get(key)
                    if stored is None:
                        raise NotFound(f"there is no organization {organization_id}; check its id")
                    before = _decoded(organization_id, stored)
                    if version not in (None, before.version):
                        raise NotAllowed(
                            f"organization {organization_id} was changed by somebody else since you read it; "
                            "read it again, and make your change to that"
                        )
                    after = change(before)
                    both.multi()  # type: ignore[no-untyped-call]  # the client has no types for it
                    self._write(both, after)
                    try:
                        await both.execute()
                    except redis.exceptions.WatchError:
                        continue
                    return after
        raise QueueUnavailable(f"organization {organization_id} is changed by others all the time; try again")

    async def ids(self) -> Sequence[str]:
        """The ids of all organizations, in order; read in pieces, so that no call is long."""
        ids = set[str]()
        with as_unavailable("organizations"):
            async for member in self._client.sscan_iter(
                redis_keys.organizations_index(prefix=self._prefix), count=1000
            ):
                ids.add(_text(member))
        return sorted(ids)

    async def page(self, ids: Sequence[str]) -> "list[Organization]":
        """Those of these ids that there are; a broken one is left out with a line in the log, as it harms no other."""
        keys = [redis_keys.organization(organization_id, prefix=self._prefix) for organization_id in ids]
        with as_unavailable("organizations"):
            stored = await self._client.mget(keys) if keys else []
        found = list[Organization]()
        for organization_id, text in zip(ids, stored, strict=True):
            try:
                found += [] if text is None else [_decoded(organization_id, text)]
            except InvalidPayload as error:
                logging.getLogger("oxyq").warning("%s", error)
        return found

    async def list(self) -> list[Organization]:
        """All organizations, by id; raises as `get` does."""
        with as_unavailable("organizations"):
            members = await self._client.smembers(redis_keys.organizations_index(prefix=self._prefix))
            ids = sorted(_text(member) for member in members)
            keys = [redis_keys.organization(organization_id, prefix=self._prefix) for organization_id in ids]
            stored = await self._client.mget(keys) if keys else []
        return [_decoded(found, text) for found, text in zip(ids, stored, strict=True) if text is not None]

    def _write(self, both: redis.asyncio.client.Pipeline, organization: Organization) -> None:
        key = redis_keys.organization(organization.id, prefix=self._prefix)
        both.set(key, json.dumps(wire(organization), ensure_ascii=False))
        both.sadd(redis_keys.organizations_index(prefix=self._prefix), organization.id)
        weights = redis_keys.weights(prefix=self._prefix)
        if organization.weight == 1:
            both.hdel(weights, organization.id)
        else:
            both.hset(weights, organization.id, str(organization.weight))
        quota = redis_keys.quota(organization.id, prefix=self._prefix)
        if organization.quota is None:
            both.delete(quota)
        else:
            # What is left of it stays: saving other settings gives nobody a new one.
            limits = {"max": organization.quota.max, "ms": organization.quota.per_seconds * 1000}
            both.hset(quota, mapping={name: str(number) for name, number in limits.items()})


class RecentOrganizations:
    """The organizations as they were a moment ago, for workers: what is changed is heeded after `seconds` at most.

    Whoever asks while one is looked up waits for that look, so that all go on in the order in which they asked: the
    messages of one chat, for instance.
    """

    def __init__(self, store: OrganizationStore, *, seconds: float = 1.0) -> None:
        self._store = store
        self._seconds = seconds
        self._found: dict[str, tuple[float, Organization]] = {}
        self._looks: dict[str, asyncio.Task[Organization | None]] = {}

    async def get(self, organization_id: str) -> Organization | None:
        """As `OrganizationStore.get`; one that is not there, or broken, is looked up each time."""
        recent = self._found.get(organization_id)
        if recent is not None and time.monotonic() < recent[0]:
            return recent[1]
        look = self._looks.get(organization_id)
        if look is None:
            look = self._looks[organization_id] = asyncio.ensure_future(self._look(organization_id))
            look.add_done_callback(lambda _: self._looks.pop(organization_id, None))
        # One that is cancelled must not take the look away from the others.
        return await asyncio.shield(look)

    async def _look(self, organization_id: str) -> Organization | None:
        organization = await self._store.get(organization_id)
        if organization is None:
            self._found.pop(organization_id, None)
        else:
            if len(self._found) >= MOST_RECENT:
                self._found.clear()
            self._found[organization_id] = (time.monotonic() + self._seconds, organization)
        return organization


def _text(reply: str | bytes) -> str:
    return str(reply, "utf-8") if isinstance(reply, bytes) else reply


def _decoded(organization_id: str, stored: str | bytes) -> Organization:
    try:
        return parse_stored(Organization, json.loads(stored))
    except InvalidPayload as error:
        (field, problem), *more = error.problems
        raise InvalidPayload(f"organization {organization_id}, {field}", problem, more) from None
    except ValueError:
        raise InvalidPayload(f"organization {organization_id}", "is no JSON in Redis; set it again") from None


def demo_organization() -> Organization:
    """A small pet shop that answers in Portuguese, for `oxyq dev` and the tests."""
    return Organization(
        id="org_demo",
        name="Pet Shop Amigo Fiel",
        owners=["5511988880000"],
        instances=["wa_demo"],
        faq=[FaqEntry(questions=list(questions), answer=answer) for questions, answer in _DEMO_FAQ],
        hand_off="Não sei responder isso com certeza, mas já chamei alguém da nossa equipe. Um instante! 🐾",
    )


_DEMO_FAQ: Final = (
    (
        (
            "qual o horário de funcionamento",
            "que horas vocês abrem",
            "até que horas fica aberto",
            "abre no sábado",
            "funciona domingo",
        ),
        "Abrimos de segunda a sábado, das 8h às 19h. Aos domingos e feriados estamos fechados.",
    ),
    (
        ("quero agendar um banho", "marcar banho e tosa", "tem horário para banho amanhã", "agendamento"),
        "Vamos agendar! Diga o dia, o período (manhã ou tarde) e o porte do seu pet.",
    ),
    (
        ("quanto custa o banho", "qual o preço do banho e tosa", "tabela de preços", "qual o valor da tosa"),
        "Banho: pequeno R$ 50, médio R$ 65, grande R$ 85. A tosa custa a partir de R$ 40.",
    ),
    (
        ("qual o endereço", "onde fica a loja", "como chego aí", "manda a localização"),
        "Estamos na Rua das Acácias, 120, Vila Mariana, São Paulo. Há vagas na porta.",
    ),
    (
        ("quero cancelar meu horário", "desmarcar o banho", "remarcar horário"),
        "Sem problema! Diga o nome do pet e o dia marcado, e cancelamos ou remarcamos para você.",
    ),
    (
        ("aceita pix", "formas de pagamento", "parcela no cartão", "aceita cartão de crédito"),
        "Aceitamos Pix, dinheiro e cartão, em até 3 vezes sem juros.",
    ),
    (
        ("vocês buscam o pet em casa", "tem leva e traz", "táxi dog"),
        "Temos leva e traz por R$ 20 em até 5 km. É só pedir ao agendar.",
    ),
    (
        ("quais vacinas preciso levar", "precisa de carteira de vacinação", "tem que estar vacinado"),
        "Traga a carteira com V10 (ou V5 para gatos) e antirrábica em dia.",
    ),
    (
        ("vocês têm veterinário", "atende consulta veterinária", "tem plantão de emergência"),
        "A Dra. Paula atende de segunda a sexta, das 9h às 17h. Emergências: Hospital Pata Viva, 24 horas.",
    ),
    (
        ("tem hotel para cachorro", "hospedagem para viagem", "posso deixar meu cachorro no fim de semana"),
        "Temos hotelzinho com pernoite por R$ 90. Peça a reserva com 3 dias de antecedência.",
    ),
)
