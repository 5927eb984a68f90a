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
from oxyq.gateways.simulator import Received, read_log
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings

ORGANIZATION = "org_123"
OWNER = "5511988880000"

StartProcess = Callable[..., "subprocess.Popen[str]"]


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


@pytest.fixture
def start_oxyq(environment: dict[str, str]) -> Iterator[StartProcess]:
    """Starts `oxyq` as a process of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **changes: str) -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OXYQ_", "REDIS_URL"))}
        process = subprocess.Popen(
            [sys.executable, "-m", "oxyq", *arguments],
            env={**kept, **environment, **changes},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


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
            await asyncio.sleep(0.02)
        return messages


@pytest.fixture
def whatsapp(environment: dict[str, str]) -> WhatsApp:
    """The simulated WhatsApp of this installation."""
    return WhatsApp(Path(environment["OXYQ_DATA_DIR"]) / "simulator.jsonl")
