"""Recipients on a real socket: uploads that break off, crawl or are too big leave nothing that could be sent."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from oxyq.access.tokens import issue
from oxyq.app import open_app
from oxyq.organizations import Organization
from oxyq.settings import load_settings
from tests.integration.api.server_process import SECRET, ServerProcess

TOKEN = issue(load_settings({"OXYQ_JWT_SECRET": SECRET}), "tests", "operator", "org_123")
THIS = "/v1/campaigns/c"
MIB = 1024 * 1024


@pytest.fixture
def server(redis_url: str, prefix: str, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with one shop; it must end in order and without a traceback, whatever was sent to it."""

    async def open_shop() -> None:
        async with open_app(load_settings({"REDIS_URL": redis_url, "OXYQ_REDIS_PREFIX": prefix})) as app:
            await app.organizations.save(Organization(id="org_123", name="Pet Shop", instances=["wa_1"]))

    asyncio.run(open_shop())
    server = ServerProcess(tmp_path, redis_url, prefix)
    server.start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    assert "http.failed" not in server.log.read_text()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    """A caller who has made a draft."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
        draft = {"campaignId": "c", "organizationId": "org_123", "template": "Olá {{name|}}!"}
        assert client.post("/v1/campaigns?draft=true", json=draft).status_code == 201
        yield client


class Upload:
    """One upload, written by hand."""

    def __init__(self, server: ServerProcess, *head: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        lines = [
            f"PUT {THIS}/recipients HTTP/1.1",
            "Host: oxyq.test",
            "Content-Type: text/csv",
            f"Authorization: Bearer {TOKEN}",
            *head,
        ]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, content: bytes) -> None:
        """Write, whether or not the other side still wants it."""
        with suppress(ConnectionError):
            self.socket.sendall(content)

    def answer(self) -> tuple[int, str]:
        """Status and code."""
        with self.socket, self.socket.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            length = 0
            while line := stream.readline().strip().lower():
                length = int(line.removeprefix(b"content-length:")) if line.startswith(b"content-length:") else length
            return status, json.loads(stream.read(length))["error"]["code"]


def rows(count: int) -> bytes:
    """A CSV of so many different people."""
    return b"number,name\n" + b"".join(b"5511%d,Ana\n" % (970_000_000 + number) for number in range(count))


def nothing_can_be_sent(client: httpx.Client) -> None:
    """The draft is as if nobody had begun to fill it, and takes the whole file."""
    campaign = client.get(THIS).json()
    assert (campaign["state"], campaign["recipients"]) == ("draft", 0)
    refused = client.post(f"{THIS}/start")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_allowed")
    filled = client.put(f"{THIS}/recipients", content=rows(1200), headers={"Content-Type": "text/csv"})
    assert (filled.status_code, filled.json()["recipients"]) == (200, 1200)


def test_an_upload_that_breaks_off_leaves_nothing(server: ServerProcess, client: httpx.Client) -> None:
    """In the middle of its last line, of which the beginning alone is a recipient too."""
    body = rows(5000)
    upload = Upload(server, f"Content-Length: {len(body)}")
    upload.send(body[:-2])
    upload.socket.shutdown(socket.SHUT_WR)
    assert upload.socket.recv(100) == b""
    upload.socket.close()

    # A server that stops ends what it has begun: whatever became of the upload, it is done now.
    assert server.stop() == 0
    server.start()
    nothing_can_be_sent(client)


def test_an_upload_that_crawls_is_given_up(server: ServerProcess, client: httpx.Client) -> None:
    """The server of these tests waits 1 s instead of 10 s."""
    body, start = rows(5000), time.monotonic()
    upload = Upload(server, f"Content-Length: {len(body) + 1}")
    upload.send(body)

    assert upload.answer() == (408, "request_timeout")
    assert 0.9 < time.monotonic() - start < 5
    nothing_can_be_sent(client)


def test_more_than_256_mib_are_refused_before_they_are_sent(server: ServerProcess, client: httpx.Client) -> None:
    upload = Upload(server, f"Content-Length: {256 * MIB + 1}", "Expect: 100-continue")

    assert upload.answer() == (413, "payload_too_large")
    nothing_can_be_sent(client)


def test_who_is_busy_sending_a_big_file_hears_of_the_mistake_in_its_beginning(
    server: ServerProcess, client: httpx.Client
) -> None:
    body = b"number\n5511988888888,Ana\n" + b"5511988888888\n" * MIB
    upload = Upload(server, f"Content-Length: {len(body)}")
    upload.socket.sendall(body)

    assert upload.answer() == (422, "invalid_payload")
    nothing_can_be_sent(client)


def test_a_file_of_many_mib_is_never_kept_whole(server: ServerProcess, client: httpx.Client) -> None:
    """30 MiB of wide rows: the server's memory grows by a small part of it."""
    wide = b"".join(b"5511%d,%s\n" % (970_000_000 + number, b"a" * 4000) for number in range(7_500))
    process = psutil.Process(server.pid)
    client.get("/health")
    before = process.memory_info().rss

    filled = client.put(f"{THIS}/recipients", content=b"number,name\n" + wide, headers={"Content-Type": "text/csv"})

    assert (filled.status_code, filled.json()["recipients"]) == (200, 7_500)
    assert len(wide) > 28 * MIB
    assert process.memory_info().rss - before < 14 * MIB


def test_who_stops_reading_a_report_is_no_failure(server: ServerProcess, client: httpx.Client) -> None:
    """Given a report of some MiB, when the caller hangs up in its middle, then the log has no line about it."""
    client.put(f"{THIS}/recipients", content=rows(20), headers={"Content-Type": "text/csv"})
    with client.stream("GET", f"{THIS}/report") as answer:
        assert answer.status_code == 200
        next(answer.iter_raw(10))

    assert client.get("/health").status_code == 200
