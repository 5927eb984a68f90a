"""Payloads and settings that are as they should be; a test names only what it is about."""

import uuid
from collections.abc import Iterable
from typing import Final

from oxyq.clock import now_ms
from oxyq.jobs import Automation, CampaignRequest, InboundMessage, parse_new
from oxyq.organizations import Organization, demo_organization

ORGANIZATION: Final = "org_test"
INSTANCE: Final = "wa_test"
OWNER: Final = "5511988880000"
CUSTOMER: Final = "5511999990001"


def organization(organization_id: str = ORGANIZATION, **changes: object) -> Organization:
    """A small pet shop with an owner, a number and a list of questions; `changes` are fields of `Organization`.

    Raises ValidationError for what an organization cannot have.
    """
    shop = demo_organization()
    fields = {**shop.model_dump(), "id": organization_id, "owners": [OWNER], "instances": [INSTANCE], **changes}
    return Organization.model_validate(fields)


def inbound_message(content: str = "Olá!", *, number: str = CUSTOMER, **fields: object) -> InboundMessage:
    """A customer wrote, just now; `fields` as in JSON, such as `messageId`. Raises InvalidPayload."""
    return parse_new(
        InboundMessage,
        {
            "organizationId": ORGANIZATION, "instanceId": INSTANCE, "from": f"{number}@c.us", "content": content,
            "messageId": f"msg-{uuid.uuid4().hex}", "timestamp": now_ms(), **fields,
        },
    )  # fmt: skip


def automation(content: str = "Banho amanhã às 10h", *, number: str = CUSTOMER, **fields: object) -> Automation:
    """A reminder, due now unless `scheduledFor` says when; `fields` as in JSON. Raises InvalidPayload."""
    return parse_new(
        Automation,
        {
            "automationId": f"auto-{uuid.uuid4().hex}", "organizationId": ORGANIZATION, "type": "reminder",
            "recipientNumber": number, "content": content, **fields,
        },
    )  # fmt: skip


def campaign(recipients: Iterable[str] | int = 3, **fields: object) -> CampaignRequest:
    """A campaign to these numbers, or to so many made-up ones; `fields` as in JSON. Raises InvalidPayload."""
    numbers = [f"5511{970_000_000 + n}" for n in range(recipients)] if isinstance(recipients, int) else [*recipients]
    return parse_new(
        CampaignRequest,
        {
            "campaignId": f"campaign-{uuid.uuid4().hex}", "organizationId": ORGANIZATION, "recipients": numbers,
            "template": "Olá {{name}}, temos promoção hoje!", "variables": {"name": "Cliente"}, **fields,
        },
    )  # fmt: skip
