"""`oxyq simulate`: a gateway's server as a process of its own, to try things by hand."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from oxyq.gateways.baileys import BaileysGateway
from oxyq.gateways.bridge_leases import BridgeLeases
from oxyq.gateways.cloud_api import CloudGateway
from oxyq.gateways.outbound import OutboundText
from oxyq.gateways.waha import WahaGateway
from oxyq.redis_connection import redis_client as client_of
from tests.integration.gateways.conftest import Webhooks

#: The command alone, as the program has it.
_COMMAND = "import typer; from oxyq.cli import simulate; program = typer.Typer(); simulate.register(program); program()"
MESSAGE = OutboundText("org_1", "wa_sim", "5511999990001", "Olá 😀", "key-1")


@asynccontextmanager
async def simulated(cwd: Path, *arguments: str, **environment: str) -> AsyncIterator[list[str]]:
    """The command's lines up to the last that says what to set; ended by Ctrl-C, and well."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OXYQ_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _COMMAND, *arguments, "--instance", "wa_sim",
        cwd=cwd, env=inherited | environment | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        lines: list[str] = []
        async with asyncio.timeout(30):
            while "verify_token" not in "".join(lines) and "instances set" not in "".join(lines):
                line = await process.stdout.readline()
                assert line, (await process.communicate())[1].decode()
                lines.append(line.decode().strip())
        yield lines
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 15) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_simulated_cloud_api_tells_what_to_set_and_works_with_it(
    tmp_path: Path, webhooks: Webhooks, client: httpx.AsyncClient
) -> None:
    async with simulated(tmp_path, "--gateway", "cloud", "--webhook", webhooks.url) as lines:
        url = lines[0].rpartition(" ")[2]
        assert f"export OXYQ_CLOUD_API_URL={url}" in lines
        instance = json.loads(lines[2].split("'")[1])
        gateway = CloudGateway(
            instance["phoneNumberId"], access_token="simulated-access-token", app_secret="simulated-app-secret",
            verify_token="simulated-verify-token", api_url=url, api_version="v26.0", client=client,
        )  # fmt: skip

        await gateway.send(MESSAGE)

        [received] = (await client.get(f"{url}/received")).json()
        assert (received["to"], received["text"], received["key"]) == ("5511999990001", "Olá 😀", "key-1")
        await client.post(f"{url}/inbound", json={"from": "5511999990007", "text": "oi"})
        bodies = [await webhooks.next() for _ in range(4)]
        for headers, raw in bodies:
            gateway.verify_webhook(headers, raw)
        assert "5511999990007" in bodies[3][1].decode()


async def test_a_simulated_waha_tells_what_to_set_and_works_with_it(
    tmp_path: Path, webhooks: Webhooks, client: httpx.AsyncClient
) -> None:
    async with simulated(tmp_path, "--gateway", "waha", "--webhook", webhooks.url) as lines:
        instance = json.loads(lines[1].split("'")[1])
        assert (instance["id"], instance["gateway"]) == ("wa_sim", "waha")
        gateway = WahaGateway(
            instance["server"], instance["id"], api_key="simulated-api-key", webhook_secret="simulated-webhook-secret",
            client=client,
        )  # fmt: skip

        await gateway.send(MESSAGE)

        gateway.verify_webhook(*await webhooks.next())


async def test_a_simulated_bridge_holds_its_number_while_it_runs(
    tmp_path: Path, redis_url: str, prefix: str, client: httpx.AsyncClient
) -> None:
    key = "bridge-key-of-32-characters-or-more"
    environment = {"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix, "OXYQ_BRIDGE_KEY": key}
    from oxyq.engine.address import Address

    async with client_of(Address.from_url(redis_url)) as redis:
        async with simulated(tmp_path, "--gateway", "baileys", **environment):
            gateway = BaileysGateway(BridgeLeases(redis, prefix=prefix).url_of, key=key, client=client)
            receipt = await gateway.send(MESSAGE)
            assert receipt.provider_id == gateway.provider_id(MESSAGE)
        assert await BridgeLeases(redis, prefix=prefix).url_of("wa_sim") is None


@pytest.mark.parametrize("webhook", ["nonsense", "ftp://x/y", "http://"])
async def test_a_webhook_that_is_no_address_is_refused(tmp_path: Path, webhook: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _COMMAND, "--gateway", "cloud", "--webhook", webhook,
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2 and b"must be an address" in errors
