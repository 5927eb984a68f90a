"""Requests that no good client makes, byte for byte on the socket: refused, with nothing written and nobody harmed."""

import json
import socket
from collections.abc import Iterator

import pytest

from oxyq.access.tokens import issue
from oxyq.settings import load_settings
from tests.integration.api.payloads import MESSAGE
from tests.integration.api.server_process import SECRET, ServerProcess
from tests.redis_server import RedisServer

PREFIX = "t-hostile"
TOKEN = issue(load_settings({"OXYQ_JWT_SECRET": SECRET}), "tests", "service")
GOOD = json.dumps(MESSAGE).encode()


def request(
    body: bytes = GOOD, *more: str, method: str = "POST", path: str = "/v1/messages", version: str = "HTTP/1.1",
    kind: str = "application/json", token: str = TOKEN, length: int | None = None,
) -> bytes:  # fmt: skip
    """A request as it stands on the wire."""
    size = len(body) if length is None else length
    head = [
        f"{method} {path} {version}", "Host: oxyq.test", "Connection: close", f"Authorization: Bearer {token}",
        f"Content-Length: {size}",
    ]  # fmt: skip
    lines = [*head, *([f"Content-Type: {kind}"] if kind else []), *more, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(body: bytes) -> bytes:
    """A request whose body is already in chunks."""
    head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n"
    return head.encode() + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body


BODIES = {
    "no body": b"", "null": b"null", "a list": b"[]", "a text": b'"x"', "cut off": GOOD[:-5], "two values": GOOD * 2,
    "a name twice": GOOD[:-1] + b',"content":"x"}', "NaN": GOOD[:-1] + b',"timestamp":NaN}',
    "1e400": b'{"timestamp":1e400}', "beyond 2^53": b'{"timestamp":9007199254740993}',
    "byte order mark": b"\xef\xbb\xbf" + GOOD, "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": '{"a":"é"}'.encode("latin-1"), "60,000 deep": b"[" * 60_000, "objects in objects": b'{"a":' * 12_000,
    "a number of 60,000 digits": b"9" * 60_000, "half an emoji": GOOD.replace(b"Ol\\u00e1", b"\\ud83d"),
    "NUL": GOOD.replace(b"Ol\\u00e1", b"\\u0000"), "a number as text": GOOD.replace(b"179537", b'"179537'),
}  # fmt: skip
KINDS = ["", "text/plain", "text/json", "application/json; charset=utf-16", "multipart/form-data; boundary=x",
         "application/x-www-form-urlencoded", "application/jsonx", "*/*"]  # fmt: skip
METHODS = ["OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "FOO"]
PATHS = ["//v1/messages", "/v1//messages", "/v1/./messages", "/v1/%2e%2e/messages", "/v1/messages/", "/V1/messages",
         "/v1/messages%00", "/v1/messages;x", "/v1/messages%0d%0aX:%201", "/../../etc/passwd",
         "/v1/" + "a" * 20_000, "*", "/v1/messages%zz", "/v1/%ff%fe"]  # fmt: skip
#: Name -> the bytes, and the statuses that may come; None for a connection that is only closed.
REQUESTS: dict[str, tuple[bytes, set[int | None]]] = {
    **{name: (request(body), {400, 422}) for name, body in BODIES.items()},
    **{f"of type {kind or 'none'}": (request(kind=kind), {415}) for kind in KINDS},
    **{method: (request(method=method), {405}) for method in METHODS},
    **{f"path {path[:40]}": (request(path=path), {400, 401, 404, 405}) for path in PATHS},
    "two types": (request(GOOD, "Content-Type: text/plain"), {415}),
    "compressed": (request(b"\x1f\x8b" + b"\0" * 20, "Content-Encoding: gzip"), {415}),
    "method override": (request(method="PUT", path="/v1/messages?_method=POST"), {405}),
    "method in small letters": (request(method="post"), {400, 405}),
    "a header without end": (request(GOOD, "X: " + "a" * 200_000), {400, 431, None}),
    "a thousand headers": (request(GOOD, *(f"X-{n}: {'a' * 100}" for n in range(1_000)), token="x"), {400, 401, None}),
    "a token of a megabyte": (request(token="a" * 1_000_000), {400, 401, 431, None}),
    "a token of 32 KiB": (request(token="a" * 32_768), {401}),
    "a header over two lines": (request(GOOD, "X: a\r\n b", token="x"), {400, 401}),
    "a header without a name": (request(GOOD, ": a"), {400}),
    "a header with a space before the colon": (request(GOOD, "X : a"), {400}),
    "NUL in a header": (request(GOOD, "X: a\0b"), {400}),
    "two hosts": (request(GOOD, "Host: other"), {400}),
    "no host": (request().replace(b"Host: oxyq.test\r\n", b""), {400}),
    "two lengths": (request(GOOD, "Content-Length: 1"), {400}),
    "a length and chunks": (request(GOOD, "Transfer-Encoding: chunked"), {400}),
    "a length below none": (request(length=-1), {400}),
    "HTTP/0.9": (b"GET /v1/messages\r\n\r\n", {400, None}),
    "HTTP/9.9": (request(version="HTTP/9.9", token="x"), {400, 401, 505, None}),
    "the hello of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, {400, None}),
    "nothing but line breaks": (b"\r\n" * 100_000, {400, 431, None}),
    "bytes": (bytes(range(256)) * 40, {400, None}),
    "a chunk of no size": (chunked(b"zz\r\nabc\r\n0\r\n\r\n"), {400}),
    "a chunk of less than nothing": (chunked(b"-5\r\nabc\r\n0\r\n\r\n"), {400}),
    "a chunk without end": (chunked(b"f" * 40 + b"\r\nabc"), {400, 413, None}),
    "no chunk at all": (chunked(b"0\r\n\r\n"), {400, 422}),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for this file: whatever came, it logged no failure, still answers, and ends in order."""
    server = ServerProcess(tmp_path_factory.mktemp("server"), redis_server.url, PREFIX)
    server.start()
    yield server
    assert status(server, request(b"", method="GET", path="/health")) == 200
    assert server.stop() == 0
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "http.failed" not in log


def answer(server: ServerProcess, sent: bytes) -> bytes:
    """Everything that came back until the other side was done, or had nothing more to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        came = b""
        try:
            connection.sendall(sent)
            if b"Connection: close" not in sent:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                came += piece
        except OSError:
            pass  # it was hung up on before all of it was sent
        return came


def status(server: ServerProcess, sent: bytes) -> int | None:
    """The status of the first answer, None when there was none."""
    came = answer(server, sent)
    return int(came.split(b" ", 2)[1]) if came else None


def keys(redis_server: RedisServer) -> set[str]:
    """Everything this installation has in Redis."""
    with redis_server.client() as redis:
        return set(redis.scan_iter(f"*{PREFIX}*", count=1000))


@pytest.mark.parametrize(("sent", "expected"), REQUESTS.values(), ids=REQUESTS.keys())
def test_it_is_refused_and_nothing_is_written(
    server: ServerProcess, redis_server: RedisServer, sent: bytes, expected: set[int | None]
) -> None:
    before = keys(redis_server)

    came = answer(server, sent)

    assert (int(came.split(b" ", 2)[1]) if came else None) in expected, came[:300]
    assert b"Traceback" not in came
    assert TOKEN.encode() not in came
    assert keys(redis_server) == before


def test_the_same_request_made_well_is_taken(server: ServerProcess, redis_server: RedisServer) -> None:
    """Otherwise all of the above would be refused for another reason."""
    assert status(server, request()) == 202
    assert keys(redis_server)
