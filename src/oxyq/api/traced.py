"""Each HTTP request as a span, for as long as its answer takes; under its route, since addresses hold ids and numbers.

FastAPI's own spans hold the whole address, so they are not used.
"""

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:  # loaded only when traces are on
    from oxyq.telemetry.traces import Traces

#: What machines ask every few seconds, and nobody looks for.
_UNTRACED: Final = ("/health", "/ready", "/metrics")


class Traced:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, traces: "Traces") -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._traces.serving(scope["method"], Headers(scope=scope)) as request:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                request.answered(status, _route(scope))


def _route(scope: Scope) -> str | None:
    """The route with its placeholders, that of the board under where it is mounted; None when none fits."""
    path = getattr(scope.get("route"), "path", None)
    return None if path is None else scope.get("root_path", "") + path
