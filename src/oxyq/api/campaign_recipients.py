"""The route that shows the recipients of a campaign by page: everybody, a group of them, or who is looked for."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from oxyq.api.access import Access, tenant
from oxyq.api.campaign_lookup import CampaignLookup
from oxyq.api.cursor import Cursors
from oxyq.api.deadline import redis_deadline
from oxyq.api.masked import is_masked_for
from oxyq.api.openapi import ORGANIZATION_PARAMETER, error_answers, query_parameter
from oxyq.api.query import query_parameters, whole_number
from oxyq.app import App
from oxyq.campaigns.progress import progress
from oxyq.campaigns.recipient import Recipient, Told, masked
from oxyq.campaigns.recipient_search import GROUPS, Group, Search
from oxyq.campaigns.recipients import Recipients
from oxyq.campaigns.row_streams import Mark
from oxyq.errors import InvalidPayload

LISTED, MOST_LISTED = 50, 500
LONGEST_SEARCH: Final = 200

PARAMETERS: Final = [
    query_parameter(
        "state", "only these, in the words of the campaign's counts", {"type": "string", "enum": [*GROUPS]}
    ),
    query_parameter(
        "q", "a number, part of one, or words of the text", {"type": "string", "maxLength": LONGEST_SEARCH}
    ),
    query_parameter("cursor", "`next` of the page before", {"type": "string"}),
    query_parameter(
        "limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    ),
]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RecipientView(_Wire):
    """How it stands with one recipient. Numbers and texts are masked for the roles operator and viewer."""

    row: int = Field(description="of the list as it was handed in, from 1", examples=[1])
    number: str = Field(description="that is written to; of rows left out, as handed in", examples=["5511988888888"])
    status: Told = Field(description="planned: waits for its turn")
    reason: str | None = Field(description="of failed and skipped ones", examples=["the number is not on WhatsApp"])
    provider_id: str | None = Field(description="WhatsApp's id of the message that went out")
    at: int | None = Field(description="since when it stands so, in ms since 1970", examples=[1795377084000])
    text: str = Field(description="what they get; empty where none was made", examples=["Olá Ana!"])


class RecipientsPage(_Wire):
    """Recipients in the order of the list."""

    recipients: list[RecipientView]
    next: str | None = Field(description="the cursor of the next page; null at the end")
    looked: int = Field(description="rows of the list up to the end of this page", examples=[230000])
    total: int = Field(description="rows of the list", examples=[1000000])


class CampaignRecipients:
    """Answers for the recipients of campaigns of the caller's organization."""

    def __init__(self, app: App, lookup: CampaignLookup, cursors: Cursors) -> None:
        self._recipients = Recipients(app.campaigns)
        self._lookup = lookup
        self._cursors = cursors

    def routes(self, access: Access) -> APIRouter:
        """GET /v1/campaigns/{campaign_id}/recipients."""
        router = APIRouter(prefix="/v1", tags=["campaigns"])
        router.add_api_route(
            "/campaigns/{campaign_id}/recipients", self.page, methods=["GET"], dependencies=access.look(),
            responses=error_answers(401, 404, 409, 422, 503),
            openapi_extra={"parameters": [*PARAMETERS, ORGANIZATION_PARAMETER]},
        )  # fmt: skip
        return router

    async def page(self, request: Request, campaign_id: str) -> RecipientsPage:
        """Who got it, who did not and why, by page.

        A page may hold fewer than `limit`, even none, where a search takes long; `next` goes on behind it.
        """
        parameters = query_parameters(request, "state", "q", "cursor", "limit", "organizationId")
        organization_id, is_masked = tenant(request, parameters), is_masked_for(request)
        limit = whole_number(parameters, "limit", MOST_LISTED, least=1)
        search = Search(searched_words(parameters), is_masked=is_masked)
        group = wanted_group(parameters.get("state"))
        mark = Mark.read(self._cursors.read(parameters["cursor"])) if "cursor" in parameters else Mark()
        async with redis_deadline():
            campaign = await self._lookup.taken_in(organization_id, campaign_id)
            page = await self._recipients.page(campaign, search, mark, group=group, limit=limit or LISTED)
        shown = map(masked, page.recipients) if is_masked else page.recipients
        return RecipientsPage(
            recipients=[_view(recipient) for recipient in shown],
            next=None if page.next is None else self._cursors.sign(str(page.next)),
            looked=page.looked,
            total=progress(campaign).recipients,
        )


def searched_words(parameters: dict[str, str]) -> str:
    """What is looked for; InvalidPayload when it is longer than what anybody looks for."""
    words = parameters.get("q", "")
    if len(words) > LONGEST_SEARCH:
        raise InvalidPayload("q", f"has more than {LONGEST_SEARCH} characters; shorten it")
    return words


def wanted_group(given: str | None) -> Group | None:
    """The group of this name, None for none; InvalidPayload."""
    for group in GROUPS:
        if group == given:
            return group
    if given is not None:
        raise InvalidPayload("state", f"must be one of {', '.join(GROUPS)}")
    return None


def _view(recipient: Recipient) -> RecipientView:
    return RecipientView(
        row=recipient.row, number=recipient.number, status=recipient.status, reason=recipient.reason,
        provider_id=recipient.provider_id, at=recipient.at_ms, text=recipient.text,
    )  # fmt: skip
