"""An installation with a webhook of the test's own, and a shop whose owner wants to be told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from oxyq.alerts import webhook as webhook_module
from oxyq.app import App, open_app
from oxyq.organizations import demo_organization
from oxyq.settings import load_settings

SECRET = "s" * 32
ORGANIZATION = "org_1"
OWNER = "5511988880000"


@dataclass
class Receiver:
    """A web server that notes what it gets, and answers with these statuses, the last one again and again."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        """What was posted."""
        return [json.loads(one) for one in self.raw]

    @property
    def news(self) -> list[str]:
        """What was told, as "id news", in order."""
        return [f"{alert['id']} {alert['news']}" for body in self.bodies for alert in body["alerts"]]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?room=1"
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        self.headers.append({**headers, "request": head.split("\r\n")[0]})
        self.raw.append(await reader.readexactly(int(headers["content-length"])))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(
            f"HTTP/1.1 {status} X\r\nlocation: {self.url}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setattr(webhook_module, "PAUSES", (0.0, 0.01, 0.01))
    one = Receiver()
    async with one.running():
        yield one


@pytest.fixture
def environment(redis_url: str, prefix: str, tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_DATA_DIR": str(tmp_path),
        "OXYQ_ALERT_WEBHOOK": receiver.url, "OXYQ_ALERT_SECRET": SECRET, "OXYQ_ALERT_OWNERS": "true",
        "OXYQ_ALERT_DISCONNECTED_SECONDS": "1", "OXYQ_ALERT_CAMPAIGN_SECONDS": "1", "OXYQ_ALERT_DEAD_LETTERS": "3",
    }  # fmt: skip


@pytest.fixture
async def app(environment: dict[str, str]) -> AsyncIterator[App]:
    """The parts of this installation, with one shop in it."""
    async with open_app(load_settings(environment)) as opened:
        shop = demo_organization().model_copy(update={"id": ORGANIZATION, "instances": ["wa_1", "wa_2"]})
        await opened.organizations.save(shop)
        yield opened
