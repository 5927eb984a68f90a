"""The scripted story of `oxyq dev --exit-when-done`: real jobs through real workers, and every number checked."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from oxyq.app import App
from oxyq.clock import now_ms
from oxyq.dead_letters import Filter
from oxyq.gateways.simulator import NEVER_GETS_THROUGH, Received, customer_message, read_log
from oxyq.organizations import Organization, demo_organization
from oxyq.outcomes import JsonValue
from oxyq.telemetry.events import Event

REMINDER_SECONDS = 2
RECIPIENTS = 20
#: All of it takes about eight seconds: two retries of the failing send wait up to 2 and 4 s.
DEADLINE_SECONDS = 60.0

_QUESTIONS = ("que horas vocês abrem?", "quanto custa um banho?", "vocês vendem foguetes espaciais?")


@dataclass(frozen=True, slots=True)
class Step:
    """One number of the story: what should have happened, and what did."""

    name: str
    expected: int
    got: int

    @property
    def is_right(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.got

    def to_json(self) -> dict[str, JsonValue]:
        """For machines to read."""
        return {"step": self.name, "expected": self.expected, "got": self.got, "ok": self.is_right}


class Story:
    """Three customers write, the owner asks for the status, a reminder, and a campaign with two troubles."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._run = secrets.token_hex(4)
        self._news = asyncio.Event()
        self._asked_ms = 0
        app.telemetry.listen(self._heard)

    async def tell(self) -> list[Step]:
        """Play the story against running workers and return its numbers, right or wrong."""
        shop = await self._open_shop()
        await self._customers_write(shop)
        await self._remind()
        await self._campaign()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _all_right(await self._steps()) and time.monotonic() < deadline:
            await self._hear_news()
        # What is sent once too often only shows a moment after everything is there.
        await self._hear_news()
        return await self._steps()

    def _heard(self, event: Event) -> None:
        self._news.set()

    async def _hear_news(self) -> None:
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), 0.5)
        except TimeoutError:
            return

    async def _open_shop(self) -> Organization:
        shop = demo_organization().model_copy(update={"id": f"org_story_{self._run}"})
        await self._app.organizations.save(shop)
        return shop

    async def _customers_write(self, shop: Organization) -> None:
        self._asked_ms = now_ms()
        for number, question in enumerate(_QUESTIONS):
            await self._message(shop, f"551197777000{number}", question)
        await self._message(shop, shop.owners[0], "status")

    async def _message(self, shop: Organization, number: str, text: str) -> None:
        message = customer_message(shop.id, shop.instances[0], number, text, now_ms())
        await self._app.producer.add_message_job(message)
        # WhatsApp delivers twice at times: the same message once more must change nothing.
        await self._app.producer.add_message_job(message)

    async def _remind(self) -> None:
        await self._app.producer.add_automation_job(
            automation_id="reminder", organization_id=f"org_story_{self._run}", type="reminder",
            recipient_number="5511966660001", content="Lembrete: consulta amanhã às 10h",
            scheduled_for=now_ms() + REMINDER_SECONDS * 1000,
        )  # fmt: skip

    async def _campaign(self) -> None:
        numbers = [f"55119555500{number:02}" for number in range(RECIPIENTS - 2)]
        await self._app.producer.add_campaign_job(
            campaign_id="story", organization_id=f"org_story_{self._run}",
            template="Olá {{name}}, temos promoção hoje!", variables={"name": "Cliente"},
            recipients=[*numbers, "123", f"551195555{NEVER_GETS_THROUGH}"],
        )  # fmt: skip

    async def _steps(self) -> list[Step]:
        log = [
            received
            for received in read_log(self._app.settings.simulator_log_path)
            if received.organization_id == f"org_story_{self._run}"
        ]

        def sent(fits: Callable[[Received], bool]) -> int:
            return sum(fits(received) for received in log)

        campaign = await self._app.campaigns.get(f"org_story_{self._run}", "story")
        skipped = sum(campaign.skipped.values()) if campaign is not None else 0
        failed = campaign.statuses["failed"] if campaign is not None else 0
        letters = [
            letter async for letter in self._app.dead_letters.find(Filter(organization_id=f"org_story_{self._run}"))
        ]
        on_time = self._asked_ms + REMINDER_SECONDS * 1000
        return [
            Step("customers answered", 3, sent(lambda message: message.to.startswith("551197777"))),
            Step("answered from the list of questions", 2, sent(_is_from_list)),
            Step("owner told the status", 1, sent(lambda message: "Situação das filas" in message.text)),
            Step("reminder sent", 1, sent(lambda message: message.to == "5511966660001")),
            Step("reminder too early", 0, sent(lambda m: m.to == "5511966660001" and m.at_ms < on_time)),
            Step("campaign messages sent", RECIPIENTS - 2, sent(lambda message: message.to.startswith("551195555"))),
            Step("campaign recipients refused", 1, skipped),
            Step("campaign sends given up", 1, failed),
            Step("owner told the summary", 1, sent(lambda message: "terminou" in message.text)),
            Step("dead letters", 1, len(letters)),
            Step("sent twice", 0, len(log) - len({received.key for received in log})),
        ]


def _all_right(steps: list[Step]) -> bool:
    return all(step.is_right for step in steps)


def _is_from_list(message: Received) -> bool:
    return message.to.startswith("551197777") and message.text != demo_organization().hand_off
