"""A day with everything that goes wrong in it, and afterwards nobody can read a secret or a message anywhere."""

import asyncio
import secrets
import stat
import time
from collections.abc import Awaitable
from pathlib import Path

import httpx
import psutil
import pytest

from oxyq.jobs import wire
from oxyq.organizations import demo_organization
from tests.conftest import StartRedis
from tests.journeys.conftest import ORGANIZATION, OxyqProcess, StartProcess, WhatsApp
from tests.redis_server import RedisServer, free_port

#: What people write, and their names.
TEXT, NAME = "PrivateTextOfAPerson", "PrivateNameOfAPerson"
#: Long, and found nowhere by chance.
SECRETS = {
    name: f"{name.lower().replace('_', '-')}-{secrets.token_hex(24)}"
    for name in ("OXYQ_JWT_SECRET", "OXYQ_SECRETS_KEY", "OXYQ_BRIDGE_KEY", "OXYQ_OPENAI_KEY", "OXYQ_ANTHROPIC_KEY")
}
PASSWORD = f"redis-{secrets.token_hex(24)}"
ACCESS_TOKEN = f"meta-{secrets.token_hex(24)}"


@pytest.fixture
def own_redis(start_redis: StartRedis) -> RedisServer:
    """With a password, and on disk."""
    return start_redis("--appendonly", "yes", password=PASSWORD)


@pytest.fixture
def environment(environment: dict[str, str], own_redis: RedisServer) -> dict[str, str]:
    """An installation with all its secrets, that says as much as it can."""
    return {
        **environment, **SECRETS, "REDIS_URL": own_redis.url, "OXYQ_LOG_LEVEL": "debug",
        # Nothing listens there: what a gateway that is away says must not tell either.
        "OXYQ_CLOUD_API_URL": f"http://127.0.0.1:{free_port()}",
        "OXYQ_PORT": str(free_port()),
    }  # fmt: skip


@pytest.fixture
def token(start_oxyq: StartProcess) -> str:
    """An owner's, made by the command line."""
    issued = start_oxyq("token", "issue", "--role", "owner", "--sub", "ana")
    assert issued.popen.wait(30) == 0, issued.output
    return issued.output.strip()


@pytest.mark.timeout(120)
async def test_no_secret_and_no_message_is_anywhere_but_where_it_belongs(
    environment: dict[str, str], own_redis: RedisServer, start_oxyq: StartProcess, token: str, whatsapp: WhatsApp
) -> None:
    # Given an API and workers, and a day on which much goes wrong
    api, workers = start_oxyq("api"), start_oxyq("workers", "start")
    day = Day(f"http://127.0.0.1:{environment['OXYQ_PORT']}", token)
    async with httpx.AsyncClient(base_url=day.url, headers={"Authorization": f"Bearer {token}"}, timeout=10) as client:
        await day.begins(client)
        await day.people_write(client)
        await whatsapp.until(1)
        lines = command_lines([api, workers])
        await day.things_go_wrong(client)
        own_redis.kill()
        await day.redis_is_away(client)
        await asyncio.to_thread(own_redis.start)
    for process in (api, workers):
        process.popen.terminate()
        assert await process.ended() == 0

    # Then nothing of it is in a command line, a log or a refusal
    seen = {"command lines": lines, "refusals": "\n".join(day.refusals)}
    hidden = [*SECRETS.values(), PASSWORD, ACCESS_TOKEN, token, TEXT, NAME]
    for where, text in {**seen, "the API's log": api.output, "the workers' log": workers.output}.items():
        assert text, where
        assert "Traceback" not in text, where
        assert [secret for secret in hidden if secret in text] == [], where
    # And what lies on this disk is for this user alone
    files = [path for path in Path(environment["OXYQ_DATA_DIR"]).rglob("*") if path.is_file()]
    assert files
    assert {path.name: oct(mode) for path in files if (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077} == {}


class Day:
    """What people and programs ask of the API, and what it refuses."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.refusals: list[str] = []
        self._token = token

    async def begins(self, client: httpx.AsyncClient) -> None:
        """The shop, its number and the number's secret."""
        async with asyncio.timeout(30):
            while not await self._is_up(client):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0.1)
        shop = demo_organization().model_copy(update={"id": ORGANIZATION})
        saved = await client.put(f"/v1/organizations/{ORGANIZATION}", json=wire(shop))
        assert saved.status_code == 200, saved.text
        number = {"gateway": "cloud", "phoneNumberId": "123456789012345"}
        at = {"organizationId": ORGANIZATION}
        assert (await client.put("/v1/instances/wa_meta", json=number, params=at)).status_code == 200
        kept = await client.put(
            "/v1/instances/wa_meta/secrets/access_token", json={"value": ACCESS_TOKEN}, params=at
        )  # fmt: skip
        assert kept.status_code == 204, kept.text

    async def _is_up(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get("/health")).status_code == 200
        except httpx.ConnectError:
            return False

    async def people_write(self, client: httpx.AsyncClient) -> None:
        """One is answered; one number has a gateway that cannot be reached."""
        for number, instance in ((1, "wa_demo"), (2, "wa_meta")):
            taken = await client.post("/v1/messages", json=message(number, instanceId=instance))
            assert taken.status_code == 202, taken.text

    async def things_go_wrong(self, client: httpx.AsyncClient) -> None:
        """Bodies that are broken or wrong, tokens that are no good, addresses that hold what they should not."""
        broken = f'{{"content": "{TEXT}", "content": "{NAME}"'
        await self._refused(client.post("/v1/messages", content=broken, headers={"Content-Type": "application/json"}))
        await self._refused(client.post("/v1/messages", json=message(3, sender=TEXT)))
        await self._refused(client.post("/v1/messages", json=message(3, contents=NAME)))
        await self._refused(client.post("/v1/messages", json={**message(1), "content": NAME}))
        for header in (f"Bearer {self._token}x", f"Bearer {SECRETS['OXYQ_JWT_SECRET']}", f"Basic {ACCESS_TOKEN}"):
            await self._refused(client.get("/v1/overview", headers={"Authorization": header}))
        await self._refused(client.get("/v1/overview", params={"token": self._token}))

    async def redis_is_away(self, client: httpx.AsyncClient) -> None:
        await self._refused(client.post("/v1/messages", json=message(4)))

    async def _refused(self, asked: Awaitable[httpx.Response]) -> None:
        answer = await asked
        assert 400 <= answer.status_code <= 503, answer.status_code
        assert answer.status_code != 500
        self.refusals.append(answer.text)


def message(number: int, **changes: object) -> dict[str, object]:
    return {
        "messageId": f"leak-{number}", "organizationId": ORGANIZATION, "instanceId": "wa_demo",
        "from": "5511999990000", "timestamp": int(time.time() * 1000), "content": TEXT, "pushName": NAME, **changes,
    }  # fmt: skip


def command_lines(processes: list[OxyqProcess]) -> str:
    """Those of the processes and of whatever they started."""
    found = list[str]()
    for process in processes:
        own = psutil.Process(process.popen.pid)
        found += [" ".join(one.cmdline()) for one in (own, *own.children(recursive=True))]
    return "\n".join(found)
