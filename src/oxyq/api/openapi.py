"""What the OpenAPI page says beyond what FastAPI can see: bodies that we read ourselves, and errors."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from oxyq.api.chat_views import NewReply
from oxyq.api.consent import Wish
from oxyq.api.errors import ErrorBody
from oxyq.api.person_data import EraseOrder
from oxyq.api.queue_views import CleanOrder, LimitsOrder
from oxyq.engine.options import LONGEST_DELAY_MS
from oxyq.jobs import Automation, CampaignContent, CampaignRequest, InboundMessage
from oxyq.operating.job_tasks.orders import JobOrder

_REFERENCE: Final = "#/components/schemas/{model}"
_BODIES: Final = (
    InboundMessage, Automation, CampaignRequest, CampaignContent, Wish, EraseOrder, NewReply,
    JobOrder, LimitsOrder, CleanOrder,
)  # fmt: skip

_EXAMPLES: Final[Mapping[type[BaseModel], Mapping[str, object]]] = {
    InboundMessage: {
        "organizationId": "org_123",
        "instanceId": "wa_instance_1",
        "from": "5511999999999@c.us",
        "content": "Olá, quero agendar um banho",
        "messageId": "msg_abc123",
        "timestamp": 1795377084000,
    },
    Automation: {
        "automationId": "auto_001",
        "organizationId": "org_123",
        "type": "reminder",
        "recipientNumber": "5511999999999",
        "content": "Lembrete: Consulta amanhã às 10h",
        "scheduledFor": 1795380684000,
        "metadata": {"bookingId": "booking_123"},
    },
    CampaignRequest: {
        "campaignId": "campaign_001",
        "organizationId": "org_123",
        "recipients": ["5511988888888", {"number": "5511977777777", "variables": {"name": "Ana"}}],
        "template": "Olá {{name}}, temos promoção hoje!",
        "variables": {"name": "Cliente"},
        "metaTemplate": {"name": "promo_do_dia", "language": "pt_BR", "parameters": ["{{name}}"]},
    },
    CampaignContent: {
        "campaignId": "campaign_001",
        "organizationId": "org_123",
        "template": "Olá {{name}}, temos promoção hoje!",
        "variables": {"name": "Cliente"},
    },
    NewReply: {"id": "reply_1", "text": "Olá! Aqui é a Paula, posso ajudar?"},
    Wish: {"words": "não quero mais receber promoções"},
    EraseOrder: {"forgetOptOut": False},
    JobOrder: {"kind": "retry", "queue": "message", "state": "failed", "filter": {"organizationId": "org_123"}},
    LimitsOrder: {"concurrency": 20, "rate": 50},
    CleanOrder: {"state": "completed", "olderThanMs": 604_800_000, "dryRun": True},
}

_MEANINGS: Final[Mapping[int, str]] = {
    400: "the body is empty, cut off or no JSON",
    401: "no token, or one that is not valid; the answer is the same whatever is wrong with it",
    403: "the token's role or organization may not do this",
    404: "there is no such thing in your organization",
    408: "the body came too slowly",
    409: "the id was used before with other data, or it cannot be done as things stand: the message says what can",
    413: "the body is too big",
    415: "the body is of another type than is taken here, or is compressed",
    422: "a field is wrong: `field` and `problems` name each and the fix",
    429: "the organization's quota of jobs is used up; nothing was added: try again after `Retry-After` seconds",
    503: "Redis is away, or nearly full; try again after `Retry-After` seconds. Sending the same again is one job",
}


def query_parameter(name: str, description: str, schema: Mapping[str, object]) -> dict[str, object]:
    """A parameter that may be given behind the `?` of an address."""
    return {"name": name, "in": "query", "required": False, "description": description, "schema": {**schema}}


ORGANIZATION_PARAMETER: Final = query_parameter(
    "organizationId", "whose it is; needed with a token that is for all organizations", {"type": "string"}
)
DELAY_PARAMETER: Final = query_parameter(
    "delay_ms",
    "send it after so many milliseconds; goes before `scheduledFor`",
    {"type": "integer", "minimum": 0, "maximum": LONGEST_DELAY_MS},
)


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer, for its `responses`."""
    return {status: {"model": ErrorBody, "description": _MEANINGS[status]} for status in statuses}


def request_body(model: type[BaseModel], *, required: bool = True) -> dict[str, object]:
    """The `requestBody` of a route that takes this model."""
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {"required": required, "content": {"application/json": {"schema": schema, "example": _EXAMPLES[model]}}}


def file_body(examples: Mapping[str, str]) -> dict[str, object]:
    """The `requestBody` of a route that takes a file of one of these media types."""
    content = {kind: {"schema": {"type": "string"}, "example": example} for kind, example in examples.items()}
    return {"required": True, "content": content}


def add_body_schemas(document: dict[str, Any]) -> None:
    """Put the models of all bodies into an OpenAPI document."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in _BODIES:
        schema = model.model_json_schema(by_alias=True, ref_template=_REFERENCE)
        for name, inner in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            schemas[name] = _as_taken(inner)


def _as_taken(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with unknown fields refused, as they are on the way in (from Redis they are kept)."""
    return {**schema, "additionalProperties": False} if "properties" in schema else schema
