"""The door for gateways: no token but their own proof; 200 means that Redis has all of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol, runtime_checkable

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from oxyq.api.body import BODY_BYTES, body_pieces
from oxyq.api.deadline import redis_deadline
from oxyq.api.errors import ApiError, ErrorBody, unavailable
from oxyq.api.openapi import error_answers
from oxyq.errors import ConfigurationError, InvalidPayload, NotFound
from oxyq.gateways.base import BadSignature, Gateway
from oxyq.gateways.by_instance import Gateways
from oxyq.gateways.news import News
from oxyq.instances import Instance, InstanceStore
from oxyq.receiving.receiver import Receiver

#: Meta sends up to 3 MB, Evolution files in base64 unless told not to.
WEBHOOK_BYTES: Final = 4 * 1024 * 1024

_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    **error_answers(400, 404, 408, 413, 422, 429, 503),
    401: {
        "model": ErrorBody,
        "description": "it is not signed as it must be; the answer is the same whatever is wrong",
    },
    404: {"model": ErrorBody, "description": "no instance of this gateway has this id"},
}
_CHALLENGE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "what was asked to be said"},
    **error_answers(404, 422, 503),
    403: {"model": ErrorBody, "description": "the verify token is not this instance's"},
}


class WebhookAnswer(BaseModel):
    """All of it was dealt with; sending the same again changes nothing."""

    received: dict[str, int] = Field(
        description="how many parts of it ended how; those of no known kind are counted and left out",
        examples=[{"messages": 1, "statuses": 2, "unknown": 1}],
    )


@runtime_checkable
class Challenged(Protocol):
    """A gateway whose other side asks, before it sends webhooks, whether this address is ours."""

    def challenge(self, query: Mapping[str, str]) -> str:
        """What to answer; raises BadSignature when the question is not from there."""


class Webhooks:
    """Takes webhooks in for the instance that their address names, whatever they say themselves."""

    def __init__(self, instances: InstanceStore, gateways: Gateways, receiver: Receiver) -> None:
        self._instances = instances
        self._gateways = gateways
        self._receiver = receiver

    def routes(self) -> APIRouter:
        """POST /webhooks/{gateway}/{instance}, and GET for Meta's challenge."""
        router = APIRouter(tags=["webhooks"])
        router.add_api_route("/webhooks/{gateway}/{instance}", self.take, methods=["POST"], responses=_ERRORS)
        router.add_api_route(
            "/webhooks/cloud/{instance}", self.challenge, methods=["GET"], response_model=None,
            responses=_CHALLENGE_ANSWERS,
        )  # fmt: skip
        return router

    async def take(self, request: Request, gateway: str, instance: str) -> WebhookAnswer:
        """Take in what a gateway tells: messages, statuses, connections. After 5xx it must be sent again."""
        async with redis_deadline():
            found = await self._find(gateway, instance)
            proof = await self._gateway(found)
        raw = await _read(request)
        if proof is None:
            raise _unproved()
        headers = _once(request.headers.items())
        try:
            # A few ms for the greatest: in a thread, so that others are answered meanwhile.
            news = (
                _understood(proof, headers, raw)
                if len(raw) <= BODY_BYTES
                else await asyncio.to_thread(_understood, proof, headers, raw)
            )
        except (BadSignature, ConfigurationError) as error:
            _log_refusal(found, error)
            raise _unproved() from None
        async with redis_deadline(len(raw)):
            received = await self._receiver.receive(found, news)
        return WebhookAnswer(received={**received.counts})

    async def challenge(self, request: Request, instance: str) -> Response:
        """Prove to Meta that this address is ours."""
        async with redis_deadline():
            found = await self._find("cloud", instance)
            asked: object = await self._gateway(found)
        try:
            if isinstance(asked, Challenged):
                return PlainTextResponse(asked.challenge(_once(request.query_params.multi_items())))
        except (BadSignature, ConfigurationError) as error:
            _log_refusal(found, error)
        raise ApiError(403, "forbidden", "this is not the verify token of this instance")

    async def _find(self, gateway: str, instance_id: str) -> Instance:
        try:
            found = await self._instances.get(instance_id)
        except InvalidPayload as error:
            # Broken on our side: the sender shall come again, and learns nothing of what is stored.
            structlog.get_logger().error("webhook.broken_instance", problem=str(error))
            raise unavailable("this instance cannot be used at the moment; send the same request again") from None
        if found is None or found.gateway != gateway:
            raise NotFound("there is no such webhook; check its address")
        return found

    async def _gateway(self, instance: Instance) -> Gateway | None:
        """What proves its webhooks; None while its secrets are missing or cannot be opened."""
        try:
            return await self._gateways.of(instance.id)
        except (ConfigurationError, InvalidPayload) as error:
            _log_refusal(instance, error)
            return None


def _understood(gateway: Gateway, headers: Mapping[str, str], raw: bytes) -> News:
    gateway.verify_webhook(headers, raw)
    return gateway.parse_webhook(raw)


async def _read(request: Request) -> bytes:
    body = bytearray()
    async with aclosing(body_pieces(request, WEBHOOK_BYTES)) as coming:
        async for piece in coming:
            body += piece
    return bytes(body)


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """What was said once. Of a signature that comes twice, two readers would take two different ones."""
    times = Counter(name.lower() for name, _ in pairs)
    return {name.lower(): value for name, value in pairs if times[name.lower()] == 1}


def _unproved() -> ApiError:
    return ApiError(401, "unauthorized", "this is not signed as the webhooks of this instance are")


def _log_refusal(instance: Instance, error: Exception) -> None:
    structlog.get_logger().warning(
        "webhook.refused", gateway=instance.gateway, instance=instance.id, why=type(error).__name__, detail=str(error)
    )
