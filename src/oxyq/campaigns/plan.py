"""Turning a campaign into one send per recipient: valid numbers, each once, texts rendered and frozen."""

from dataclasses import dataclass, field

from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignRequest, CampaignSend, contact_key, normalize_number
from oxyq.templates import render


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent, and what will not with the reason: `skipped` maps the recipient as written to why."""

    sends: tuple[CampaignSend, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def plan(request: CampaignRequest) -> Plan:
    """Plan a campaign; raises InvalidPayload (a variable without a value) before anything is sent to anybody."""
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
        text = render(request.template, variables, request.variables, recipient=written)
        sends.append(
            CampaignSend(
                campaign_id=request.campaign_id,
                organization_id=request.organization_id,
                recipient=number,
                text=text,
                instance_id=request.instance_id,
            )
        )
    return Plan(tuple(sends), skipped)
