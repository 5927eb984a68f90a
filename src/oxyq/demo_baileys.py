"""The demo's other way out: the real Baileys bridge and a WhatsApp of our own, as children of `oxyq dev`."""

import asyncio
import contextlib
import os
import random
import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
import pydantic
from pydantic import BaseModel, TypeAdapter

from oxyq.app import App
from oxyq.errors import ConfigurationError
from oxyq.gateways.base import NotSent
from oxyq.gateways.simulator import Received
from oxyq.instances import Instance
from oxyq.own_secrets import own_secret
from oxyq.receiving.registration import Registration
from oxyq.receiving.standing import standing

BRIDGE: Final = Path(__file__).parents[2] / "bridge"
#: What Baileys 7 needs.
NODE: Final = 20
START_SECONDS: Final = 30.0
#: A bridge lets its sends end for up to 24 s.
STOP_SECONDS: Final = 25.0
ANSWER_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.2
#: Seconds between two customers: a number of Baileys sends eight messages a minute, and campaigns are among them.
CUSTOMER_SECONDS: Final = (8.0, 16.0)


class _Shown(BaseModel):
    """A message as the fake WhatsApp says that a phone shows it; `text` is null for files."""

    id: str
    to: str
    at: int
    text: str | None = None


_SHOWN: Final = TypeAdapter(list[_Shown])
_SAID: Final = TypeAdapter(dict[str, str])


