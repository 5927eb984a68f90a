"""Serving an ASGI application on this machine for as long as a block runs, and replies that are cut off."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_STOP_SECONDS: Final = 1


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever runs it decides when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(application: Starlette, port: int = 0) -> AsyncIterator[str]:
    """The application on 127.0.0.1, on any free port by default; gives its address. OSError when the port is taken."""
    # With its protocol named: asyncio turns Nagle's delay off only then, and each reply would take 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen()
        config = uvicorn.Config(
            # uvicorn would report each reply that is cut off on purpose.
            application, log_config=None, log_level="critical", access_log=False, lifespan="off",
            timeout_graceful_shutdown=_STOP_SECONDS, server_header=False, proxy_headers=False,
        )  # fmt: skip
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            # Nobody waits for the replies that are still on their way.
            server.should_exit = server.force_exit = True
            await asyncio.wait([task], timeout=_STOP_SECONDS + 2)


class CutReply(Response):
    """The beginning of a reply, and then the end of the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent; uvicorn closes the connection of an application that ends like this."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"mess', "more_body": True})
