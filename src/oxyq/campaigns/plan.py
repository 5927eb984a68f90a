"""Turning a campaign into one send per recipient: valid numbers, each once, texts rendered and frozen."""

from dataclasses import dataclass, field

from pydantic import ValidationError

from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignRequest, CampaignSend
from oxyq.numbers import contact_key, normalize_number
from oxyq.payload_errors import invalid_payload
from oxyq.templates import render


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent, and what will not with the reason: `skipped` maps the recipient as written to why."""

    sends: tuple[CampaignSend, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def plan(request: CampaignRequest) -> Plan:
    """Plan a campaign; one text that cannot be written or sent raises InvalidPayload before anybody gets any."""
    sends, skipped, seen = list[CampaignSend](), dict[str, str](), set[str]()
    for written, variables in request.people():
        try:
            number = normalize_number(written)
        except InvalidPayload as error:
            skipped[written] = f"invalid: {error.problem}"
            continue
        contact = contact_key(number)
        if contact in seen:
            skipped[f"{written} (again)"] = "duplicate"
            continue
        seen.add(contact)
        sends.append(_send(request, number, render(request.template, variables, request.variables, recipient=written)))
    return Plan(tuple(sends), skipped)


def _send(request: CampaignRequest, recipient: str, text: str) -> CampaignSend:
    try:
        # Not `parse_new`, which takes twice as long: a campaign may have a million recipients.
        return CampaignSend(
            campaign_id=request.campaign_id,
            organization_id=request.organization_id,
            recipient=recipient,
            text=text,
            instance_id=request.instance_id,
        )
    except ValidationError as error:
        # All else was checked with the request: the values have made the text too long, or left nothing of it.
        problem = invalid_payload(CampaignSend, error).problem
        raise InvalidPayload("template", f"as rendered for recipient {recipient}, {problem}") from None
