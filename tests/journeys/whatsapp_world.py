"""Our bridge and a WhatsApp of our own, as processes, with people who have phones: the real way of every message."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from oxyq.app import App
from oxyq.gateways.baileys import BaileysGateway
from oxyq.instances import Instance
from oxyq.receiving.registration import Registration
from tests.requirements import BRIDGE

OWN = "5511900000000"
"""The number that the fake WhatsApp links to, unless told otherwise."""

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], holds: Callable[[T], object] = bool, seconds: float = 20.0) -> T:
    """Look again and again until what is seen holds, and return it; fails telling what was seen last."""
    deadline = time.monotonic() + seconds
    while not holds(seen := await look()):
        assert time.monotonic() < deadline, f"after {seconds:g} s it still was {seen!r}"
        await asyncio.sleep(0.02)
    return seen


class NodeProcess:
    """A program of bridge/ as a process of its own; what it prints goes into `folder`."""

    def __init__(self, program: str, environment: Mapping[str, str], folder: Path) -> None:
        self._output, self._errors = folder / "output", folder / "errors"
        with self._output.open("w") as output, self._errors.open("w") as errors:
            self.popen = subprocess.Popen(
                ["node", str(BRIDGE / program)],
                env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    async def said(self, seconds: float = 30.0) -> dict[str, str]:
        """Wait for its first line, which says where it is."""
        deadline = time.monotonic() + seconds
        while "\n" not in (output := self._output.read_text()):
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}: {self._errors.read_text()}"
            assert time.monotonic() < deadline, f"it never said where it is: {self._errors.read_text()}"
            await asyncio.sleep(0.02)
        return cast("dict[str, str]", json.loads(output.splitlines()[0]))

    def crash(self) -> None:
        """End it as the kernel does when memory is short."""
        self.popen.kill()
        self.popen.wait()

    def end(self) -> None:
        """End it as an operator does; kill it if that takes too long."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


class Phones:
    """The phones of people and of the business, on the fake WhatsApp: what they do, and what they show."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def do(self, what: str, **fields: object) -> dict[str, Any]:
        """One of the fake's calls, such as "receipt" or "policy"."""
        answer = await self._client.post(f"/{what}", json=fields)
        assert answer.is_success, answer.text
        return cast("dict[str, Any]", answer.json())

    async def write(self, number: str, text: str, **more: object) -> str:
        """A customer writes, encrypted and from a hidden id, as people do today; gives WhatsApp's id of it."""
        fields = {"from": number, "text": text, "by": "lid", "encrypted": True, **more}
        return cast("str", (await self.do("inbound", **fields))["id"])

    async def of(self, number: str) -> dict[str, str]:
        """What somebody's phone shows, by WhatsApp's id: the same id again is the same message."""
        answer = await self._client.get("/inbox", params={"to": number})
        return {message["id"]: message["text"] for message in answer.json()}

    async def show(self, number: str, count: int = 1, seconds: float = 20.0) -> dict[str, str]:
        """Wait until somebody's phone shows this many messages."""
        return await until(lambda: self.of(number), lambda shown: len(shown) >= count, seconds)

    async def ids_written(self) -> list[str]:
        """The ids of all messages that were given to WhatsApp."""
        return list((await self._client.get("/stanzas")).json())


class World:
    """An installation with a bridge, on a WhatsApp of its own."""

    def __init__(self, app: App, phones: Phones, start_bridge: Callable[[], NodeProcess], api_url: str) -> None:
        self.app = app
        self.api_url = api_url
        self.phones = phones
        self.start_bridge = start_bridge

    async def linked(self, organization_id: str, instance_id: str) -> None:
        """Give an organization a number, and link it to its phone."""
        await self.add(organization_id, instance_id)
        await self.link(instance_id)

    async def add(self, organization_id: str, instance_id: str) -> None:
        """Give an organization a number."""
        instance = Instance(id=instance_id, organization_id=organization_id, gateway="baileys")
        await Registration(self.app.instances, self.app.organizations, self.app.gateways).save(instance)

    async def link(self, instance_id: str, account: str = OWN) -> None:
        """Scan the QR code of a number with the phone of `account`."""
        gateway = await self.app.gateways.of(instance_id)
        assert isinstance(gateway, BaileysGateway)
        await self.state(instance_id, "needs_pairing")
        state = await gateway.pair(instance_id)
        await self.phones.do("scan", qr=state.qr, account=account)
        await self.state(instance_id, "open")

    async def state(self, instance_id: str, state: str, seconds: float = 20.0) -> None:
        """Wait until a number stands so."""
        gateway = await self.app.gateways.of(instance_id)
        await until(lambda: gateway.state(instance_id), lambda now: now.state == state, seconds)
