"""The server on a real socket: bodies in every shape that a network and a bad client can give them."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from oxyq.access.tokens import issue
from oxyq.settings import load_settings
from tests.integration.api.payloads import MESSAGE
from tests.integration.api.server_process import SECRET, ServerProcess
from tests.redis_server import RedisServer

BODY = json.dumps(MESSAGE).encode()
TOKEN = issue(load_settings({"OXYQ_JWT_SECRET": SECRET}), "tests", "service")
PREFIX = "t-server"


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for this file; it must end in order and without a traceback, whatever was sent to it."""
    server = ServerProcess(tmp_path_factory.mktemp("server"), redis_server.url, PREFIX)
    server.start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    assert "http.failed" not in server.log.read_text()


@pytest.fixture(autouse=True)
def _nothing_but_what_was_accepted(redis_server: RedisServer) -> Iterator[None]:
    yield
    with redis_server.client() as redis:
        for key in redis.scan_iter(f"{PREFIX}:*", count=1000):
            redis.delete(key)


class Call:
    """One connection, written to by hand."""

    def __init__(
        self, server: ServerProcess, *head: str, token: str | None = TOKEN, path: str = "/v1/messages"
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        lines = [f"POST {path} HTTP/1.1", "Host: oxyq.test", "Content-Type: application/json", *head]
        lines += [f"Authorization: Bearer {token}"] if token else []
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, content: bytes) -> None:
        """Write, whether or not the other side still wants it."""
        with suppress(ConnectionError):
            self._socket.sendall(content)

    def answer(self) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the answer."""
        with self._socket, self._socket.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            headers = {}
            while line := stream.readline().strip().decode():
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            return status, headers, stream.read(int(headers.get("content-length", 10_000))).decode()


def chunked(body: bytes, size: int = 1000) -> bytes:
    """The body as Transfer-Encoding: chunked writes it."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def code(answer: tuple[int, dict[str, str], str]) -> tuple[int, str]:
    status, _, body = answer
    return status, json.loads(body)["error"]["code"]


def waiting(redis_server: RedisServer) -> int:
    with redis_server.client() as redis:
        return int(redis.zcard(f"{PREFIX}:message:prioritized"))  # type: ignore[arg-type]


def test_a_body_with_its_length_is_taken(server: ServerProcess, redis_server: RedisServer) -> None:
    call = Call(server, f"Content-Length: {len(BODY)}")
    call.send(BODY)

    assert call.answer()[0] == 202
    assert waiting(redis_server) == 1


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_body_in_chunks_without_a_length_is_taken(
    server: ServerProcess, redis_server: RedisServer, size: int
) -> None:
    call = Call(server, "Transfer-Encoding: chunked")
    call.send(chunked(BODY, size))

    assert call.answer()[0] == 202
    assert waiting(redis_server) == 1


def test_64_kib_are_taken_and_a_byte_more_is_not(server: ServerProcess, redis_server: RedisServer) -> None:
    full = BODY + b" " * (65_536 - len(BODY))
    for body, expected in ((full, 202), (full + b" ", 413)):
        for head, content in (
            (f"Content-Length: {len(body)}", body),
            ("Transfer-Encoding: chunked", chunked(body)),
        ):
            call = Call(server, head)
            call.send(content)
            status, headers, _ = call.answer()
            assert status == expected
            assert headers.get("connection") == ("close" if expected == 413 else None)

    assert waiting(redis_server) == 1


@pytest.mark.parametrize("head", ["Content-Length: 4000000", "Transfer-Encoding: chunked"])
def test_a_client_that_sends_far_too_much_still_hears_why(server: ServerProcess, head: str) -> None:
    """Given it reads only when it has sent everything, then its connection was not reset before."""
    body = b" " * 4_000_000
    call = Call(server, head)
    call._socket.sendall(body if "Length" in head else chunked(body, 50_000))

    assert code(call.answer()) == (413, "payload_too_large")


def test_a_terabyte_that_never_comes_is_refused_within_2_seconds(server: ServerProcess) -> None:
    start = time.monotonic()

    assert code(Call(server, "Content-Length: 1000000000000").answer()) == (413, "payload_too_large")
    assert time.monotonic() - start < 2


def test_who_asks_before_sending_is_told_at_once(server: ServerProcess) -> None:
    start = time.monotonic()
    call = Call(server, "Content-Length: 100000000", "Expect: 100-continue")

    assert code(call.answer()) == (413, "payload_too_large")
    assert time.monotonic() - start < 0.5


