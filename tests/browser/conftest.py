"""The board in a real Chromium, on a real server with live workers; whatever the browser complains of fails a test.

The tests are plain functions: Playwright's synchronous side drives the browser, and what needs our own parts runs on a
loop beside it (`shop.run`).
"""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from oxyq.access.tokens import checked_principal, issue
from oxyq.app import App, open_app
from oxyq.dashboard.entrance import COOKIE
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings
from tests.redis_server import RedisServer, free_port
from tests.requirements import require

T = TypeVar("T")

ORGANIZATION = "org_123"
SECRET = "only-for-tests-" * 3
#: On a busy machine a page takes its time; what is waited for is a signal all the same.
PATIENCE_SECONDS = 15.0
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}

#: It runs as root here, and asks nothing of the world outside.
CHROMIUM = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
#: A violation of the policy is told to the console too, as an error; this one says of what.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("policy", event.violatedDirective, event.blockedURI, event.sourceFile));
"""

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


class Shop:
    """One installation with one shop in it: its Redis, its API as a process, and its parts for the test's own use."""

    def __init__(self, redis: RedisServer, folder: Path) -> None:
        self.redis = redis
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.board = f"{self.url}/admin/queues/"
        self.environment = {
            "REDIS_URL": redis.url,
            "OXYQ_REDIS_PREFIX": f"t-{secrets.token_hex(4)}",
            "OXYQ_DATA_DIR": str(folder),
            "OXYQ_JWT_SECRET": SECRET,
            "OXYQ_PORT": str(self.port),
            "OXYQ_HOST": "127.0.0.1",
            "OXYQ_MESSAGE_RATE": "100000/1",
            "OXYQ_AUTOMATION_RATE": "100000/1",
            "OXYQ_CAMPAIGN_RATE": "100000/1",
            "OXYQ_LOG_FORMAT": "json",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._opening = open_app(load_settings(self.environment))
        self.app: App = self.run(self._opening.__aenter__())

    def run(self, steps: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
        """Run something of ours to its end, beside the browser: `shop.run(shop.app.producer.add_message_job(…))`."""
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result(seconds)

    def until(self, look: Callable[[], Coroutine[Any, Any, Any]], seconds: float = PATIENCE_SECONDS) -> Any:
        """Look again and again until it gives something, and return that."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(look())):
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.02)
        return found

    def start(self, *arguments: str, **changes: str) -> "subprocess.Popen[bytes]":
        """Start `oxyq ARGUMENTS` in this installation; it is ended with the shop at the latest."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_URL"))}
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "oxyq", *arguments], env={**kept, **self.environment, **changes},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def start_api(self) -> "subprocess.Popen[bytes]":
        """The API and the board, ready to be asked."""
        process = self.start("api")
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return process
            assert process.poll() is None and time.monotonic() < deadline, (self.folder / "api.log").read_text()
            time.sleep(0.05)

    def token(self, role: str = "owner", org: str | None = None, sub: str = "ana") -> str:
        """A token that logs in."""
        return issue(load_settings(self.environment), sub, role, org)

    def close(self) -> None:
        """End everything."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.run(self._opening.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium.

    One for each file: as long as it is there, a loop runs in this thread, and no async test can.
    """
    require("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("OXYQ_TEST_CHROMIUM", "/usr/bin/chromium"),
            args=CHROMIUM,
        )  # fmt: skip
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An installation for the tests of one file, with its API running; its Redis may be stopped and started."""
    with RedisServer(tmp_path_factory.mktemp("redis"), "--appendonly", "yes") as redis:
        opened = Shop(redis, tmp_path_factory.mktemp("shop"))
        try:
            opened.run(opened.app.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION})))
            opened.start_api()
            yield opened
        finally:
            opened.close()


@pytest.fixture(scope="module")
def workers(shop: Shop) -> Shop:
    """The same installation, with live workers."""
    shop.start("workers", "start")
    return shop


class Visitor:
    """Somebody at a browser; what it complains of is kept, and fails the test in the end."""

    def __init__(self, context: BrowserContext, shop: Shop) -> None:
        self.context = context
        self.shop = shop
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.add_init_script(TELL_VIOLATIONS)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def log_in(self, role: str = "owner", org: str | None = None, sub: str = "ana") -> Page:
        """Come in with a session (test_frame.py does it by the form); returns the page, which shows the overview."""
        principal = checked_principal(sub, role, org)
        secret = self.shop.run(self.shop.app.sessions.open(principal, None, "127.0.0.1"))
        cookie = {"name": COOKIE, "value": secret, "domain": "127.0.0.1", "path": "/admin", "secure": True}
        self.context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])  # type: ignore[typeddict-item]
        self.open()
        expect(self.page.locator("nav.main-menu")).to_be_visible()
        return self.page

    def open(self, address: str = "") -> Page:
        """Go to a page of the board."""
        self.page.goto(self.shop.board + address)
        return self.page


@pytest.fixture
def new_visitor(browser: Browser, shop: Shop) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: `new_visitor(viewport=PHONE, color_scheme="dark", java_script_enabled=False, locale="en-US")`."""
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        given = {"viewport": DESKTOP, "locale": "pt-BR", "timezone_id": "America/Sao_Paulo", **options}
        visitor = Visitor(browser.new_context(**given), shop)
        visitor.page.set_default_timeout(PATIENCE_SECONDS * 1000)
        visitors.append(visitor)
        return visitor

    yield make
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []


@pytest.fixture
def owner(new_visitor: Callable[..., Visitor]) -> Page:
    """The page of an owner who is logged in, in Portuguese, at a desk."""
    return new_visitor().log_in()


def check_accessibility(page: Page) -> None:
    """axe finds nothing critical and nothing serious on this page."""
    found = Axe().run(page).response["violations"]
    bad = [
        (one["id"], one["impact"], [node["html"][:160] for node in one["nodes"]][:5])
        for one in found
        if one["impact"] in ("critical", "serious")
    ]
    assert bad == []


def check_fits(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= window, f"the page is {wide} wide in a window of {window}"


def wire_bytes(page: Page, address: str) -> int:
    """How many bytes a page takes on the wire with an empty cache: everything but the stream of events."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_load_state("load")
    session.detach()
    return round(sum(sizes))