class BridgedWhatsApp:
    """The number `instance` on the fake WhatsApp: customers write there, and their phones show what we send."""

    customer_seconds: Final = CUSTOMER_SECONDS

    def __init__(self, app: App, instance: Instance, client: httpx.AsyncClient, children: "list[_Child]") -> None:
        self._app = app
        self._instance = instance
        self._client = client
        self._children = children

    @property
    def welcome(self) -> str:
        """Where to look at it."""
        return f"{self._client.base_url.join('/inbox')}   (what customers' phones show)"

    async def write(self, number: str, text: str) -> None:
        """A customer writes, encrypted, and half of them from a hidden id."""
        by = random.choice(("lid", "number"))  # noqa: S311 - made-up customers
        with _answering():
            answer = await self._client.post(
                "/inbound", json={"from": number, "text": text, "by": by, "encrypted": True}
            )
            answer.raise_for_status()

    async def received(self, count: int) -> list[Received]:
        """What phones show, the newest last."""
        with _answering():
            answer = await self._client.get("/inbox", params={"last": count})
            shown = _SHOWN.validate_json(answer.raise_for_status().content)
        organization_id, instance_id = self._instance.organization_id, self._instance.id
        return [Received(one.at, "", organization_id, instance_id, one.to, one.text or "", one.id) for one in shown]

    async def state(self) -> str:
        """How the number stands."""
        now = await standing(self._app.gateways, self._instance)
        return f"{now.state} ({now.detail})" if now.detail else now.state

    async def linked(self) -> None:
        """Wait until the number is linked; what customers wrote before would have gone nowhere."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while True:
                    if (await standing(self._app.gateways, self._instance)).state == "open":
                        return
                    await asyncio.sleep(_LOOK_SECONDS)
        raise ConfigurationError(
            f"OXYQ_DEMO_BAILEYS: {self._instance.id} was not linked within {START_SECONDS:g} s; see "
            f"{' and '.join(str(child.log) for child in self._children)}"
        )

    async def broken(self) -> str:
        """Wait until a child has ended, and say which."""
        ends = {asyncio.ensure_future(child.ended()) for child in self._children}
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for end in ends:
                end.cancel()


@asynccontextmanager
async def bridged_whatsapp(
    app: App, organization_id: str, instance_id: str, api_url: str
) -> AsyncIterator[BridgedWhatsApp]:
    """The fake WhatsApp and a bridge while the block runs, with this number linked; no process stays behind.

    Raises ConfigurationError when Node or the bridge's packages are missing, when a child does not start, and when
    other numbers go through a bridge here: to the fake WhatsApp they would be strangers, and lose their link.
    """
    node = await _node()
    instance = Instance(id=instance_id, organization_id=organization_id, gateway="baileys")
    await _refuse_real_numbers(app, instance_id)
    await Registration(app.instances, app.organizations, app.gateways).save(instance)
    port = app.settings.bridge_port or _free_port()
    environment = {
        # Not the API's port: the bridge is told its address.
        **{name: value for name, value in os.environ.items() if name not in ("OXYQ_PORT", "PORT")},
        "REDIS_URL": app.settings.redis_url or f"unix://{quote(app.address.path or '')}",
        "OXYQ_DATA_DIR": str(app.settings.data_dir),
        "OXYQ_API_URL": api_url,
        "OXYQ_BRIDGE_KEY": own_secret(app.settings, app.settings.bridge_key, "OXYQ_BRIDGE_KEY", "bridge-key"),
        "OXYQ_BRIDGE_HOST": "127.0.0.1",
        "OXYQ_BRIDGE_PORT": str(port),
        "OXYQ_BRIDGE_URL": f"http://127.0.0.1:{port}",
    }
    async with AsyncExitStack() as stack:
        fake = _Child("the fake WhatsApp", app.settings.data_dir / "fake-whatsapp.log")
        stack.push_async_callback(fake.stop)
        at = await fake.start(node, "fake-whatsapp/cli.mjs", "--scan", instance_id, environment=environment)
        where = {"OXYQ_BRIDGE_WHATSAPP_URL": at["url"], "OXYQ_BRIDGE_WHATSAPP_ROOT": at["root"]}
        bridge = _Child("the bridge", app.settings.data_dir / "bridge.log")
        stack.push_async_callback(bridge.stop)
        await bridge.start(node, "src/main.mjs", environment=environment | where)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=at["control"], timeout=ANSWER_SECONDS, trust_env=False)
        )
        whatsapp = BridgedWhatsApp(app, instance, client, [fake, bridge])
        await whatsapp.linked()
        yield whatsapp


async def simulated_again(app: App, instance_id: str) -> None:
    """Let this number be simulated, though it went through the bridge before.

    ConfigurationError when it is a real one: the demo's customers are made up, and their numbers may be somebody's.
    """
    instance = await app.instances.get(instance_id)
    if instance is None or instance.gateway == "simulator":
        return
    if instance.gateway != "baileys":
        raise ConfigurationError(
            f"oxyq dev: {instance_id} is a number on {instance.gateway}, and the demo writes to made-up people; "
            "give it a data folder or Redis of its own (OXYQ_DATA_DIR)"
        )
    await app.instances.remove(instance_id)


# --- what must be there -----------------------------------------------------------------------------------------


async def _node() -> str:
    """The path of a Node that is new enough; ConfigurationError when anything is missing."""
    if not (BRIDGE / "src" / "main.mjs").is_file():
        raise ConfigurationError("OXYQ_DEMO_BAILEYS: needs the folder bridge of the source; run it in a checkout")
    node = shutil.which("node")
    if node is None:
        raise ConfigurationError(f"OXYQ_DEMO_BAILEYS: needs Node {NODE} or newer, and there is none; see nodejs.org")
    asked = await asyncio.create_subprocess_exec(node, "--version", stdout=asyncio.subprocess.PIPE)
    said = (await asked.communicate())[0].decode().strip()
    found = re.match(r"v(\d+)\.", said)
    if found is None or int(found[1]) < NODE:
        raise ConfigurationError(f"OXYQ_DEMO_BAILEYS: needs Node {NODE} or newer, and {node} is {said}; see nodejs.org")
    if not (BRIDGE / "node_modules" / ".package-lock.json").is_file():
        raise ConfigurationError(
            "OXYQ_DEMO_BAILEYS: the bridge's packages are missing; run: cd bridge && npm ci --ignore-scripts"
        )
    return node


async def _refuse_real_numbers(app: App, instance_id: str) -> None:
    others = [one.id for one in await app.instances.list() if one.gateway == "baileys" and one.id != instance_id]
    if others:
        raise ConfigurationError(
            f"OXYQ_DEMO_BAILEYS: {', '.join(others)} would lose the link to its phone, since the demo's bridge takes "
            "all numbers to a WhatsApp of its own; set another OXYQ_DATA_DIR, or REDIS_URL"
        )


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


# --- the children -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Child:
    """A Node program of bridge/, which says in its first line where it is, and else writes to `log`."""

    name: str
    log: Path
    _process: asyncio.subprocess.Process | None = None

    async def start(self, node: str, program: str, *arguments: str, environment: Mapping[str, str]) -> dict[str, str]:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal stops us, and we stop it after the workers.
            self._process = process = await asyncio.create_subprocess_exec(
                node, str(BRIDGE / program), *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - as asked for
        try:
            async with asyncio.timeout(START_SECONDS):
                return _SAID.validate_json(await process.stdout.readline())
        except (TimeoutError, pydantic.ValidationError):
            raise ConfigurationError(f"OXYQ_DEMO_BAILEYS: {self.name} did not start; see {self.log}") from None

    async def ended(self) -> str:
        """Wait for its end, and say so."""
        assert self._process is not None  # noqa: S101 - only what was started is waited for
        code = await self._process.wait()
        return f"{self.name} ended ({code}); see {self.log}"

    async def stop(self) -> None:
        """Ask it to end, and make it end when it does not in time."""
        if self._process is None:
            return
        for end in (self._process.terminate, self._process.kill):
            with contextlib.suppress(ProcessLookupError):
                end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
                    return


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, pydantic.ValidationError) as error:
        raise NotSent(f"the fake WhatsApp did not answer: {type(error).__name__}") from error
