"""The doors for gateways and numbers on a real Redis, with a small gateway whose signatures are real."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping

import httpx
from fastapi import FastAPI

from oxyq.access.tokens import Verifier
from oxyq.api.access import Access
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.errors import answer_errors
from oxyq.api.guard import Guard
from oxyq.api.instances import InstanceRoutes
from oxyq.api.webhooks import Webhooks
from oxyq.app import App
from oxyq.errors import ConfigurationError, InvalidPayload
from oxyq.gateways.base import BadSignature, GatewayError, InstanceState
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.news import Dropped, Inbound, News, PersonWrote, StatusNews
from oxyq.gateways.none import NoGateway
from oxyq.instances import Instance
from oxyq.receiving.receiver import Receiver
from oxyq.receiving.statuses import Statuses
from oxyq.sending.ledger import Ledger
from oxyq.workers.campaign import CampaignEndings

SIGNATURE = "x-hub-signature-256"


def signed(secret: str, raw: bytes) -> dict[str, str]:
    """The header that proves these bytes."""
    return {SIGNATURE: f"sha256={hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}"}


class SmallGateway(NoGateway):
    """Verifies as Meta's webhooks are signed, and reads `{"messages": [...], "statuses": [...], "others": [...]}`."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> None:
        """Compare the HMAC of the raw bytes."""
        if "app_secret" not in self._secrets:
            raise ConfigurationError("app_secret: is missing")
        expected = signed(self._secrets["app_secret"], raw)[SIGNATURE]
        if not hmac.compare_digest(headers.get(SIGNATURE, "").encode(), expected.encode()):
            raise BadSignature("the signature is wrong")

    def parse_webhook(self, raw: bytes) -> News:
        """Each of its parts."""
        try:
            body = json.loads(raw)
        except ValueError:
            raise InvalidPayload("body", "is no JSON") from None
        return News(
            (
                *(Inbound(fields) for fields in body.get("messages", ())),
                *(StatusNews(one["id"], one["status"], 1795377084000) for one in body.get("statuses", ())),
            ),
            tuple(Dropped("unknown", one) for one in body.get("others", ())),
        )

    def challenge(self, query: Mapping[str, str]) -> str:
        """As Meta asks."""
        if query.get("hub.verify_token") != self._secrets.get("verify_token", ""):
            raise BadSignature("another verify token")
        return query.get("hub.challenge", "")


class SmallBridge(SmallGateway):
    """Links numbers to phones: says what it is told to."""

    def __init__(self, said: Callable[[], Awaitable[InstanceState]], asked: list[tuple[str, str, str | None]]) -> None:
        super().__init__({})
        self._said = said
        self._asked = asked

    async def state(self, instance_id: str) -> InstanceState:
        """What it is told to."""
        return await self._said()

    async def pair(self, instance_id: str, phone: str | None = None) -> InstanceState:
        """What it is told to."""
        self._asked.append(("pair", instance_id, phone))
        return await self._said()

    async def logout(self, instance_id: str) -> None:
        """Only remembered."""
        self._asked.append(("logout", instance_id, None))
        await self._said()


class Nobody:
    """Is told of people who write past us, and does nothing."""

    async def person_wrote(self, organization_id: str, instance_id: str, news: PersonWrote) -> None:
        """Nothing."""


class Door:
    """The application, and what its bridge says."""

    def __init__(self, app: App) -> None:
        self.state: InstanceState | GatewayError | Awaitable[InstanceState] = InstanceState("open")
        self.asked = list[tuple[str, str, str | None]]()
        app.gateways = Gateways(NoGateway(), app.instances, self._make)
        ledger = Ledger(app.hub)
        endings = CampaignEndings(app.campaigns, app.producer, app.organizations, app.telemetry)
        statuses = Statuses(ledger, app.campaigns, endings, app.producer, app.organizations, app.contacts)
        receiver = Receiver(app.producer, statuses, ledger, Nobody(), app.contacts, app.instances, app.telemetry)
        self.api = FastAPI(redirect_slashes=False)
        self.api.include_router(Webhooks(app.instances, app.gateways, receiver).routes())
        access = Access(Verifier.of(app.settings), app.revocations, app.audit)
        self.api.include_router(InstanceRoutes(app, CampaignLookup(app)).routes(access))
        answer_errors(self.api)
        self.api.add_middleware(Guard)

    def _make(self, instance: Instance, secrets: Mapping[str, str]) -> SmallGateway:
        return SmallBridge(self._said, self.asked) if instance.gateway == "baileys" else SmallGateway(secrets)

    async def _said(self) -> InstanceState:
        if isinstance(self.state, GatewayError):
            raise self.state
        return self.state if isinstance(self.state, InstanceState) else await self.state

    def client(self) -> httpx.AsyncClient:
        """A caller without a token; an exception that leaves the application fails the test."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.api), base_url="http://oxyq.test")
