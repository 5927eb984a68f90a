"""A shop with its workers, its customers, and a language model that answers as it is told."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from oxyq.answering import AiSettings, ConversationSettings
from oxyq.app import App, Workers, open_app
from oxyq.clock import now_ms
from oxyq.gateways.simulator import Received, read_log
from oxyq.organizations import Organization, demo_organization
from oxyq.outcomes import JsonValue
from oxyq.replies.ai import AiAnswer
from oxyq.replies.turn import Turn
from oxyq.settings import load_settings
from oxyq.telemetry.events import Event, JobHandled

ANA, BIA = "5511999990001", "5511999990002"
OWNER = "5511988880000"
DEADLINE_SECONDS = 20.0
AI = AiSettings.model_validate({"model": {"provider": "openai", "model": "scripted"}, "prompt": "Uma loja."})

Say = Callable[[Turn], Awaitable[str]]


class ScriptedAi:
    """A model that says what `say` says; `asked` are the texts of every turn it was asked with, `cancelled` counts."""

    def __init__(self) -> None:
        self.asked = list[tuple[str, ...]]()
        self.histories = list[list[str]]()
        self.cancelled = 0
        self.say: Say = self._echo

    async def answer(self, turn: Turn, ai: AiSettings) -> AiAnswer:
        """One answer."""
        self.asked.append(turn.texts)
        self.histories.append([line.text for line in turn.history])
        try:
            return AiAnswer(await self.say(turn), hands_off=False)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _echo(self, turn: Turn) -> str:
        return " + ".join(turn.texts)


class Shop:
    """One organization with running workers; what happens is waited for, with a deadline."""

    def __init__(self, app: App, ai: ScriptedAi) -> None:
        self.app = app
        self.ai = ai
        self.organization = demo_organization()
        self.handled = list[JobHandled]()
        self._news = asyncio.Event()
        self._ids = itertools.count(1)
        self._workers: Workers | None = None
        app.telemetry.listen(self._hear)

    async def open(self, *, with_ai: bool = True, **conversation: float) -> Organization:
        """Save the shop with these settings of its conversations, and begin to work."""
        settings = ConversationSettings.model_validate({"quietSeconds": 0, **conversation})
        changes: dict[str, object] = {"conversation": settings, "faq": [], "ai": AI if with_ai else None}
        self.organization = demo_organization().model_copy(update=changes)
        await self.app.organizations.save(self.organization)
        await self.start()
        return self.organization

    async def start(self) -> None:
        """Begin to work."""
        self._workers = self.app.workers(["message", "automation"])
        await self._workers.start()

    async def stop(self) -> None:
        """Stop working."""
        if self._workers is not None:
            await self._workers.stop(5)
            self._workers = None

    async def hears(self, text: str, sender: str = ANA, **more: Any) -> str:
        """Somebody writes; the id of the job."""
        fields: dict[str, Any] = {
            "organization_id": self.organization.id, "instance_id": "wa_demo", "sender": sender, "content": text,
            "message_id": f"in-{next(self._ids)}", "timestamp": now_ms(), **more,
        }  # fmt: skip
        return await self.app.producer.add_message_job(**fields)

    @property
    def sent(self) -> list[Received]:
        """What WhatsApp received."""
        return read_log(self.app.settings.simulator_log_path)

    def sent_to(self, number: str) -> list[str]:
        """The texts one person got."""
        return [message.text for message in self.sent if message.to == number]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so: looked at when something happened, and now and then."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():
                await self._hear_news()

    async def until_told(self, number: str, count: int = 1) -> list[str]:
        """Wait until a person got so many texts, and return them."""
        await self.until(lambda: len(self.sent_to(number)) >= count)
        return self.sent_to(number)

    async def until_ended(self, job_id: str) -> dict[str, JsonValue]:
        """Wait until a job is done, and return its result."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                record = await self.app.queues["message"].job(job_id)
                if record is not None and record.finished_ms is not None:
                    return record.result if isinstance(record.result, dict) else {}
                await self._hear_news()

    async def _hear_news(self) -> None:
        self._news.clear()
        # What is told is written down a moment later.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 0.1)

    def _hear(self, event: Event) -> None:
        if isinstance(event, JobHandled):
            self.handled.append(event)
        self._news.set()


@pytest.fixture
def ai() -> ScriptedAi:
    """The shop's language model."""
    return ScriptedAi()


@pytest.fixture
async def shop(redis_url: str, prefix: str, tmp_path: Path, ai: ScriptedAi) -> AsyncIterator[Shop]:
    """A shop that is not open yet."""
    environment = {
        "REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path),
        "OXYQ_MESSAGE_RATE": "100000/1", "OXYQ_AUTOMATION_RATE": "100000/1", "OXYQ_MESSAGE_BACKOFF_SECONDS": "0.05",
    }  # fmt: skip
    async with open_app(load_settings(environment)) as app:
        app.ai = ai
        shop = Shop(app, ai)
        yield shop
        await shop.stop()
