"""Metrics of a process that serves no HTTP otherwise: GET /metrics on a port of its own."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from oxyq.errors import ConfigurationError
from oxyq.telemetry.metrics.exposition import CONTENT_TYPE
from oxyq.telemetry.metrics.readers import Readers

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

#: A loop that is busy for longer tells nothing; shorter than Prometheus's patience (10 s).
ANSWER_SECONDS: Final = 5.0
#: For so long a connection may say nothing.
IDLE_SECONDS: Final = 10.0


@contextmanager
def metrics_listener(host: str, port: int, readers: Readers, text: Callable[[], bytes]) -> Iterator[int]:
    """Answer with `text()` while the block runs; gives the port. Called in a running loop, which makes the text.

    Raises ConfigurationError when nobody can listen there.
    """
    # Here, because only who asks for it shall load a server. It has threads of its own, so a reader who is slow, or who
    # asks while the loop is busy, holds nobody up.
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        block_on_close = False

    class Handler(WSGIRequestHandler):
        timeout = IDLE_SECONDS

        def address_string(self) -> str:
            return str(self.client_address[0])  # never a question to a name server

        def log_message(self, format: str, *args: object) -> None:
            pass  # no line for every scrape

    loop = asyncio.get_running_loop()
    try:
        server = make_server(host, port, _answering(loop, readers, text), Server, Handler)
    except OSError as error:
        raise ConfigurationError(
            f"OXYQ_METRICS_PORT: cannot listen on {host}:{port} ({error.strerror}); each worker process on a machine "
            "needs a port of its own"
        ) from None
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="oxyq-metrics", daemon=True
    )
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _answering(
    loop: asyncio.AbstractEventLoop, readers: Readers, text: Callable[[], bytes]
) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    async def in_the_loop() -> bytes:
        return text()  # what is counted belongs to the loop

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        status, body = _status(environ, readers), b""
        if status is HTTPStatus.OK:
            try:
                body = asyncio.run_coroutine_threadsafe(in_the_loop(), loop).result(ANSWER_SECONDS)
            except (TimeoutError, RuntimeError):  # busy, or closed a moment ago
                status = HTTPStatus.SERVICE_UNAVAILABLE
        headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


def _status(environ: "WSGIEnvironment", readers: Readers) -> HTTPStatus:
    if environ.get("PATH_INFO") != "/metrics":
        return HTTPStatus.NOT_FOUND
    if environ.get("REQUEST_METHOD") != "GET":
        return HTTPStatus.METHOD_NOT_ALLOWED
    shown = environ.get("HTTP_AUTHORIZATION")
    is_forwarded = any(name in environ for name in ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR"))
    match readers.may([] if shown is None else [shown], str(environ.get("REMOTE_ADDR")), is_forwarded=is_forwarded):
        case "yes":
            return HTTPStatus.OK
        case "token":
            return HTTPStatus.UNAUTHORIZED
        case "only here":
            return HTTPStatus.FORBIDDEN
