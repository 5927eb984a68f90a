"""The form that says what a campaign says: read into its content, and filled with it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from oxyq.campaigns.campaign import Campaign
from oxyq.dashboard.forms import Form
from oxyq.errors import InvalidPayload
from oxyq.jobs import CampaignContent, parse_new
from oxyq.organizations import Organization
from oxyq.outcomes import JsonValue

#: The form's field for each field of the content, by how it begins.
_FIELDS: Final[Mapping[str, str]] = {
    "campaignId": "name",
    "template": "text",
    "variables": "variables",
    "startAt": "start",
    "instanceId": "instance",
    "metaTemplate.name": "meta_name",
    "metaTemplate.language": "meta_language",
    "metaTemplate": "meta_parameters",
}
_LOCAL: Final = "%Y-%m-%dT%H:%M"
DEFAULT_LANGUAGE: Final = "pt_BR"


@dataclass(slots=True)
class CampaignForm:
    """What stands in the form, and what is wrong with it, by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.values.get(name, "")

    def problem(self, name: str) -> str:
        """What is wrong with a field; "" when nothing is."""
        return self.problems.get(name, "")


def read_content(form: Form, organization: Organization, campaign_id: str | None = None) -> CampaignContent:
    """What the campaign says; InvalidPayload names the field of the content. `campaign_id`: it has its name already."""
    name = (campaign_id or form.optional("name") or "").strip()
    if campaign_id is None and ("/" in name or name.startswith(".")):
        raise InvalidPayload("campaignId", "must not have / in it, nor begin with a dot; its name is part of addresses")
    content: dict[str, JsonValue] = {
        "campaignId": name,
        "organizationId": organization.id,
        "template": form.optional("text") or "",
        "variables": {**_variables(form.optional("variables") or "")},
    }
    if instance := form.optional("instance"):
        content["instanceId"] = instance
    if form.optional("when") == "later":
        content["startAt"] = _start(form.optional("start"), organization)
    if form.optional("meta_name"):
        content["metaTemplate"] = {
            "name": form.text("meta_name").strip(),
            "language": (form.optional("meta_language") or DEFAULT_LANGUAGE).strip(),
            "parameters": [*(form.optional("meta_parameters") or "").splitlines()],
        }
    return parse_new(CampaignContent, content)


def filled(campaign: Campaign, organization: Organization) -> dict[str, str]:
    """The form as it was when this campaign was made."""
    template, starts = campaign.meta_template, campaign.start_at
    zone = ZoneInfo(organization.time_zone)
    return {
        "name": campaign.id,
        "text": campaign.template,
        "variables": "\n".join(f"{name}={value}" for name, value in campaign.variables.items()),
        "instance": campaign.instance_id or "",
        "when": "now" if starts is None else "later",
        "start": "" if starts is None else datetime.fromtimestamp(starts / 1000, zone).strftime(_LOCAL),
        "meta_name": template.name if template else "",
        "meta_language": template.language if template else "",
        "meta_parameters": "\n".join(template.parameters) if template else "",
    }


def form_problems(error: InvalidPayload) -> list[tuple[str, str]]:
    """(field of the form, problem) of all that is wrong; "" is the form as a whole."""
    found = list[tuple[str, str]]()
    for path, problem in error.problems:
        name = next((name for beginning, name in _FIELDS.items() if path.startswith(beginning)), "")
        found.append((name, problem))
    return found


def _variables(written: str) -> dict[str, str]:
    values = dict[str, str]()
    for line in written.splitlines():
        name, sign, value = line.partition("=")
        if not line.strip():
            continue
        if not sign:
            raise InvalidPayload("variables", "must be a name and a value on each line, such as nome=cliente")
        values[name.strip()] = value.strip()
    return values


def _start(written: str | None, organization: Organization) -> int:
    try:
        at = datetime.strptime((written or "")[:16], _LOCAL).replace(tzinfo=ZoneInfo(organization.time_zone))
    except ValueError:
        raise InvalidPayload("startAt", "must be a day and a time, such as 2026-12-01T09:00") from None
    return int(at.timestamp()) * 1000
