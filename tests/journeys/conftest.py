"""A shop with its own prefix, folder and simulated WhatsApp, and real worker processes for it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from oxyq.app import App, open_app
from oxyq.campaigns.progress import Progress, progress
from oxyq.gateways.simulator import Received, read_log
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings

ORGANIZATION = "org_123"
OWNER = "5511988880000"


@pytest.fixture
def environment(redis_url: str, prefix: str, tmp_path: Path) -> dict[str, str]:
    """The OXYQ_* variables of this test's installation; no rate limit slows it down."""
    return {
        "REDIS_URL": redis_url,
        "OXYQ_REDIS_PREFIX": prefix,
        "OXYQ_DATA_DIR": str(tmp_path),
        "OXYQ_MESSAGE_RATE": "100000/1",
        "OXYQ_AUTOMATION_RATE": "100000/1",
        "OXYQ_CAMPAIGN_RATE": "100000/1",
        "OXYQ_LOG_FORMAT": "json",
    }


@pytest.fixture
async def app(environment: dict[str, str]) -> AsyncIterator[App]:
    """The parts of this installation, with one shop in it."""
    async with open_app(load_settings(environment)) as opened:
        await opened.organizations.save(demo_organization().model_copy(update={"id": ORGANIZATION}))
        yield opened


class OxyqProcess:
    """`oxyq` as a process of its own; what it prints goes to a file, since a pipe that nobody empties would stop it."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("w") as written:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "oxyq", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self._output.read_text()

    async def until_it_says(self, beginning: str, seconds: float = 60.0) -> str:
        """Wait for a line that begins so, and return the rest of it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.output.splitlines():
                if line.startswith(beginning):
                    return line.removeprefix(beginning).strip()
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"it never said {beginning!r}: {self.output}"
            await asyncio.sleep(0.05)

    async def ended(self, seconds: float = 60.0) -> int:
        """Wait for its end and return its exit code."""
        return await asyncio.to_thread(self.popen.wait, seconds)

    def end(self) -> None:
        """End it as an operator does, so that its embedded server ends too; kill it if that takes too long."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


StartProcess = Callable[..., OxyqProcess]


@pytest.fixture
def start_oxyq(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProcess]:
    """Starts `oxyq ARGUMENTS` in this installation's environment; what still runs at the end is ended."""
    started: list[OxyqProcess] = []

    def start(*arguments: str, **changes: str) -> OxyqProcess:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_URL"))}
        output = tmp_path_factory.mktemp("process") / "output"
        process = OxyqProcess(arguments, {**kept, **environment, **changes}, output)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()


class WhatsApp:
    """What the simulated WhatsApp received; the only truth about what was sent."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def received(self) -> list[Received]:
        """Everything so far."""
        return read_log(self._log)

    async def until(self, count: int, seconds: float = 20.0) -> list[Received]:
        """Wait until this many messages arrived; fails telling how many did."""
        deadline = time.monotonic() + seconds
        while len(messages := self.received) < count:
            assert time.monotonic() < deadline, f"{len(messages)} of {count} messages arrived in {seconds:g} s"
            await asyncio.sleep(0.02 if count < 100 else 0.5)  # reading a long log is work too
        return messages

    async def until_told(self, number: str, count: int = 1, seconds: float = 20.0) -> list[str]:
        """Wait until one person got this many messages, and return their texts."""
        deadline = time.monotonic() + seconds
        while len(texts := [message.text for message in self.received if message.to == number]) < count:
            assert time.monotonic() < deadline, f"{number[-4:]} got {len(texts)} of {count} messages in {seconds:g} s"
            await asyncio.sleep(0.02)
        return texts


@pytest.fixture
def whatsapp(environment: dict[str, str]) -> WhatsApp:
    """The simulated WhatsApp of this installation."""
    return WhatsApp(Path(environment["OXYQ_DATA_DIR"]) / "simulator.jsonl")


async def campaign_ended(app: App, campaign_id: str, recipients: int, seconds: float = 90.0) -> Progress:
    """Wait until every recipient is accounted for, and return the campaign's counts; fails telling what is open."""
    deadline = time.monotonic() + seconds
    while True:
        campaign = await app.campaigns.get(ORGANIZATION, campaign_id)
        counts = None if campaign is None else progress(campaign)
        if campaign is not None and counts is not None and campaign.state == "completed":
            assert counts.recipients == recipients
            return counts
        assert time.monotonic() < deadline, f"still open: {campaign and campaign.state} {counts}"
        await asyncio.sleep(0.05)
