"""New data for a job: what may change, what must stay, and what only others know."""

from typing import Any

import pytest

from oxyq.engine import Hub, Queue
from oxyq.engine.job_control import JobSnapshot
from oxyq.engine.record import JobRecord
from oxyq.errors import InvalidPayload
from oxyq.jobs import decode
from oxyq.operating.found_job import FoundJob
from oxyq.operating.job_edits import FIXED, edited, patched
from oxyq.outcomes import JsonValue

MESSAGE = {"organizationId": "org_1", "instanceId": "wa", "from": "5511999998888@c.us", "content": "Oi",
           "messageId": "m-1", "timestamp": 1_795_377_084_000}  # fmt: skip
AUTOMATION = {"automationId": "a-1", "organizationId": "org_1", "type": "reminder",
              "recipientNumber": "5511999998888", "content": "Oi"}  # fmt: skip
SEND = {"kind": "campaign.send", "v": 1, "campaignId": "c-1", "organizationId": "org_1",
        "recipient": "5511999998888", "text": "Oi", "step": 0}  # fmt: skip
REQUEST = {"campaignId": "c-1", "organizationId": "org_1", "recipients": ["5511999998888"], "template": "Oi"}


def job(queue: str, data: dict[str, JsonValue]) -> FoundJob:
    there = Queue(queue, hub=Hub("redis://localhost:1"))
    try:
        payload = decode(queue, data)
    except InvalidPayload as error:
        return FoundJob(there, JobSnapshot(JobRecord("j-1", data=data), "failed"), None, str(error))
    return FoundJob(there, JobSnapshot(JobRecord("j-1", data=data), "failed"), payload)


@pytest.mark.parametrize(
    ("queue", "data", "name", "value"),
    [
        ("message", MESSAGE, "organizationId", "org_2"),
        ("message", MESSAGE, "from", "5511977777777@c.us"),
        ("message", MESSAGE, "messageId", "m-2"),
        ("message", MESSAGE, "chatId", "c-2"),
        ("automation", AUTOMATION, "automationId", "a-2"),
        ("automation", AUTOMATION, "scheduledFor", 1_795_377_084_000),
        ("campaign", SEND, "recipient", "5511977777777"),
        ("campaign", SEND, "again", 1),
        ("campaign", REQUEST, "campaignId", "c-2"),
    ],
)
async def test_facts_by_which_a_job_is_known_stay(queue: str, data: Any, name: str, value: JsonValue) -> None:
    with pytest.raises(InvalidPayload) as refused:
        edited(job(queue, data), {**data, name: value})

    assert (refused.value.field, refused.value.problem[:17]) == (name, "cannot be changed")


@pytest.mark.parametrize(
    ("queue", "data", "changes"),
    [
        ("message", MESSAGE, {"content": "Olá"}),
        ("automation", AUTOMATION, {"content": "Olá", "recipientNumber": "5511977777777", "type": "note"}),
        ("campaign", SEND, {"text": "Olá"}),
        ("campaign", REQUEST, {"template": "Olá", "recipients": ["5511977777777"]}),
    ],
)
async def test_what_it_says_changes(queue: str, data: Any, changes: dict[str, JsonValue]) -> None:
    assert edited(job(queue, data), {**data, **changes}).items() >= {**data, **changes}.items()


@pytest.mark.parametrize("kind", ["campaign.run", "campaign.send", None])
async def test_no_campaign_job_becomes_one_of_another_kind(kind: str | None) -> None:
    before, other = (REQUEST, SEND) if kind else (SEND, REQUEST)
    with pytest.raises(InvalidPayload):
        edited(job("campaign", before), patched(before, {**other, "kind": kind, "generation": 0}))


async def test_fields_that_only_node_knows_stay_and_misspelt_ones_are_refused() -> None:
    before = {**AUTOMATION, "tag": "node"}

    assert edited(job("automation", before), {**before, "tag": "other"})["tag"] == "other"
    assert "tag" not in edited(job("automation", before), AUTOMATION)
    with pytest.raises(InvalidPayload, match=r"contnet: is not a known field; did you mean content\?"):
        edited(job("automation", before), {**before, "contnet": "x"})


async def test_what_nobody_could_read_is_mended_within_its_organization() -> None:
    broken = {"organizationId": "org_1", "content": 5}

    assert edited(job("automation", broken), AUTOMATION) == AUTOMATION
    with pytest.raises(InvalidPayload, match="organizationId: cannot be changed"):
        edited(job("automation", broken), {**AUTOMATION, "organizationId": "org_2"})
    assert edited(job("automation", {"content": 5}), AUTOMATION) == AUTOMATION, "it was nobody's"


def test_a_patch_changes_the_first_level_and_null_takes_out() -> None:
    assert patched({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": 3}, "e": 4}) == {"b": {"c": 3}, "e": 4}
    assert patched("no object", {"a": 1}) == {"a": 1}


def test_every_payload_has_its_fixed_facts() -> None:
    assert all("organizationId" in fixed for fixed in FIXED.values())
    known = {model: {field.alias or name for name, field in model.model_fields.items()} for model in FIXED}
    assert all(fixed - {"kind"} <= known[model] for model, fixed in FIXED.items())
