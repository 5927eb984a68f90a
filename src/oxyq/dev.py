"""`oxyq dev`: server, API, workers and a demo shop that talks to itself, in one process with a live view."""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import uvloop
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from oxyq.access.login_links import link_address
from oxyq.access.tokens import Principal
from oxyq.app import App, open_app
from oxyq.clock import now_ms
from oxyq.demo_baileys import bridged_whatsapp, simulated_again
from oxyq.errors import OxyqError
from oxyq.gateways.simulator import Received, customer_message, read_log
from oxyq.organizations import Organization, demo_organization
from oxyq.process import running_workers, stop_on_signal
from oxyq.server import http_server
from oxyq.settings import Settings
from oxyq.story import Step, Story
from oxyq.telemetry.events import Telemetry
from oxyq.telemetry.logs import log_event, set_up_logs
from oxyq.telemetry.trace_export import exported_traces

#: Seconds between two customers of the demo shop.
CUSTOMER_SECONDS = (2.0, 5.0)
#: A look at the queues for the live view.
REFRESH_SECONDS = 0.5
SHOWN_MESSAGES = 10

_SMALL_TALK = ("vocês têm ração para hamster?", "obrigada!", "posso ir agora?", "aceita cartão?")


def run(settings: Settings, *, exit_when_done: bool, as_json: bool) -> int:
    """Run the demo until Ctrl-C, or its scripted story once; returns the exit code."""
    return uvloop.run(_story(settings, as_json) if exit_when_done else _dev(settings))


# --- the scripted story ---------------------------------------------------------------------------------------


async def _story(settings: Settings, as_json: bool) -> int:
    set_up_logs("error" if as_json else "warning", settings.log_format)
    with tempfile.TemporaryDirectory(prefix="oxyq-story-") as folder:
        # A folder of its own: the numbers must not depend on what ran here before.
        settings = settings.model_copy(update={"data_dir": Path(folder)})
        telemetry = Telemetry()
        telemetry.listen(log_event)
        async with open_app(settings, telemetry) as app:
            await simulated_again(app, demo_organization().instances[0])
            async with running_workers(app):
                steps = await Story(app).tell()
    _print_steps(steps, as_json)
    return 0 if all(step.is_right for step in steps) else 1


def _print_steps(steps: list[Step], as_json: bool) -> None:
    if as_json:
        ok = all(step.is_right for step in steps)
        print(json.dumps({"ok": ok, "steps": [step.to_json() for step in steps]}, ensure_ascii=False))
        return
    table = Table("step", "expected", "got", "")
    for step in steps:
        table.add_row(step.name, str(step.expected), str(step.got), "✓" if step.is_right else "✗")
    Console().print(table)


# --- the demo shop --------------------------------------------------------------------------------------------


class DemoWhatsApp(Protocol):
    """Where the demo's customers are."""

    @property
    def customer_seconds(self) -> tuple[float, float]:
        """The shortest and the longest pause between two customers."""

    @property
    def welcome(self) -> str:
        """Where to look at what was sent."""

    async def write(self, number: str, text: str) -> None:
        """A customer writes."""

    async def received(self, count: int) -> list[Received]:
        """The last messages that customers got, the newest last."""

    async def state(self) -> str:
        """How the shop's number stands."""

    async def broken(self) -> str:
        """Wait until it can go on no longer, and say why."""


class SimulatedWhatsApp:
    """Customers whose messages go straight into the queue, and who read the simulator's log."""

    customer_seconds: Final = CUSTOMER_SECONDS

    def __init__(self, app: App, shop: Organization) -> None:
        self._app = app
        self._shop = shop
        self._log = app.settings.simulator_log_path

    @property
    def welcome(self) -> str:
        """The log."""
        return f"{self._log}   (what the simulated WhatsApp received)"

    async def write(self, number: str, text: str) -> None:
        """Add a customer's message as a gateway would."""
        message = customer_message(self._shop.id, self._shop.instances[0], number, text, now_ms())
        await self._app.producer.add_message_job(message)

    async def received(self, count: int) -> list[Received]:
        """What the end of the log holds."""
        return read_log(self._log, last_bytes=16_384)[-count:]

    async def state(self) -> str:
        """Nothing connects it to anything."""
        return "simulated"

    async def broken(self) -> str:
        """It never is."""
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never


