"""The logs of a whole run, at their most talkative: no secret, no text of anybody, no number in full."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from tests.command_line import DEADLINE_SECONDS, CommandLine

NUMBER = "5511999998888"
TEXT = "segredo-do-cliente"
JWT_SECRET = "hush-hush-the-secret-that-signs-tokens.."
#: Whatever of this stands in a log has been told to everybody who may read logs.
HIDDEN = {
    "text": TEXT, "number": NUMBER, "what signs tokens": JWT_SECRET, "secret of a number": "hush-instance-secret",
    "token of a webhook": "hush-webhook-token", "password of Redis": "hush-redis-password",
    "a bad token": "hush-bad-token",
}  # fmt: skip


class Running:
    """A command that runs, and the file of everything it has written."""

    def __init__(self, oxyq: CommandLine, file: Path, *arguments: str, **settings: str) -> None:
        self._file = file
        with file.open("wb") as log:
            self._process = oxyq.start(*arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **settings)

    @property
    def log(self) -> str:
        """What it wrote until now."""
        return self._file.read_text()

    def until(self, wanted: str) -> str:
        """The first thing in the log that fits this pattern, as soon as it is there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (found := re.search(wanted, self.log)) is None:
            assert time.monotonic() < deadline, f"no {wanted!r} in {self.log}"
            time.sleep(0.05)  # nobody tells that a file has grown
        return found[0]

    def stop(self) -> int:
        """End it in order; no harm when it has ended."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(DEADLINE_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def run(oxyq: CommandLine, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """A function that starts a command; it is ended with the test."""
    oxyq.settings |= {"OXYQ_JWT_SECRET": JWT_SECRET, "OXYQ_PORT": "0", "OXYQ_LOG_LEVEL": "debug"}
    oxyq.settings["OXYQ_CLOUD_API_URL"] = "http://127.0.0.1:1"  # nobody is called
    started = list[Running]()

    def start(*arguments: str, **settings: str) -> Running:
        started.append(Running(oxyq, tmp_path / f"{arguments[0]}.log", *arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def bearer(oxyq: CommandLine, *more: str) -> dict[str, str]:
    token = oxyq("token", "issue", "--sub", "ana", "--role", "owner", *more).out.strip()
    HIDDEN["a good token"] = token
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.timeout(120)
def test_a_whole_run_tells_no_secret(
    oxyq: CommandLine, run: Callable[..., Running], redis_url: str, prefix: str
) -> None:
    # Given an API and workers that tell everything they ever tell
    api, workers = run("api", OXYQ_LOG_FORMAT="json"), run("workers", "start", OXYQ_LOG_FORMAT="text")
    url = api.until(r"http://localhost:\d+")
    workers.until("working on")
    headers = bearer(oxyq)
    message = {
        "organizationId": "org_1", "instanceId": "wa_1", "from": f"{NUMBER}@c.us", "content": TEXT,
        "timestamp": int(time.time() * 1000),
    }  # fmt: skip

    # When messages come, good ones and bad ones, with all secrets there are
    with httpx.Client(base_url=url, headers=headers, timeout=DEADLINE_SECONDS) as client:
        owned = {"name": "Loja", "owners": [NUMBER], "faq": [{"questions": [TEXT], "answer": TEXT}]}
        assert client.put("/v1/organizations/org_1", json=owned).is_success
        query = {"params": {"organizationId": "org_1"}}
        cloud = {"gateway": "cloud", "phoneNumberId": "1122"}
        assert client.put("/v1/instances/wa_1", json=cloud, **query).is_success  # type: ignore[arg-type]
        for name in ("access_token", "app_secret", "verify_token"):
            secret = {"value": "hush-instance-secret"}
            assert client.put(f"/v1/instances/wa_1/secrets/{name}", json=secret, **query).is_success  # type: ignore[arg-type]
        taken = [client.post("/v1/messages", json={**message, "messageId": str(number)}) for number in range(3)]
        assert [answer.status_code for answer in taken] == [202] * 3
        client.post("/v1/messages", json={**message, "organizationId": "nobody", "messageId": "9"})
        client.post("/v1/messages", content=f'{{"content": "{TEXT}" {NUMBER}'.encode())
        client.post("/v1/messages", json={TEXT: NUMBER})
        client.post(f"/v1/messages?{TEXT}={NUMBER}", json=message)
        client.get("/v1/queues", headers={"Authorization": "Bearer hush-bad-token"})
        client.get("/v1/queues?token=hush-bad-token", headers={"Authorization": "hush-bad-token"})
        client.get(f"/v1/contacts/{NUMBER}", **query)  # type: ignore[arg-type]
        client.post("/admin/queues/login", data={"token": "hush-bad-token"})
        client.post(
            "/webhooks/cloud/wa_1", content=TEXT.encode(), headers={"X-Hub-Signature-256": "hush-webhook-token"}
        )
        client.get("/webhooks/cloud/wa_1?hub.mode=subscribe&hub.verify_token=hush-webhook-token&hub.challenge=1")

    # And others leave junk in the queue
    with redis.Redis.from_url(redis_url) as raw:
        broken = {"name": TEXT, "data": f'{{"content":"{TEXT}", {NUMBER}', "opts": f"{TEXT}{NUMBER}"}
        raw.hset(f"{prefix}:message:broken-1", mapping=broken)
        raw.lpush(f"{prefix}:message:wait", "broken-1")
    # And a Redis that is not there
    elsewhere = oxyq.process("queues", "stats", REDIS_URL="redis://:hush-redis-password@127.0.0.1:1")
    workers.until("job.quarantined")
    workers.until("job.(handled|dead|failed|postponed)")

    # Then neither tells any of it
    assert (api.stop(), workers.stop(), elsewhere.code) == (0, 0, 1)
    for log in (api.log, workers.log, elsewhere.err):
        assert {what for what, hidden in HIDDEN.items() if hidden in log} == set(), log
        assert "Traceback" not in log
    assert all(json.loads(line) for line in api.log.splitlines() if line.startswith("{"))
