"""What holds for every request: an id, safe headers, nothing from foreign sites, no traceback whatever happens."""

import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oxyq.api.errors import ApiError, as_api_error, error_response, log_unexpected

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Ours, not the caller's: it must not forge or mix up lines of the log.
        request_id = scope.setdefault("state", {})["request_id"] = secrets.token_hex(8)
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _complete(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            headers = Headers(scope=scope)
            _refuse_two_lengths(headers)
            _refuse_foreign_site(scope["method"], headers)
            await self._app(scope, receive, send_guarded)
        except Exception as error:
            if not isinstance(error, ApiError):
                log_unexpected(error, scope["method"], getattr(scope.get("route"), "path", "?"), request_id)
            if not started:
                await error_response(as_api_error(error), request_id)(scope, receive, send_guarded)


def _complete(headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def _refuse_two_lengths(headers: Headers) -> None:
    """A proxy that believes the other length would take a part of this body for the next caller's request."""
    if "content-length" in headers and "transfer-encoding" in headers:
        text = "the request has both Content-Length and Transfer-Encoding; send one"
        raise ApiError(400, "ambiguous_length", text, headers={"Connection": "close"})


def _refuse_foreign_site(method: str, headers: Headers) -> None:
    """A page of another site may not make its visitor's browser change anything here."""
    if method in SAFE_METHODS:
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin") or (origin is not None and _host(origin) != headers.get("host")):
        raise ApiError(403, "cross_site", "requests from pages of other sites are refused; call from a server")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
