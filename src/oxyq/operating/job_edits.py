"""New data for a job: checked as for a new job, with the fields kept that only others know."""

from collections.abc import Mapping
from typing import Final

from oxyq.errors import InvalidPayload
from oxyq.jobs import (
    AnyPayload,
    Automation,
    CampaignRequest,
    CampaignRun,
    CampaignSend,
    InboundMessage,
    PersonReply,
    decode,
    parse_new,
    wire,
)
from oxyq.operating.found_job import FoundJob
from oxyq.outcomes import JsonValue

#: What a job is known by elsewhere: in its chat, its campaign, the ledger, the marks of what was withdrawn.
FIXED: Final[Mapping[type[AnyPayload], frozenset[str]]] = {
    InboundMessage: frozenset("organizationId instanceId from messageId chatId lid bsuid participant isGroup".split()),
    Automation: frozenset("organizationId automationId scheduledFor".split()),
    CampaignRequest: frozenset("kind organizationId campaignId".split()),
    CampaignSend: frozenset("kind organizationId campaignId recipient step again slot".split()),
    CampaignRun: frozenset("kind organizationId campaignId generation".split()),
    PersonReply: frozenset("kind organizationId instanceId recipient replyId by".split()),
}


def patched(data: JsonValue, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The data with these fields instead; null takes one out (JSON Merge Patch, RFC 7396, on the first level)."""
    before = data if isinstance(data, dict) else {}
    return {name: value for name, value in {**before, **fields}.items() if value is not None}


def edited(job: FoundJob, data: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the job is to carry from now on; raises InvalidPayload naming the field and the fix."""
    before = job.snapshot.record.data
    known_before = before if isinstance(before, dict) else {}
    payload = decode(job.queue.name, dict(data))
    known = {field.alias or name for name, field in type(payload).model_fields.items()}
    # A new field that we do not know is a misspelt one; those that Node put there stay.
    foreign = {name: value for name, value in data.items() if name not in known and name in known_before}
    checked = parse_new(type(payload), {name: value for name, value in data.items() if name not in foreign})
    after = {**wire(checked), **foreign}
    _refuse_other_facts(job, after)
    return after


def _refuse_other_facts(job: FoundJob, after: Mapping[str, JsonValue]) -> None:
    if job.payload is None:
        before: Mapping[str, JsonValue] = {} if job.organization_id is None else {"organizationId": job.organization_id}
        fixed = frozenset(before)
    else:
        before, fixed = wire(job.payload), FIXED[type(job.payload)]
    for name in sorted(fixed):
        if before.get(name) != after.get(name):
            raise InvalidPayload(name, "cannot be changed, since the job is known by it; add another job instead")