def test_a_campaign_may_have_more(server: ServerProcess) -> None:
    body = b" " * 1_000_000 + b"{}"
    call = Call(server, f"Content-Length: {len(body)}", path="/v1/campaigns")
    call.send(body)

    assert code(call.answer()) == (422, "invalid_payload")


def test_a_length_that_is_too_short_cuts_the_body(server: ServerProcess, redis_server: RedisServer) -> None:
    call = Call(server, f"Content-Length: {len(BODY) - 1}")
    call.send(BODY)

    assert code(call.answer()) == (400, "malformed_json")
    assert waiting(redis_server) == 0


def test_a_body_that_ends_early_or_comes_slowly_is_given_up(server: ServerProcess, redis_server: RedisServer) -> None:
    """The server of these tests waits 1 s instead of 10 s."""
    start = time.monotonic()
    silent = Call(server, f"Content-Length: {len(BODY) + 1}")
    silent.send(BODY)
    dripping = Call(server, "Transfer-Encoding: chunked")
    stop = threading.Event()

    def drip() -> None:
        for byte in BODY:
            dripping.send(b"1\r\n%c\r\n" % byte)
            if stop.wait(0.05):
                return

    dripper = threading.Thread(target=drip)
    dripper.start()
    try:
        for call in (silent, dripping):
            status, headers, body = call.answer()
            assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
            assert headers["connection"] == "close"
    finally:
        stop.set()
        dripper.join()

    assert 0.9 < time.monotonic() - start < 4
    assert waiting(redis_server) == 0


def test_a_client_that_hangs_up_leaves_nothing(server: ServerProcess, redis_server: RedisServer) -> None:
    call = Call(server, f"Content-Length: {len(BODY) + 1}")
    call.send(BODY)
    call._socket.shutdown(socket.SHUT_WR)
    assert call._socket.recv(100) == b""
    call._socket.close()

    assert waiting(redis_server) == 0


@pytest.mark.parametrize(
    "head",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -5",),
        ("Content-Length: 5, 6",),
        ("Content-Length: 0x10",),
        ("Content-Length: 9999999999999999999999999",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: identity",),
        ("Content-Length: 5", "X: a\0b"),
        (f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"),
    ],
    ids=str,
)
def test_a_length_that_can_be_read_in_two_ways_is_refused(
    server: ServerProcess, redis_server: RedisServer, head: tuple[str, ...]
) -> None:
    call = Call(server, *head)
    if "chunked" in str(head):
        call.send(chunked(BODY))

    status, headers, _ = call.answer()
    assert status in (400, 501)
    assert headers["connection"] == "close"
    assert waiting(redis_server) == 0


def test_a_compressed_bomb_is_not_inflated(server: ServerProcess) -> None:
    call = Call(server, "Content-Encoding: gzip", "Content-Length: 20")
    call.send(b"\x1f\x8b" + b"\0" * 18)

    assert code(call.answer()) == (415, "unsupported_media_type")


def test_without_a_token_the_body_is_not_even_read(server: ServerProcess) -> None:
    start = time.monotonic()

    assert code(Call(server, "Content-Length: 60000", token=None).answer()) == (401, "unauthorized")
    assert time.monotonic() - start < 0.5


def test_two_tokens_are_none(server: ServerProcess, redis_server: RedisServer) -> None:
    call = Call(server, f"Content-Length: {len(BODY)}", f"Authorization: Bearer {TOKEN}")
    call.send(BODY)

    assert code(call.answer()) == (401, "unauthorized")
    assert waiting(redis_server) == 0


def test_a_body_nested_100_000_deep_does_not_bring_it_down(server: ServerProcess) -> None:
    body = b"[" * 100_000
    call = Call(server, f"Content-Length: {len(body)}", path="/v1/campaigns")
    call.send(body)

    assert code(call.answer()) == (400, "malformed_json")


def test_a_hundred_slow_clients_keep_nobody_waiting(server: ServerProcess) -> None:
    slow = [Call(server, "Content-Length: 100") for _ in range(100)]
    start = time.monotonic()
    call = Call(server, f"Content-Length: {len(BODY)}")
    call.send(BODY)

    assert call.answer()[0] == 202
    assert time.monotonic() - start < 0.5
    for waiting_call in slow:
        waiting_call._socket.close()
