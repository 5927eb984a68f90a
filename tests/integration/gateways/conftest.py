"""Every gateway, each with a server of this machine behind it, and a receiver for the webhooks it posts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.base import Gateway
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.evolution import EvolutionGateway
from oxyq.gateways.local.bridge import LocalBridge
from oxyq.gateways.local.cloud import LocalCloud
from oxyq.gateways.local.evolution import LocalEvolution
from oxyq.gateways.local.server import LocalServer
from oxyq.gateways.local.waha import LocalWaha
from oxyq.gateways.simulator import SimulatorGateway, read_log
from oxyq.gateways.waha import WahaGateway

PHONE_NUMBER_ID = "106540352242922"
SECRETS = {
    "access_token": "EAAJB-access-token",
    "app_secret": "app-secret",
    "verify_token": "verify-token",
    "api_key": "evolution-api-key",
    "webhook_token": "webhook-token-of-32-characters-or-more",
    "webhook_secret": "webhook-secret",
    "bridge_key": "bridge-key-of-32-characters-or-more",
}
SLOW_SECONDS = 0.2


@dataclass
class Webhooks:
    """A receiver of webhooks; `url` is where to post them."""

    url: str
    taken: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    async def next(self) -> tuple[dict[str, str], bytes]:
        """The next webhook: its headers, names in lower case, and its body."""
        async with asyncio.timeout(5):
            return await self.taken.get()


@dataclass
class Rig:
    """A gateway, and what "WhatsApp" behind it received: (recipient, text or link, key where it is handed on)."""

    gateway: Gateway
    received: Callable[[], list[tuple[str, str, str | None]]]
    server: LocalServer | None = None


#: Makes the gateway `name` that calls this address, with the right secrets or others.
Make = Callable[..., Gateway]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A real socket on a free port, each of whose connections is `serve`d and closed; gives its address."""
    connections: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # the other side hung up
                await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The client that all gateways share."""
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
def make(client: httpx.AsyncClient) -> Make:
    """A function that makes gateways which call an address of the test's."""

    def made(name: str, url: str, **other_secrets: str) -> Gateway:
        secrets = SECRETS | other_secrets

        async def bridge_of(instance_id: str) -> str | None:
            return url

        match name:
            case "cloud":
                return CloudGateway(
                    PHONE_NUMBER_ID,
                    access_token=secrets["access_token"],
                    app_secret=secrets["app_secret"],
                    verify_token=secrets["verify_token"],
                    api_url=url,
                    api_version="v26.0",
                    client=client,
                )
            case "evolution":
                return EvolutionGateway(
                    url,
                    "loja centro?",  # a name that needs quoting in a path
                    api_key=secrets["api_key"],
                    webhook_token=secrets["webhook_token"],
                    client=client,
                )
            case "waha":
                return WahaGateway(
                    url,
                    "loja centro?",
                    api_key=secrets["api_key"],
                    webhook_secret=secrets["webhook_secret"],
                    client=client,
                )
            case _:
                return BaileysGateway(bridge_of, key=secrets["bridge_key"], client=client)

    return made


def local_server(name: str, webhook_url: str | None = None) -> LocalServer:
    """The server behind this gateway."""
    match name:
        case "cloud":
            return LocalCloud(
                PHONE_NUMBER_ID,
                access_token=SECRETS["access_token"],
                app_secret=SECRETS["app_secret"],
                webhook_url=webhook_url,
                slow_seconds=SLOW_SECONDS,
            )
        case "evolution":
            return LocalEvolution(
                "loja centro?",
                api_key=SECRETS["api_key"],
                webhook_token=SECRETS["webhook_token"],
                webhook_url=webhook_url,
                slow_seconds=SLOW_SECONDS,
            )
        case "waha":
            return LocalWaha(
                "loja centro?",
                api_key=SECRETS["api_key"],
                webhook_secret=SECRETS["webhook_secret"],
                webhook_url=webhook_url,
                slow_seconds=SLOW_SECONDS,
            )
        case _:
            return LocalBridge(key=SECRETS["bridge_key"], webhook_url=webhook_url, slow_seconds=SLOW_SECONDS)


@pytest.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    """A receiver on a free port."""
    found = Webhooks("")

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:-1]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            found.taken.put_nowait((headers, await reader.readexactly(int(headers["content-length"]))))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with listening(take) as url:
        found.url = url
        yield found


@pytest.fixture
async def rigs(
    request: pytest.FixtureRequest, make: Make, webhooks: Webhooks, tmp_path: Path
) -> AsyncIterator[Callable[[str], Rig]]:
    """A rig by the name of its gateway: the test's `name`, or the Cloud API."""
    log = tmp_path / "simulator.jsonl"
    known = {
        "simulator": Rig(
            SimulatorGateway(log, slow_seconds=SLOW_SECONDS),
            lambda: [(one.to, one.text, one.key) for one in read_log(log)],
        )
    }
    async with AsyncExitStack() as running:
        params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
        if (name := params.get("name", "cloud")) != "simulator":
            server = local_server(name, webhooks.url)
            url = await running.enter_async_context(server.running())
            known[name] = Rig(make(name, url), lambda: [(one.to, one.text, one.key) for one in server.received], server)
        yield known.__getitem__
