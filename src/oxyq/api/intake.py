"""The routes that take payloads in: 202 means that Redis has it."""

from typing import Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from oxyq.api.access import Access, caller, require_organization, tell_audit
from oxyq.api.body import BODY_BYTES, CAMPAIGN_BODY_BYTES, JsonBody, read_object
from oxyq.api.campaign_lookup import CampaignView
from oxyq.api.deadline import redis_deadline
from oxyq.api.drafts import Drafts
from oxyq.api.openapi import DELAY_PARAMETER, error_answers, query_parameter, request_body
from oxyq.api.query import one_of, query_parameters, whole_number
from oxyq.engine.options import LONGEST_DELAY_MS
from oxyq.errors import InvalidPayload
from oxyq.jobs import Automation, CampaignContent, CampaignRequest, InboundMessage, Payload, parse_new
from oxyq.producer import Producer

_ERRORS: Final = error_answers(400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
_DRAFT_PARAMETER: Final = query_parameter(
    "draft", "make it without `recipients`, to be filled and started by hand", {"type": "boolean", "default": False}
)
_DRAFT_ANSWERS: Final = {
    201: {"model": CampaignView, "description": "the draft, with `draft=true`"},
    **error_answers(404),
}


class Accepted(BaseModel):
    """Redis has the job; sending the same again gives the same answer and changes nothing."""

    id: str = Field(
        description="made of the business facts in the body", examples=["msg-0b1ca9dd8a3a4ab0cbb1b9a0bd30cc4f"]
    )
    queue: Literal["message", "automation", "campaign"]
    status: Literal["accepted"] = "accepted"


class Intake:
    """Takes payloads in and hands them to the producer."""

    def __init__(self, producer: Producer, drafts: Drafts) -> None:
        self._producer = producer
        self._drafts = drafts

    def routes(self, access: Access) -> APIRouter:
        """POST /v1/messages, /v1/automations and /v1/campaigns."""
        router = APIRouter(prefix="/v1", tags=["jobs"])
        for path, endpoint, action, model, parameters, answers in (
            ("/messages", self.add_message, "message.add", InboundMessage, [], {}),
            ("/automations", self.add_automation, "automation.add", Automation, [DELAY_PARAMETER], {}),
            ("/campaigns", self.add_campaign, "campaign.add", CampaignRequest, [_DRAFT_PARAMETER], _DRAFT_ANSWERS),
        ):
            router.add_api_route(
                path, endpoint, methods=["POST"], dependencies=access.intake(action), status_code=202,
                response_model=Accepted, responses={**_ERRORS, **answers},
                openapi_extra={"requestBody": request_body(model), "parameters": parameters},
            )  # fmt: skip
        return router

    async def add_message(self, request: Request, response: Response) -> Accepted:
        """Add an incoming message: it is answered, or given to a person when its `timestamp` is too long ago."""
        query_parameters(request)
        body = await read_payload(request, InboundMessage, BODY_BYTES)
        async with redis_deadline():
            job_id = await self._producer.add_message_job(body.fields)
        return _accepted(request, response, body, Accepted(id=job_id, queue="message"))

    async def add_automation(self, request: Request, response: Response) -> Accepted:
        """Add a reminder or follow-up: it is sent after `delay_ms`, or else at its `scheduledFor`, or else now."""
        delay_ms = whole_number(query_parameters(request, "delay_ms"), "delay_ms", LONGEST_DELAY_MS)
        body = await read_payload(request, Automation, BODY_BYTES)
        async with redis_deadline():
            job_id = await self._producer.add_automation_job(body.fields, delay_ms=delay_ms)
        return _accepted(request, response, body, Accepted(id=job_id, queue="automation"))

    async def add_campaign(self, request: Request, response: Response) -> Accepted | Response:
        """Add a campaign: its template is sent to each recipient, at its `startAt` or else now."""
        if one_of(query_parameters(request, "draft"), "draft", "false", "true") == "true":
            return await self._add_draft(request)
        body = await read_payload(request, CampaignRequest, CAMPAIGN_BODY_BYTES)
        async with redis_deadline(body.bytes):
            job_id = await self._producer.add_campaign_job(body.fields)
        return _accepted(request, response, body, Accepted(id=job_id, queue="campaign"))

    async def _add_draft(self, request: Request) -> Response:
        body = await read_payload(request, CampaignContent, CAMPAIGN_BODY_BYTES)
        if "recipients" in body.fields:
            raise InvalidPayload(
                "recipients",
                "are handed in by PUT /v1/campaigns/{campaignId}/recipients to a draft; leave them out, or draft=true",
            )
        content = parse_new(CampaignContent, body.fields)
        tell_audit(request, organization_id=content.organization_id, campaign=content.campaign_id, draft=True)
        async with redis_deadline():
            view = await self._drafts.make(content)
        location = f"/v1/campaigns/{quote(content.campaign_id, safe='')}"
        return JSONResponse(view.model_dump(by_alias=True), 201, {"Location": location})


async def read_payload(request: Request, model: type[Payload], cap_bytes: int) -> JsonBody:
    """The body, its organization compared with the token's; everything else about it is the producer's to check."""
    body = await read_object(request, cap_bytes)
    for name, field in model.model_fields.items():
        # The producer takes Python's names too. On the wire there is one name, the one that is compared below.
        if name != field.alias and name in body.fields:
            raise InvalidPayload(name, f"is not a known field; did you mean {field.alias}?")
    require_organization(caller(request), body.fields.get("organizationId"))
    return body


def _accepted(request: Request, response: Response, body: JsonBody, accepted: Accepted) -> Accepted:
    # The producer has checked that it is text.
    tell_audit(request, organization_id=str(body.fields["organizationId"]), queue=accepted.queue, id=accepted.id)
    response.headers["Location"] = f"/v1/jobs/{accepted.queue}/{accepted.id}"
    return accepted