async def _dev(settings: Settings) -> int:
    console = Console()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signal())
        log = stack.enter_context((settings.data_dir / "oxyq.log").open("a", encoding="utf-8"))
        set_up_logs(settings.log_level, "text" if console.is_terminal else "json", log if console.is_terminal else None)
        telemetry = Telemetry(stack.enter_context(exported_traces("oxyq")))
        telemetry.listen(log_event)
        app = await stack.enter_async_context(open_app(settings, telemetry))
        shop = await _open_shop(app)
        url = await stack.enter_async_context(http_server(app))
        whatsapp = await stack.enter_async_context(_whatsapp(app, shop, url))
        await stack.enter_async_context(running_workers(app))
        link = await app.login_links.make(Principal("dev", "owner"))
        print(_welcome(url, whatsapp, link_address(f"{url}/admin/queues", link)), flush=True)
        demo = asyncio.ensure_future(_talk(app, shop, whatsapp))
        view = asyncio.ensure_future(_show(app, whatsapp, console, url)) if console.is_terminal else None
        broken: asyncio.Future[object] = asyncio.ensure_future(whatsapp.broken())
        stopping: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
        await asyncio.wait({stopping, broken}, return_when=asyncio.FIRST_COMPLETED)
        why = broken.result() if broken.done() else None
        for task in (demo, view, broken, stopping):
            if task is not None:
                task.cancel()
        if why is not None:
            print(why, file=sys.stderr, flush=True)
        print("Stopping: finishing the jobs in hand …", file=sys.stderr, flush=True)
    return 0 if why is None else 1


@asynccontextmanager
async def _whatsapp(app: App, shop: Organization, url: str) -> AsyncIterator[DemoWhatsApp]:
    if app.settings.demo_baileys:
        async with bridged_whatsapp(app, shop.id, shop.instances[0], url) as whatsapp:
            yield whatsapp
    else:
        await simulated_again(app, shop.instances[0])
        yield SimulatedWhatsApp(app, shop)


def _welcome(url: str, whatsapp: DemoWhatsApp, link: str) -> str:
    return "\n".join(
        (
            f"Oxyq is up: {url}",
            f"  board    {link}",
            "           (once, within 15 minutes; another: .venv/bin/oxyq token link --role owner --sub me)",
            f"  queues   curl {url}/health/queues",
            f"  API      {url}/docs   (a token: .venv/bin/oxyq token issue --role owner --sub me)",
            f"  sent     {whatsapp.welcome}",
            "  Ctrl-C stops everything; the data stays.",
        )
    )


async def _open_shop(app: App) -> Organization:
    shop = demo_organization()
    if await app.organizations.get(shop.id) is None:
        await app.organizations.save(shop)
    return shop


async def _talk(app: App, shop: Organization, whatsapp: DemoWhatsApp) -> None:
    """Customers who write, a reminder now and then, and a small campaign at the start."""
    await app.producer.add_campaign_job(
        campaign_id=f"demo-{int(time.time())}", organization_id=shop.id, template="Olá {{name}}, banho com 20% hoje!",
        variables={"name": "Cliente"}, recipients=[f"55119444400{number:02}" for number in range(12)],
    )  # fmt: skip
    questions = [question for entry in shop.faq for question in entry.questions]
    while True:
        number = f"55119{random.randint(10_000_000, 99_990_000)}"  # noqa: S311 - made-up customers
        text = random.choice([*questions, *_SMALL_TALK])  # noqa: S311 - a demo, no secret
        try:
            await whatsapp.write(number, text)
            if random.random() < 0.2:  # noqa: S311 - as above
                await app.producer.add_automation_job(
                    automation_id=f"reminder-{now_ms()}", organization_id=shop.id, type="reminder",
                    recipient_number=number, content="Lembrete: seu pet tem banho amanhã às 10h", delay_ms=5_000,
                )  # fmt: skip
        except OxyqError as error:
            print(f"the demo customer could not write: {error}", file=sys.stderr)
        await asyncio.sleep(random.uniform(*whatsapp.customer_seconds))  # noqa: S311 - as above


async def _show(app: App, whatsapp: DemoWhatsApp, console: Console, url: str) -> None:
    """Draw the queues and the latest messages until cancelled."""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            try:
                counts = await app.queue_counts()
                messages, state = await whatsapp.received(SHOWN_MESSAGES), await whatsapp.state()
                live.update(_picture(counts, messages, await app.dead_letters.count(), url, state), refresh=True)
            except OxyqError as error:
                live.update(Text(str(error), style="red"), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)


def _picture(
    counts: dict[str, dict[str, int]], messages: list[Received], dead_letters: int, url: str, state: str
) -> Group:
    queues = Table("queue", "waiting", "active", "delayed", "completed", "failed", title=f"Oxyq — {url}")
    for name, states in counts.items():
        queues.add_row(name, *(str(states[state]) for state in ("waiting", "active", "delayed", "completed", "failed")))
    queues.add_row("dead-letter", str(dead_letters), "", "", "", "")
    sent = Table("at", "to", "text", title=f"WhatsApp received — {state}")
    for message in messages:
        clock = time.strftime("%H:%M:%S", time.localtime(message.at_ms / 1000))
        sent.add_row(clock, Text(message.to), Text(message.text[:70].replace("\n", " ")))
    return Group(queues, sent)
