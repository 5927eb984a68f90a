"""One door before several shards: each request goes to the shard of the organization that it is about."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oxyq.access.tokens import BadToken, Principal, Verifier
from oxyq.api.application import create_api
from oxyq.api.body import CAMPAIGN_BODY_BYTES, JSON_TYPE, read_object
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError, as_api_error
from oxyq.api.guard import SAFE_METHODS, Guard
from oxyq.api.metrics import METRICS_PATH, SCALING_PATH
from oxyq.api.shard_health import ShardedHealth
from oxyq.dashboard.board import MOUNTED_AT
from oxyq.dashboard.entrance import COOKIE
from oxyq.errors import OrganizationMoving, OxyqError
from oxyq.shards.shards import Shard, Shards

#: Which shard somebody who sees all looks at: a parameter of any address, kept in a cookie on the board.
SHARD: Final = "shard"
#: In every answer: which shard it is of.
ANSWERED_BY: Final = "Oxyq-Shard"
_BEARER: Final = re.compile(r"Bearer (\S+)", re.ASCII)
_WEBHOOK: Final = re.compile(r"/webhooks/[^/]+/([^/]+)")
_ORGANIZATION: Final = re.compile(rf"(?:/v1|{MOUNTED_AT})/organizations/([^/]+)(?:/.*)?")
_INSTANCE: Final = re.compile(r"/v1/instances/([^/]+)(?:/.*)?")
#: Who of these may name their organization in the body.
_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))


@dataclass(slots=True)
class _Way:
    """Where a request goes: the shard, and the organization that it is about, if it is about one."""

    shard: Shard
    organization_id: str | None = None


class ShardDoor:
    """The ASGI application over those of the shards.

    The organization is the token's or the session's; of those who may act for all, it is what the address or the body
    names. A webhook's is that of the instance in its address. What is about no single organization is answered by the
    shard that `?shard=` names, else by home.
    """

    def __init__(self, shards: Shards, apis: Mapping[str, ASGIApp], verifier: Verifier) -> None:
        self._shards = shards
        self._apis = apis
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._apis[self._shards.home.name](scope, receive, send)
            return
        chosen, scope = _take_choice(scope)
        body = _Replayed(receive)
        try:
            way = await self._way(Request(scope, body), chosen)
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        # For the board, which offers the choice.
        scope.setdefault("state", {})["shards"] = {name: name == way.shard.name for name in self._shards.by_name}
        await self._apis[way.shard.name](scope, body.again(), self._answer(way, scope, chosen, send))

    async def _way(self, request: Request, chosen: str | None) -> _Way:
        shards, path = self._shards, request.url.path
        if webhook := _WEBHOOK.fullmatch(path):
            async with redis_deadline():
                return _Way(*await shards.of_instance(unquote(webhook[1])))
        if path in (METRICS_PATH, SCALING_PATH):
            return _Way(shards.by_name.get(chosen or "", shards.home))  # its door asks for a token of another kind
        async with redis_deadline():
            principal = await self._principal(request)
        if principal is None:
            return _Way(shards.home)  # its door says why nobody is let in, and answers what is open to all
        organization_id = principal.org or await self._named(request)
        async with redis_deadline():
            if organization_id is not None:
                return _Way(await shards.of(organization_id), organization_id)
            if instance := _INSTANCE.fullmatch(path):
                return _Way(*await shards.of_instance(unquote(instance[1])))
        kept = request.cookies.get(SHARD) if path.startswith(MOUNTED_AT) else None
        return _Way(shards.by_name.get(chosen or kept or "", shards.home))

    async def _principal(self, request: Request) -> Principal | None:
        if request.url.path.startswith(MOUNTED_AT):
            secret = request.cookies.get(COOKIE)
            session = await self._shards.home.app.sessions.find(secret) if secret else None
            return None if session is None else session.principal
        found = _BEARER.fullmatch(request.headers.get("authorization", ""))
        try:
            return None if found is None else self._verifier.verify(found[1])
        except BadToken:
            return None

    async def _named(self, request: Request) -> str | None:
        """What somebody who may act for all says whom it is about."""
        if in_path := _ORGANIZATION.fullmatch(request.url.path):
            return unquote(in_path[1])
        if in_query := request.query_params.get("organizationId"):
            return in_query
        is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON_TYPE
        if request.method not in _WITH_BODY or not is_json:
            return None
        try:
            # Read as the shard's own door reads it, so that both see the same organization.
            named = (await read_object(request, CAMPAIGN_BODY_BYTES)).fields.get("organizationId")
        except (ApiError, OxyqError):
            return None  # and that door says what is wrong with it
        return named if isinstance(named, str) and named else None

    def _answer(self, way: _Way, scope: Scope, chosen: str | None, send: Send) -> Send:
        """Sends the answer, unless the organization left while it was made: nobody knows then what went along."""
        is_refused = False

        async def answer(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start":
                if message["status"] < 400 and scope["method"] not in SAFE_METHODS and not await _is_still_here(way):
                    is_refused = True
                    return await _refuse(OrganizationMoving(way.organization_id or ""), scope, _nothing, send)
                headers = MutableHeaders(scope=message)
                headers[ANSWERED_BY] = way.shard.name
                if chosen is not None and scope["path"].startswith(MOUNTED_AT):
                    headers.append(
                        "Set-Cookie", f"{SHARD}={way.shard.name}; Path={MOUNTED_AT}; SameSite=strict; Secure; HttpOnly"
                    )
            if not is_refused:
                await send(message)
            return None

        return answer


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the shards' doors answer what is raised in them; what we did not expect is in the log."""
    refusal = as_api_error(error)

    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        raise error if refusal.status == 500 else refusal

    await Guard(refused)(scope, receive, send)


async def _is_still_here(way: _Way) -> bool:
    if way.organization_id is None:
        return True
    try:
        async with redis_deadline():
            return await way.shard.is_at_home_here(way.organization_id)
    except OxyqError:
        return False  # nobody can know


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _take_choice(scope: Scope) -> tuple[str | None, Scope]:
    """The shard that the address names, and the request without that: no other door knows the parameter."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    chosen = [value for name, value in pairs if name == SHARD]
    if not chosen:
        return None, scope
    rest = urlencode([pair for pair in pairs if pair[0] != SHARD]).encode("latin-1")
    return chosen[-1], {**scope, "query_string": rest}


class _Replayed:
    """A request's body, read here perhaps, and then read again by whoever it is for."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._heard = deque[Message]()
        self._replaying = False

    async def __call__(self) -> Message:
        """The next piece."""
        if self._replaying and self._heard:
            return self._heard.popleft()
        message = await self._receive()
        if not self._replaying:
            self._heard.append(message)
        return message

    def again(self) -> Receive:
        """The same from its beginning."""
        self._replaying = True
        return self


def create_sharded_api(shards: Shards) -> ASGIApp:
    """The application before all of these shards; raises ConfigurationError when there is no secret for tokens."""
    home = shards.home
    apis = {
        name: create_api(shard.app, ShardedHealth(shards) if shard is home else None)
        for name, shard in shards.by_name.items()
    }
    return ShardDoor(shards, apis, Verifier.of(home.app.settings))
